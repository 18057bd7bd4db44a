//! A session: a log-on under way or a user who has logged on, [MS-SMB2] 3.3.1.8.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::time::Duration;

use standpipe_security::{Sid, Token};

use crate::NtStatus;
use crate::auth::server::Acceptor;
use crate::crypto::encryption::Decrypter;
use crate::crypto::{PreauthHash, SessionKeys};
use crate::server::SessionId;
use crate::server::budget::AccountBudget;

/// A session.
pub(crate) struct Session(Stage);

/// How far a session has come, [MS-SMB2] 3.3.1.8 *Session.State*.
enum Stage {
    /// The first log-on is under way.
    LoggingOn(Box<LogOn>),
    /// A user has logged on, and that counts `until` then; without it, for ever.
    Valid { session: Box<Established>, until: Option<Duration> },
    /// The log-on is too old: unless the same user logs on again, what is open can only be closed, and all of
    /// it ends at `until`.
    Expired { session: Box<Established>, until: Duration },
}

/// A log-on under way.
pub(crate) struct LogOn {
    pub(crate) acceptor: Acceptor,
    /// The hash over the messages so far, in 3.1.1.
    pub(crate) preauth: Option<PreauthHash>,
}

impl LogOn {
    /// One of which no message was taken in.
    pub(crate) fn new(preauth: Option<PreauthHash>) -> Self {
        Self { acceptor: Acceptor::new(), preauth }
    }

    /// Takes a request of this log-on into its hash.
    #[must_use]
    pub(crate) fn hashed(mut self, message: &[u8]) -> Self {
        if let Some(preauth) = &mut self.preauth {
            preauth.update(message);
        }
        self
    }
}

/// What a session has once a user has logged on. It keeps all of it while it is expired.
pub(crate) struct Established {
    account: Sid,
    user: Arc<str>,
    token: Arc<Token>,
    keys: Arc<SessionKeys>,
    signing_required: bool,
    encryption_required: bool,
    /// Decrypts the client's messages. What encrypts the server's is kept apart, for the replies to the
    /// requests that end the session.
    decrypter: Option<Decrypter>,
    /// What the account may use over all connections.
    budget: Option<Arc<AccountBudget>>,
    trees: BTreeSet<u32>,
    next_tree: u32,
    /// Another log-on of the same user, [MS-SMB2] 3.3.5.5.2.
    again: Option<LogOn>,
    /// Until the client has shown that it has the key: the session that it had before. Somebody who relays
    /// another's log-on proves a password, but never shows the key.
    unshown: Option<SessionId>,
}

/// What messages of a session must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protection {
    pub(crate) signing_required: bool,
    pub(crate) encryption_required: bool,
}

impl Established {
    /// A user has proved the password, and names the session that the user had `before`.
    pub(crate) fn new(
        account: Sid,
        user: Arc<str>,
        token: Arc<Token>,
        keys: SessionKeys,
        protection: Protection,
        before: SessionId,
    ) -> Self {
        Self {
            account,
            user,
            token,
            decrypter: keys.ciphers.as_ref().map(|ciphers| Decrypter::new(&ciphers.client_to_server)),
            keys: Arc::new(keys),
            signing_required: protection.signing_required,
            encryption_required: protection.encryption_required,
            budget: None,
            trees: BTreeSet::new(),
            next_tree: 1,
            again: None,
            unshown: Some(before),
        }
    }

    /// Whether the client has shown that it has the key.
    pub(crate) fn is_shown(&self) -> bool {
        self.unshown.is_none()
    }

    /// The client has shown that it has the key: gives the session that it had before, the first time.
    pub(super) fn show(&mut self) -> Option<SessionId> {
        self.unshown.take()
    }

    /// Counts the opens of the session in this budget.
    #[must_use]
    pub(crate) fn with_budget(mut self, budget: Option<Arc<AccountBudget>>) -> Self {
        self.budget = budget;
        self
    }

    /// What the account may use over all connections.
    pub(crate) fn budget(&self) -> Option<&Arc<AccountBudget>> {
        self.budget.as_ref()
    }

    /// The account of the user.
    pub(crate) fn account(&self) -> Sid {
        self.account
    }

    /// The account's name.
    pub(crate) fn user(&self) -> &Arc<str> {
        &self.user
    }

    /// What access checks look at.
    pub(crate) fn token(&self) -> &Arc<Token> {
        &self.token
    }

    /// What signs and, if they could be negotiated, encrypts.
    pub(crate) fn keys(&self) -> &Arc<SessionKeys> {
        &self.keys
    }

    /// What decrypts the client's messages, if they can be encrypted.
    pub(crate) fn decrypter(&self) -> Option<&Decrypter> {
        self.decrypter.as_ref()
    }

    /// Whether requests that are not encrypted must be signed.
    pub(crate) fn requires_signing(&self) -> bool {
        self.signing_required
    }

    /// Whether requests must be encrypted.
    pub(crate) fn requires_encryption(&self) -> bool {
        self.encryption_required
    }

    /// The same user has logged on again; the keys stay ([MS-SMB2] 3.3.5.5.3), but the groups may have
    /// changed.
    pub(crate) fn set_token(&mut self, token: Arc<Token>) {
        self.token = token;
    }

    /// Whether this tree connect exists.
    pub(crate) fn has_tree(&self, tree_id: u32) -> bool {
        self.trees.contains(&tree_id)
    }

    /// Adds a tree connect, unless there are `limit` already.
    pub(crate) fn add_tree(&mut self, limit: usize) -> Result<u32, NtStatus> {
        if self.trees.len() >= limit {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        let id = self.next_tree;
        // All ones has a meaning of its own; a client that gets there connects again.
        self.next_tree =
            id.checked_add(1).filter(|next| *next != u32::MAX).ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        self.trees.insert(id);
        Ok(id)
    }

    /// Removes a tree connect.
    pub(crate) fn remove_tree(&mut self, tree_id: u32) {
        self.trees.remove(&tree_id);
    }

    /// Keeps another log-on of the same user until the client's next token.
    pub(super) fn set_again(&mut self, log_on: LogOn) {
        self.again = Some(log_on);
    }

    /// Takes the other log-on of the same user, if one is under way.
    pub(super) fn take_again(&mut self) -> Option<LogOn> {
        self.again.take()
    }
}

impl Session {
    /// A first log-on is under way.
    pub(super) fn logging_on(log_on: LogOn) -> Self {
        Self(Stage::LoggingOn(Box::new(log_on)))
    }

    /// A user has logged on, which counts `until` then; without it, for ever.
    pub(super) fn valid(session: Box<Established>, until: Option<Duration>) -> Self {
        Self(Stage::Valid { session, until })
    }

    /// What a user who has logged on has, also while the log-on is too old.
    pub(crate) fn established(&self) -> Option<&Established> {
        match &self.0 {
            Stage::Valid { session, .. } | Stage::Expired { session, .. } => Some(session),
            Stage::LoggingOn(_) => None,
        }
    }

    pub(super) fn established_mut(&mut self) -> Option<&mut Established> {
        match &mut self.0 {
            Stage::Valid { session, .. } | Stage::Expired { session, .. } => Some(session),
            Stage::LoggingOn(_) => None,
        }
    }

    /// The first log-on, if it is under way.
    pub(super) fn into_log_on(self) -> Option<LogOn> {
        match self.0 {
            Stage::LoggingOn(log_on) => Some(*log_on),
            Stage::Valid { .. } | Stage::Expired { .. } => None,
        }
    }

    /// Makes an established session count again, `until` then.
    pub(super) fn renewed(self, until: Option<Duration>) -> Self {
        match self.0 {
            Stage::Valid { session, .. } | Stage::Expired { session, .. } => Self::valid(session, until),
            stage @ Stage::LoggingOn(_) => Self(stage),
        }
    }

    /// Makes a valid session expire; it ends `lifetime` after its time was over.
    pub(super) fn expired(self, lifetime: Duration) -> Self {
        match self.0 {
            Stage::Valid { session, until: Some(until) } => {
                Self(Stage::Expired { session, until: until.saturating_add(lifetime) })
            }
            stage => Self(stage),
        }
    }

    /// Whether the log-on is too old.
    pub(crate) fn is_expired(&self) -> bool {
        matches!(self.0, Stage::Expired { .. })
    }

    /// Whether the time of its present stage is over, by the clock of [`Now::monotonic`](crate::server::Now).
    pub(super) fn is_over(&self, now: Duration) -> bool {
        let until = match self.0 {
            Stage::Valid { until, .. } => until,
            Stage::Expired { until, .. } => Some(until),
            Stage::LoggingOn(_) => None,
        };
        until.is_some_and(|until| until <= now)
    }

    /// When it has to end if its user does not log on again.
    pub(super) fn lapse(&self, lifetime: Duration) -> Option<Duration> {
        match self.0 {
            Stage::Valid { until, .. } => until.map(|until| until.saturating_add(lifetime)),
            Stage::Expired { until, .. } => Some(until),
            Stage::LoggingOn(_) => None,
        }
    }

    /// The hash of the first log-on, while it is under way. Logging on again does not change the keys.
    pub(super) fn preauth_mut(&mut self) -> Option<&mut PreauthHash> {
        match &mut self.0 {
            Stage::LoggingOn(log_on) => log_on.preauth.as_mut(),
            Stage::Valid { .. } | Stage::Expired { .. } => None,
        }
    }
}
