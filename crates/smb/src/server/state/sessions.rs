//! The sessions of a connection, how long they count, and by when a user must have logged on.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Established, LogOn, Session};
use crate::NtStatus;
use crate::crypto::encryption::Sealer;
use crate::crypto::{PreauthHash, SessionKeys};
use crate::server::{Config, Now, SessionId};

/// About what a session takes with its keys and tree connects, in bytes.
const SESSION: usize = 4 * 1024;

/// The sessions of a connection.
pub(crate) struct Sessions {
    table: BTreeMap<u64, Session>,
    /// What encrypts the replies of each session that can be encrypted. One that has ended keeps its own
    /// until its last replies are written. Boxed, as a map has room for eleven before it needs more, and most
    /// connections have one.
    sealers: BTreeMap<u64, Box<Sealer>>,
    /// Whether a session may have ended whose sealer is still there.
    has_ended: bool,
    /// How many log-ons have failed.
    failed_logons: u32,
    /// Whether any user has ever logged on, and shown the key.
    had_session: bool,
    /// By when a user must have logged on and shown the key; `None` while there is a session of one who has.
    logon_deadline: Option<Duration>,
    logon_timeout: Duration,
    /// [`Config::session_lifetime`].
    lifetime: Option<Duration>,
}

impl Sessions {
    /// No session yet; the time to log on runs from `now`.
    pub(super) fn new(config: &Config, now: Now) -> Self {
        let logon_timeout = config.limits.logon_timeout;
        Self {
            table: BTreeMap::new(),
            sealers: BTreeMap::new(),
            has_ended: false,
            failed_logons: 0,
            had_session: false,
            logon_deadline: Some(now.monotonic.saturating_add(logon_timeout)),
            logon_timeout,
            lifetime: config.session_lifetime,
        }
    }

    /// How many sessions there are, log-ons under way included.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// About how many bytes they take.
    pub(crate) fn held(&self) -> usize {
        self.table.len() * SESSION
    }

    /// Whether there is, and was, no session of a user at all.
    pub(crate) fn were_none_ever(&self) -> bool {
        self.table.is_empty() && !self.had_session
    }

    /// The session of this id, a log-on under way included.
    pub(crate) fn get(&self, id: u64) -> Option<&Session> {
        self.table.get(&id)
    }

    /// The session of this id, if a user has logged on in it.
    pub(crate) fn established(&self, id: u64) -> Option<&Established> {
        self.table.get(&id).and_then(Session::established)
    }

    /// The same, to change it.
    pub(crate) fn established_mut(&mut self, id: u64) -> Option<&mut Established> {
        self.table.get_mut(&id).and_then(Session::established_mut)
    }

    /// Whether there is a session of a user who has logged on, be it expired.
    pub(crate) fn has_established(&self) -> bool {
        self.table.values().any(|session| session.established().is_some())
    }

    /// Whether there is a session of a user who has logged on and shown the key, be it expired.
    pub(crate) fn has_user(&self) -> bool {
        self.table.values().filter_map(Session::established).any(Established::is_shown)
    }

    /// What signs the replies of this session.
    pub(crate) fn keys_of(&self, id: u64) -> Option<Arc<SessionKeys>> {
        self.established(id).map(|session| Arc::clone(session.keys()))
    }

    /// What encrypts the replies of this session.
    pub(crate) fn sealer_of(&mut self, id: u64) -> Option<&mut Sealer> {
        self.sealers.get_mut(&id).map(Box::as_mut)
    }

    /// Forgets what encrypted the replies of sessions that have ended.
    pub(crate) fn forget_unused_sealers(&mut self) {
        let Self { table, sealers, has_ended, .. } = self;
        if core::mem::take(has_ended) {
            sealers.retain(|id, _| table.contains_key(id));
        }
    }

    /// Takes the log-on out with which the client goes on: the first of its session, or another of the same
    /// user.
    pub(crate) fn take_log_on(&mut self, id: u64, message: &[u8]) -> Result<LogOn, NtStatus> {
        if let Some(session) = self.established_mut(id) {
            return Ok(session.take_again().unwrap_or_else(|| LogOn::new(None)));
        }
        let log_on = self.table.remove(&id).and_then(Session::into_log_on);
        log_on.map(|log_on| log_on.hashed(message)).ok_or(NtStatus::USER_SESSION_DELETED)
    }

    /// Keeps a log-on until the client's next token.
    pub(crate) fn keep_log_on(&mut self, id: u64, log_on: LogOn) {
        match self.established_mut(id) {
            Some(session) => session.set_again(log_on),
            None => {
                self.table.insert(id, Session::logging_on(log_on));
            }
        }
    }

    /// The hash of a first log-on that is under way.
    pub(crate) fn preauth_mut(&mut self, id: u64) -> Option<&mut PreauthHash> {
        self.table.get_mut(&id).and_then(Session::preauth_mut)
    }

    /// A user has proved the password.
    pub(crate) fn establish(&mut self, now: Now, id: u64, session: Established) {
        if let Some(ciphers) = &session.keys().ciphers {
            self.sealers.insert(id, Box::new(Sealer::new(&ciphers.server_to_client, id)));
        }
        let until = self.until(now);
        self.table.insert(id, Session::valid(Box::new(session), until));
    }

    /// The client of this session has shown that it has the key. The first time, this gives the session that
    /// it had before.
    pub(super) fn show(&mut self, id: u64) -> Option<SessionId> {
        let before = self.established_mut(id)?.show()?;
        self.logon_deadline = None;
        self.had_session = true;
        Some(before)
    }

    /// The user has logged on again: the session counts anew.
    pub(crate) fn renew(&mut self, now: Now, id: u64) {
        if let Some(session) = self.table.remove(&id) {
            let until = self.until(now);
            self.table.insert(id, session.renewed(until));
        }
    }

    /// Until when a log-on counts.
    fn until(&self, now: Now) -> Option<Duration> {
        self.lifetime.map(|lifetime| now.monotonic.saturating_add(lifetime))
    }

    /// Counts a failed log-on and gives how many there were.
    pub(crate) fn count_failed_logon(&mut self) -> u32 {
        self.failed_logons += 1;
        self.failed_logons
    }

    /// Removes a session and gives whether its client had shown that it has the key. When it was the last of
    /// these, the time to log on runs again.
    pub(super) fn remove(&mut self, now: Now, id: u64) -> bool {
        let removed = self.table.remove(&id);
        self.has_ended = true;
        if self.logon_deadline.is_none() && !self.has_user() {
            self.logon_deadline = Some(now.monotonic.saturating_add(self.logon_timeout));
        }
        removed.as_ref().and_then(Session::established).is_some_and(Established::is_shown)
    }

    /// Removes all of them, for the connection is closed.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.has_ended = true;
    }

    /// By when a user must have logged on.
    pub(crate) fn logon_deadline(&self) -> Option<Duration> {
        self.logon_deadline
    }

    /// The sessions whose stage is over.
    pub(super) fn over(&self, now: Now) -> Vec<u64> {
        if self.lifetime.is_none() {
            return Vec::new();
        }
        self.table.iter().filter(|(_, session)| session.is_over(now.monotonic)).map(|(id, _)| *id).collect()
    }

    /// Whether the stage of this session is over.
    pub(super) fn is_over(&self, now: Now, id: u64) -> bool {
        self.table.get(&id).is_some_and(|session| session.is_over(now.monotonic))
    }

    /// Lets a session expire; gives its user, unless it had expired before.
    pub(super) fn expire(&mut self, id: u64) -> Option<Arc<str>> {
        let lifetime = self.lifetime?;
        let session = self.table.remove(&id)?;
        let was_expired = session.is_expired();
        let session = session.expired(lifetime);
        let user = session.established().map(|session| Arc::clone(session.user()));
        self.table.insert(id, session);
        user.filter(|_| !was_expired)
    }

    /// When the next session has to end if its user does not log on again. The moment at which it expires
    /// needs no timer: every input looks first.
    pub(crate) fn next_lapse(&self) -> Option<Duration> {
        let lifetime = self.lifetime?;
        self.table.values().filter_map(|session| session.lapse(lifetime)).min()
    }
}
