//! SESSION_SETUP, LOGOFF, TREE_CONNECT and TREE_DISCONNECT, [MS-SMB2] 3.3.5.5 to 3.3.5.8.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use chacha20::rand_core::Rng;
use standpipe_security::{Sid, Token};

use super::dispatch::{Handled, Request};
use super::{Connection, DisconnectReason, Encryption, Event, Now, Output, SessionId};
use crate::NtStatus;
use crate::auth::server::{Acceptor, Logon, LogonFailure, LogonRefused, Step, StepInput};
use crate::crypto::encryption::{Opener, Sealer};
use crate::crypto::{PreauthHash, SessionKeys};
use crate::wire::negotiate::SECURITY_SIGNING_REQUIRED;
use crate::wire::session::{SESSION_BINDING, SESSION_ENCRYPT_DATA, SHARE_NO_CACHING, SHARE_TYPE_PIPE};
use crate::wire::{
    Empty, SessionSetupRequest, SessionSetupResponse, TreeConnectRequest, TreeConnectResponse,
};

/// The most that anybody can be granted on `IPC$`: all of a file's rights.
const MAXIMAL_ACCESS: u32 = 0x001F_01FF;
/// How long the parts of a share's path may be, [MS-SMB2] 2.2.9.
const MAX_SERVER_NAME: usize = 255;
const MAX_SHARE_NAME: usize = 80;
/// Log-ons that can be under way on a connection on which nobody has logged on.
const SESSIONS_OF_STRANGERS: usize = 2;

/// A session: somebody who logs on or has logged on.
pub(super) struct Session {
    pub(super) state: SessionState,
}

/// How far a session has come, [MS-SMB2] 3.3.1.8 *Session.State*.
pub(super) enum SessionState {
    /// The first log-on is under way.
    LoggingOn(Box<LogOn>),
    /// Somebody has logged on, and that counts `until` then; without it, for ever.
    Valid { session: Box<Established>, until: Option<Duration> },
    /// The log-on is too old: unless the same user logs on again, what is open can only be closed, and all of it ends
    /// at `until`.
    Expired { session: Box<Established>, until: Duration },
}

/// A log-on under way.
pub(super) struct LogOn {
    acceptor: Acceptor,
    /// The hash over the messages so far, in 3.1.1.
    preauth: Option<PreauthHash>,
}

/// What a session has once somebody has logged on. It keeps all of it while it is expired.
pub(super) struct Established {
    account: Sid,
    pub(super) user: Arc<str>,
    pub(super) token: Arc<Token>,
    pub(super) keys: Arc<SessionKeys>,
    pub(super) signing_required: bool,
    pub(super) encryption_required: bool,
    /// Opens the client's encrypted messages. What seals the server's is kept by the connection, for the replies
    /// to the requests that end the session.
    pub(super) opener: Option<Opener>,
    pub(super) trees: BTreeSet<u32>,
    next_tree: u32,
    /// Another log-on of the same user, [MS-SMB2] 3.3.5.5.2.
    again: Option<LogOn>,
}

impl Session {
    /// What somebody who has logged on has, also while that is too old.
    pub(super) fn established(&self) -> Option<&Established> {
        match &self.state {
            SessionState::Valid { session, .. } | SessionState::Expired { session, .. } => Some(session),
            SessionState::LoggingOn(_) => None,
        }
    }

    fn established_mut(&mut self) -> Option<&mut Established> {
        match &mut self.state {
            SessionState::Valid { session, .. } | SessionState::Expired { session, .. } => Some(session),
            SessionState::LoggingOn(_) => None,
        }
    }

    /// When its present state is over, by the clock of [`Now::monotonic`].
    fn until(&self) -> Option<Duration> {
        match self.state {
            SessionState::Valid { until, .. } => until,
            SessionState::Expired { until, .. } => Some(until),
            SessionState::LoggingOn(_) => None,
        }
    }

    pub(super) fn is_expired(&self) -> bool {
        matches!(self.state, SessionState::Expired { .. })
    }

    /// The hash of the first log-on, while it is under way. Logging on again does not change the keys.
    pub(super) fn preauth_mut(&mut self) -> Option<&mut PreauthHash> {
        match &mut self.state {
            SessionState::LoggingOn(log_on) => log_on.preauth.as_mut(),
            SessionState::Valid { .. } | SessionState::Expired { .. } => None,
        }
    }
}

impl Connection {
    pub(super) fn session_setup(&mut self, now: Now, request: &Request<'_>) -> Result<Handled, Handled> {
        let setup = SessionSetupRequest::decode(request.message)?;
        if setup.flags & SESSION_BINDING != 0 {
            // A session of another connection cannot be bound: multichannel is not offered.
            return Err(match request.session_id {
                0 => NtStatus::INVALID_PARAMETER,
                id if self.sessions.contains_key(&id) => NtStatus::REQUEST_NOT_ACCEPTED,
                _ => NtStatus::USER_SESSION_DELETED,
            }
            .into());
        }
        let (id, log_on) = self.take_log_on(request)?;
        let mut challenge = [0; 8];
        self.random.fill_bytes(&mut challenge);
        let config = Arc::clone(&self.config);
        let input =
            StepInput { names: &config.names, challenge, time: now.wall, accounts: config.accounts.as_ref() };
        match self.ask_gate(log_on.acceptor.step(setup.token, &input)) {
            Ok(Step::Continue { acceptor, token }) => {
                self.keep_log_on(id, LogOn { acceptor, preauth: log_on.preauth });
                self.frames.set_session(id, None);
                SessionSetupResponse { flags: 0, token: &token }.encode(self.frames.clear_body());
                Ok(Handled::Done(NtStatus::MORE_PROCESSING_REQUIRED))
            }
            Ok(Step::Done { logon, token }) => {
                let client_requires = u16::from(setup.security_mode) & SECURITY_SIGNING_REQUIRED != 0;
                self.logged_on(now, id, &logon, log_on.preauth.as_ref(), client_requires)?;
                self.end_previous(now, id, SessionId(setup.previous_session_id), logon.account.sid);
                // A message that is encrypted is not signed as well.
                let keys = if request.sealed { None } else { self.keys_of(id) };
                self.frames.set_session(id, keys);
                let required = self.config.encryption == Encryption::Required;
                let flags = if required { SESSION_ENCRYPT_DATA } else { 0 };
                SessionSetupResponse { flags, token: &token }.encode(self.frames.clear_body());
                Ok(Handled::Done(NtStatus::SUCCESS))
            }
            Err(failure) => {
                Err(self.logon_refused(now, id, failure.user, failure.status, &failure.reason.to_string()))
            }
        }
    }

    /// Has the gate's say in how an attempt ended. It is asked afterwards, so that an attempt takes as long whether
    /// or not it counts.
    fn ask_gate(&mut self, result: Result<Step, LogonFailure>) -> Result<Step, LogonFailure> {
        let Some(gate) = &mut self.gate else {
            return result;
        };
        let user = match &result {
            Ok(Step::Continue { .. }) => None,
            Ok(Step::Done { logon, .. }) => Some(logon.account.name.as_str()),
            Err(failure) => failure.user.as_deref(),
        };
        // Without a name nothing was guessed.
        let Some(user) = user else {
            return result;
        };
        if !gate.admits(user) {
            let reason = LogonRefused::TooManyFailures;
            return Err(LogonFailure { status: reason.status(), user: Some(user.into()), reason });
        }
        if result.is_ok() {
            gate.succeeded(user);
        } else {
            gate.failed(user);
        }
        result
    }

    /// The log-on that a SESSION_SETUP goes on with, taken out of its session, or a new one.
    fn take_log_on(&mut self, request: &Request<'_>) -> Result<(u64, LogOn), Handled> {
        let hashed = |preauth: Option<PreauthHash>| {
            preauth.map(|mut preauth| {
                preauth.update(request.message);
                preauth
            })
        };
        let connection_preauth = self.negotiated().and_then(|negotiated| negotiated.preauth.clone());
        if request.session_id == 0 {
            let limit = if self.has_established_session() {
                self.config.limits.sessions
            } else {
                SESSIONS_OF_STRANGERS
            };
            if self.draining || self.sessions.len() >= limit.min(self.config.limits.sessions) {
                return Err(NtStatus::INSUFFICIENT_RESOURCES.into());
            }
            let id = self.random_id();
            return Ok((id, LogOn { acceptor: Acceptor::new(), preauth: hashed(connection_preauth) }));
        }
        let id = request.session_id;
        if let Some(established) = self.sessions.get_mut(&id).and_then(Session::established_mut) {
            let log_on = established.again.take();
            return Ok((id, log_on.unwrap_or_else(|| LogOn { acceptor: Acceptor::new(), preauth: None })));
        }
        match self.sessions.remove(&id) {
            Some(Session { state: SessionState::LoggingOn(log_on) }) => {
                let preauth = hashed(log_on.preauth);
                Ok((id, LogOn { acceptor: log_on.acceptor, preauth }))
            }
            _ => Err(NtStatus::USER_SESSION_DELETED.into()),
        }
    }

    /// Keeps a log-on until the client's next token.
    fn keep_log_on(&mut self, id: u64, log_on: LogOn) {
        match self.sessions.get_mut(&id).and_then(Session::established_mut) {
            Some(valid) => valid.again = Some(log_on),
            None => {
                self.sessions.insert(id, Session { state: SessionState::LoggingOn(Box::new(log_on)) });
            }
        }
    }

    /// Makes the session valid, or keeps it so.
    fn logged_on(
        &mut self,
        now: Now,
        id: u64,
        logon: &Logon,
        preauth: Option<&PreauthHash>,
        client_requires_signing: bool,
    ) -> Result<(), Handled> {
        let account = &logon.account;
        let user: Arc<str> = account.name.as_str().into();
        let token = Arc::new(Token::network_logon(account));
        let until = self.config.session_lifetime.map(|lifetime| now.monotonic.saturating_add(lifetime));
        if let Some(established) = self.sessions.get_mut(&id).and_then(Session::established_mut) {
            if established.account != account.sid {
                // A session keeps its user: its opens were granted to that one.
                let reason = "the session belongs to another user";
                let user = Some(String::from(&*user));
                return Err(self.logon_refused(now, id, user, NtStatus::ACCESS_DENIED, reason));
            }
            // The keys stay ([MS-SMB2] 3.3.5.5.3); the groups may have changed.
            established.token = token;
            self.renew(id, until);
            self.event(Event::LoggedOnAgain { user });
            return Ok(());
        }
        let Some(negotiated) = self.negotiated() else {
            return Err(NtStatus::INTERNAL_ERROR.into());
        };
        let encryption_required = self.config.encryption == Encryption::Required;
        if encryption_required && negotiated.cipher.is_none() {
            // [MS-SMB2] 3.3.5.5.3: whoever cannot encrypt does not get in where all must.
            let reason = "the client cannot encrypt";
            return Err(self.logon_refused(
                now,
                id,
                Some(String::from(&*user)),
                NtStatus::ACCESS_DENIED,
                reason,
            ));
        }
        let hash = preauth.map(PreauthHash::value);
        let keys = SessionKeys::derive(
            negotiated.dialect,
            &logon.session_key,
            hash.as_ref(),
            negotiated.signing,
            negotiated.cipher,
        );
        let ciphers = keys.ciphers.as_ref();
        let opener = ciphers.map(|ciphers| Opener::new(&ciphers.client_to_server));
        if let Some(ciphers) = ciphers {
            self.sealers.insert(id, Box::new(Sealer::new(&ciphers.server_to_client, id)));
        }
        let session = Established {
            account: account.sid,
            user: Arc::clone(&user),
            token,
            keys: Arc::new(keys),
            signing_required: self.config.require_signing || client_requires_signing,
            encryption_required,
            opener,
            trees: BTreeSet::new(),
            next_tree: 1,
            again: None,
        };
        let state = SessionState::Valid { session: Box::new(session), until };
        self.sessions.insert(id, Session { state });
        self.logon_deadline = None;
        self.had_session = true;
        self.output(Output::SessionStarted { session: SessionId(id), account: account.sid });
        self.event(Event::LoggedOn { user });
        Ok(())
    }

    /// Ends the session that this client had before, if it did: only now, when it has proved who it is, and only a
    /// session of the same user, on whatever connection ([MS-SMB2] 3.3.5.5.3).
    fn end_previous(&mut self, now: Now, id: u64, previous: SessionId, account: Sid) {
        if previous.0 == 0 || previous.0 == id {
            return;
        }
        match self.sessions.get(&previous.0).map(Session::established) {
            Some(Some(session)) if session.account == account => self.replaced(now, previous),
            Some(_) => {}
            None => self.output(Output::EndSession { session: previous, account }),
        }
    }

    /// The session's user came back in another one.
    pub(super) fn replaced(&mut self, now: Now, SessionId(id): SessionId) {
        if let Some(session) = self.sessions.get(&id).and_then(Session::established) {
            let user = Arc::clone(&session.user);
            self.end_session(now, id);
            self.event(Event::SessionReplaced { user });
        }
    }

    /// Makes a session count again, `until` then.
    fn renew(&mut self, id: u64, until: Option<Duration>) {
        if let Some(Session {
            state: SessionState::Valid { session, .. } | SessionState::Expired { session, .. },
        }) = self.sessions.remove(&id)
        {
            self.sessions.insert(id, Session { state: SessionState::Valid { session, until } });
        }
    }

    /// Lets those sessions expire whose time is over ([MS-SMB2] 3.3.6.3 *Session Expiration Timer*), and ends those whose
    /// user did not log on again for as long once more: who may no longer log on must not keep what is open for ever.
    pub(super) fn expire_sessions(&mut self, now: Now) {
        let Some(lifetime) = self.config.session_lifetime else {
            return;
        };
        let is_over = |session: &Session| session.until().is_some_and(|until| until <= now.monotonic);
        let over: Vec<u64> =
            self.sessions.iter().filter(|(_, session)| is_over(session)).map(|(id, _)| *id).collect();
        for id in over {
            let Some(Session { state }) = self.sessions.remove(&id) else {
                continue;
            };
            let state = match state {
                SessionState::Valid { session, until: Some(until) } => {
                    self.event(Event::SessionExpired { user: Arc::clone(&session.user) });
                    SessionState::Expired { session, until: until.saturating_add(lifetime) }
                }
                other => other,
            };
            let session = Session { state };
            let ended = is_over(&session).then(|| session.established().map(|old| Arc::clone(&old.user)));
            self.sessions.insert(id, session);
            if let Some(Some(user)) = ended {
                self.end_session(now, id);
                self.event(Event::SessionLapsed { user });
            }
        }
    }

    /// When the next session has to end if its user does not log on again. That one expires needs no timer: every
    /// input looks first.
    pub(super) fn next_lapse(&self) -> Option<Duration> {
        let lifetime = self.config.session_lifetime?;
        let lapse = |session: &Session| match session.state {
            SessionState::Valid { until, .. } => until.map(|until| until.saturating_add(lifetime)),
            SessionState::Expired { until, .. } => Some(until),
            SessionState::LoggingOn(_) => None,
        };
        self.sessions.values().filter_map(lapse).min()
    }

    /// A refused log-on ends its session, [MS-SMB2] 3.3.5.5.3.
    fn logon_refused(
        &mut self,
        now: Now,
        id: u64,
        user: Option<String>,
        status: NtStatus,
        reason: &str,
    ) -> Handled {
        self.end_session(now, id);
        self.failed_logons += 1;
        self.event(Event::LogonRefused { user, status, reason: reason.into() });
        if self.failed_logons >= self.config.limits.failed_logons {
            return Handled::Disconnect(DisconnectReason::TooManyFailedLogons);
        }
        Handled::Fail(status)
    }

    pub(super) fn logoff(&mut self, now: Now, request: &Request<'_>) -> Result<Handled, Handled> {
        Empty::decode(request.message)?;
        let user = self
            .sessions
            .get(&request.session_id)
            .and_then(Session::established)
            .map(|valid| Arc::clone(&valid.user));
        self.end_session(now, request.session_id);
        if let Some(user) = user {
            self.event(Event::LoggedOff { user });
        }
        Empty::encode(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
    }

    /// Ends a session with everything in it. When it was the last one of somebody who had logged on, the time to log on runs again.
    fn end_session(&mut self, now: Now, id: u64) {
        self.drop_opens(|open| open.session_id == id);
        self.drop_waits(|reply| reply.session_id == id);
        if self.sessions.remove(&id).is_some_and(|session| session.established().is_some()) {
            self.output(Output::SessionEnded { session: SessionId(id) });
        }
        if self.logon_deadline.is_none() && !self.has_established_session() {
            self.logon_deadline = Some(now.monotonic.saturating_add(self.config.limits.logon_timeout));
        }
    }

    pub(super) fn tree_connect(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = TreeConnectRequest::decode(request.message)?;
        let (server, share) = asked
            .path
            .strip_prefix(r"\\")
            .and_then(|path| path.split_once('\\'))
            .filter(|(server, share)| {
                server.encode_utf16().count() <= MAX_SERVER_NAME
                    && share.encode_utf16().count() <= MAX_SHARE_NAME
            })
            .ok_or(NtStatus::INVALID_PARAMETER)?;
        if server.is_empty() || !share.eq_ignore_ascii_case("IPC$") {
            return Err(NtStatus::BAD_NETWORK_NAME.into());
        }
        let limit = self.config.limits.trees;
        let session = self.sessions.get_mut(&request.session_id).and_then(Session::established_mut);
        let valid = session.ok_or(NtStatus::USER_SESSION_DELETED)?;
        if valid.trees.len() >= limit {
            return Err(NtStatus::INSUFFICIENT_RESOURCES.into());
        }
        let id = valid.next_tree;
        // All ones has a meaning of its own; a client that gets there connects again.
        valid.next_tree =
            id.checked_add(1).filter(|next| *next != u32::MAX).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        valid.trees.insert(id);
        self.frames.set_tree(id);
        TreeConnectResponse {
            share_type: SHARE_TYPE_PIPE,
            share_flags: SHARE_NO_CACHING,
            capabilities: 0,
            maximal_access: MAXIMAL_ACCESS,
        }
        .encode(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
    }

    pub(super) fn tree_disconnect(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        Empty::decode(request.message)?;
        let (session_id, tree_id) = (request.session_id, request.tree_id);
        self.drop_opens(|open| open.session_id == session_id && open.tree_id == tree_id);
        self.drop_waits(|reply| reply.session_id == session_id && reply.tree_id == tree_id);
        if let Some(valid) = self.sessions.get_mut(&session_id).and_then(Session::established_mut) {
            valid.trees.remove(&tree_id);
        }
        Empty::encode(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
    }
}
