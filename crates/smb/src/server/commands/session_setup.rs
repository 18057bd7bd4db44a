//! SESSION_SETUP, [MS-SMB2] 3.3.5.5.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use standpipe_security::Token;

use crate::NtStatus;
use crate::auth::server::{Logon, LogonFailure, LogonRefused, Step, StepInput};
use crate::crypto::{PreauthHash, SessionKeys};
use crate::server::budget::Budgets;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Established, Holdings, LogOn, Negotiated, Protection, Random};
use crate::server::{Config, DisconnectReason, Encryption, Event, LogOnRefusal, LogonGate, Now, SessionId};
use crate::wire::negotiate::SecurityMode;
use crate::wire::session::{SessionFlags, SessionSetupFlags};
use crate::wire::{SessionSetupRequest, SessionSetupResponse};

/// How many log-ons can be under way on a connection on which no user has logged on.
const SESSIONS_OF_STRANGERS: usize = 2;

/// What SESSION_SETUP may touch.
pub(crate) struct SessionSetup<'a> {
    pub(crate) config: &'a Config,
    pub(crate) negotiated: &'a Negotiated,
    pub(crate) draining: bool,
    pub(crate) random: &'a mut Random,
    pub(crate) gate: &'a mut Option<Box<dyn LogonGate>>,
    pub(crate) budgets: Option<&'a dyn Budgets>,
    pub(crate) holdings: &'a mut Holdings,
}

impl SessionSetup<'_> {
    /// Takes a log-on one step further.
    pub(crate) fn handle(
        mut self,
        now: Now,
        request: &Request<'_>,
        mut reply: Reply<'_>,
    ) -> Result<Done, Refused> {
        let setup = SessionSetupRequest::decode(request.message)?;
        if setup.flags.contains(SessionSetupFlags::BINDING) {
            // A session of another connection cannot be bound: multichannel is not offered.
            return Err(match request.session_id {
                0 => NtStatus::INVALID_PARAMETER,
                id if self.holdings.sessions.get(id).is_some() => NtStatus::REQUEST_NOT_ACCEPTED,
                _ => NtStatus::USER_SESSION_DELETED,
            }
            .into());
        }
        let (id, log_on) = self.take_log_on(request)?;
        let input = StepInput {
            names: &self.config.names,
            challenge: self.random.bytes(),
            time: now.wall,
            accounts: self.config.accounts.as_ref(),
        };
        match ask_gate(self.gate.as_deref_mut(), log_on.acceptor.step(setup.token, &input)) {
            Ok(Step::Continue { acceptor, token }) => {
                self.holdings.sessions.keep_log_on(id, LogOn { acceptor, preauth: log_on.preauth });
                if !self.holdings.sessions.has_established() {
                    self.holdings.outputs.event(Event::Challenged);
                }
                reply.set_session(id, None);
                SessionSetupResponse { flags: SessionFlags::NONE, token: &token }.encode(reply.body());
                Ok(Done::Replied(NtStatus::MORE_PROCESSING_REQUIRED))
            }
            Ok(Step::Done { logon, token }) => {
                let client_requires = setup.security_mode.contains(SecurityMode::SIGNING_REQUIRED);
                let before = SessionId(setup.previous_session_id);
                self.logged_on(now, id, &logon, log_on.preauth.as_ref(), client_requires, before)?;
                // A message that is encrypted is not signed as well.
                let keys = if request.encrypted { None } else { self.holdings.sessions.keys_of(id) };
                reply.set_session(id, keys);
                let required = self.config.encryption == Encryption::Required;
                let flags = if required { SessionFlags::ENCRYPT_DATA } else { SessionFlags::NONE };
                SessionSetupResponse { flags, token: &token }.encode(reply.body());
                Ok(Done::Replied(NtStatus::SUCCESS))
            }
            Err(failure) => {
                let kind = failure.reason.into();
                let reason = failure.reason.to_string();
                Err(self.logon_refused(now, id, failure.user, (failure.status, kind), &reason))
            }
        }
    }

    /// The log-on that a SESSION_SETUP goes on with, taken out of its session, or a new one.
    fn take_log_on(&mut self, request: &Request<'_>) -> Result<(u64, LogOn), NtStatus> {
        let sessions = &mut self.holdings.sessions;
        if request.session_id != 0 {
            let log_on = sessions.take_log_on(request.session_id, request.message)?;
            return Ok((request.session_id, log_on));
        }
        let limit = self.config.limits.sessions;
        let limit = if sessions.has_user() { limit } else { limit.min(SESSIONS_OF_STRANGERS) };
        if self.draining || sessions.len() >= limit {
            let (status, kind) = (NtStatus::INSUFFICIENT_RESOURCES, LogOnRefusal::NotAdmitted);
            let reason = if self.draining {
                "the server is stopping".into()
            } else {
                format!("the connection has {limit} sessions, as many as it may have now")
            };
            self.holdings.outputs.event(Event::LogonRefused { user: None, status, kind, reason });
            return Err(status);
        }
        let log_on = LogOn::new(self.negotiated.preauth.clone()).hashed(request.message);
        Ok((self.random.id(), log_on))
    }

    /// Makes the session valid, or keeps it valid. A new one has no effect before its client shows the key.
    fn logged_on(
        &mut self,
        now: Now,
        id: u64,
        logon: &Logon,
        preauth: Option<&PreauthHash>,
        client_requires_signing: bool,
        before: SessionId,
    ) -> Result<(), Refused> {
        let account = &logon.account;
        let token = Token::network_logon(account);
        let token = Arc::new(if self.config.filter_administrators { token.filtered() } else { token });
        let sessions = &mut self.holdings.sessions;
        if let Some(session) = sessions.established_mut(id) {
            if session.account() != account.sid {
                // A session keeps its user: its opens were granted to that one.
                return Err(self.access_denied(now, id, logon, "the session belongs to another user"));
            }
            session.set_token(token);
            sessions.renew(now, id);
            self.holdings.outputs.event(Event::LoggedOnAgain { user: account.name.as_str().into() });
            self.holdings.end_previous(now, id, before, account.sid);
            return Ok(());
        }
        let negotiated = self.negotiated;
        let encryption_required = self.config.encryption == Encryption::Required;
        if encryption_required && negotiated.cipher.is_none() {
            // [MS-SMB2] 3.3.5.5.3: a client that cannot encrypt does not get in where all must.
            return Err(self.access_denied(now, id, logon, "the client cannot encrypt"));
        }
        let user: Arc<str> = account.name.as_str().into();
        let hash = preauth.map(PreauthHash::value);
        let keys = SessionKeys::derive_for(
            self.config.crypto,
            negotiated.dialect,
            &logon.session_key,
            hash.as_ref(),
            negotiated.signing,
            negotiated.cipher,
        );
        let protection = Protection {
            signing_required: self.config.require_signing || client_requires_signing,
            encryption_required,
        };
        let is_ended = self.holdings.end_previous_here(now, before, account.sid);
        let before = if is_ended { SessionId(0) } else { before };
        let budget = self.budgets.map(|budgets| budgets.of(account.sid));
        let session =
            Established::new(account.sid, user, token, keys, protection, before).with_budget(budget);
        self.holdings.sessions.establish(now, id, session);
        self.holdings.outputs.event(Event::Answered);
        Ok(())
    }

    /// Refuses a log-on with the right password.
    fn access_denied(&mut self, now: Now, id: u64, logon: &Logon, reason: &str) -> Refused {
        let user = Some(String::from(logon.account.name.as_str()));
        self.logon_refused(now, id, user, (NtStatus::ACCESS_DENIED, LogOnRefusal::NotAdmitted), reason)
    }

    /// A refused log-on ends its session, [MS-SMB2] 3.3.5.5.3.
    fn logon_refused(
        &mut self,
        now: Now,
        id: u64,
        user: Option<String>,
        (status, kind): (NtStatus, LogOnRefusal),
        reason: &str,
    ) -> Refused {
        self.holdings.end_session(now, id);
        self.holdings.outputs.event(Event::LogonRefused { user, status, kind, reason: reason.into() });
        if self.holdings.sessions.count_failed_logon() >= self.config.limits.failed_logons {
            return DisconnectReason::TooManyFailedLogons.into();
        }
        status.into()
    }
}

/// Lets the gate judge how an attempt ended. It is asked afterwards, so that an attempt takes as long whether
/// or not it counts.
fn ask_gate(
    gate: Option<&mut (dyn LogonGate + 'static)>,
    result: Result<Step, LogonFailure>,
) -> Result<Step, LogonFailure> {
    let Some(gate) = gate else {
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
    match &result {
        // Before the client shows the key. Somebody who relays the log-on gains nothing by that: its proof
        // can be guessed at without asking anybody.
        Ok(_) => gate.succeeded(user),
        Err(failure) => gate.failed(Some(user).filter(|_| failure.reason != LogonRefused::UnknownUser)),
    }
    result
}
