//! What a client holds on a connection, and how it ends: with its session, its tree connect, or by itself.

use alloc::sync::Arc;

use standpipe_security::Sid;

use super::{Established, Folders, Ledger, Opens, Outputs, PendingRequests, Sessions};
use crate::NtStatus;
use crate::server::{Config, Event, Now, Output, SessionId};

/// What a client holds: sessions, opens and requests that wait. They end together, which the shell has to
/// know.
pub(crate) struct Holdings {
    pub(crate) sessions: Sessions,
    pub(crate) opens: Opens,
    /// Opens of the root, which a connection may lose at any time: nothing comes or goes there.
    pub(crate) folders: Folders,
    pub(crate) pending: PendingRequests,
    pub(crate) outputs: Outputs,
    pub(crate) ledger: Ledger,
}

impl Holdings {
    /// Nothing yet.
    pub(super) fn new(config: &Config, now: Now) -> Self {
        Self {
            sessions: Sessions::new(config, now),
            opens: Opens::default(),
            folders: Folders::default(),
            pending: PendingRequests::new(&config.limits),
            outputs: Outputs::default(),
            ledger: Ledger::default(),
        }
    }

    /// How many bytes all of it takes.
    pub(crate) fn held(&self) -> usize {
        self.sessions.held() + self.opens.held() + self.pending.held()
    }

    /// Ends a session with everything in it.
    pub(crate) fn end_session(&mut self, now: Now, id: u64) {
        let Self { sessions, opens, folders, pending, outputs, .. } = self;
        folders.end_where(|folder| folder.session_id == id);
        opens.end_where(pending, outputs, |open| open.session_id() == id);
        pending.end_waits(outputs, NtStatus::CANCELLED, |reply| reply.session_id == id);
        if sessions.remove(now, id) {
            outputs.push(Output::SessionEnded { session: SessionId(id) });
        }
    }

    /// Ends a tree connect with everything in it.
    pub(crate) fn end_tree(&mut self, session_id: u64, tree_id: u32) {
        let Self { sessions, opens, folders, pending, outputs, .. } = self;
        folders.end_where(|folder| folder.session_id == session_id && folder.tree_id == tree_id);
        opens
            .end_where(pending, outputs, |open| open.session_id() == session_id && open.tree_id() == tree_id);
        pending.end_waits(outputs, NtStatus::CANCELLED, |reply| {
            reply.session_id == session_id && reply.tree_id == tree_id
        });
        if let Some(session) = sessions.established_mut(session_id) {
            session.remove_tree(tree_id);
        }
    }

    /// The client of this session has shown that it has the key, with a message that is signed or encrypted
    /// rightly. Only now the log-on has effects; a log-on that somebody relays never gets here.
    pub(crate) fn key_shown(&mut self, now: Now, id: u64) {
        let Some(before) = self.sessions.show(id) else {
            return;
        };
        let Some(session) = self.sessions.established(id) else {
            return;
        };
        let (account, user) = (session.account(), Arc::clone(session.user()));
        if let Some(budget) = session.budget() {
            self.ledger.charge(budget);
        }
        self.outputs.push(Output::SessionStarted {
            session: SessionId(id),
            account,
            user: Arc::clone(&user),
        });
        self.outputs.event(Event::LoggedOn { user });
        self.end_previous(now, id, before, account);
    }

    /// Ends the session that this client had before, if it names one: only a session of the same user, on
    /// whatever connection ([MS-SMB2] 3.3.5.5.3).
    pub(crate) fn end_previous(&mut self, now: Now, id: u64, previous: SessionId, account: Sid) {
        if previous.0 == 0 || previous.0 == id {
            return;
        }
        match self.sessions.get(previous.0).map(|session| session.established().map(Established::account)) {
            Some(Some(owner)) if owner == account => self.end_replaced(now, previous),
            Some(_) => {}
            None => self.outputs.push(Output::EndSession { session: previous, account }),
        }
    }

    /// Ends the session that this client had before on this connection, and says whether it had one. Whoever
    /// is at the other end has shown that session's key, so this does not wait for that of the new one:
    /// Samba's `smb2.session.reconnect2` expects it at once.
    pub(crate) fn end_previous_here(&mut self, now: Now, previous: SessionId, account: Sid) -> bool {
        let session = self.sessions.established(previous.0);
        let is_own = session.is_some_and(|session| session.account() == account && session.is_shown());
        if is_own {
            self.end_replaced(now, previous);
        }
        is_own
    }

    /// Ends a session whose user came back in another one.
    pub(crate) fn end_replaced(&mut self, now: Now, SessionId(id): SessionId) {
        if let Some(session) = self.sessions.established(id) {
            let user = Arc::clone(session.user());
            self.end_session(now, id);
            self.outputs.event(Event::SessionReplaced { user });
        }
    }

    /// Ends a session whose account was removed or disabled.
    pub(crate) fn end_without_account(&mut self, now: Now, SessionId(id): SessionId) {
        if let Some(session) = self.sessions.established(id) {
            let user = Arc::clone(session.user());
            self.end_session(now, id);
            self.outputs.event(Event::AccountGone { user });
        }
    }

    /// Lets those sessions expire whose time is over ([MS-SMB2] 3.3.6.3 *Session Expiration Timer*), and ends
    /// those whose user did not log on again within another lifetime: a user who may no longer log on must
    /// not keep what is open for ever.
    pub(crate) fn expire_sessions(&mut self, now: Now) {
        for id in self.sessions.over(now) {
            if let Some(user) = self.sessions.expire(id) {
                self.outputs.event(Event::SessionExpired { user });
            }
            if self.sessions.is_over(now, id)
                && let Some(user) = self.sessions.established(id).map(|session| Arc::clone(session.user()))
            {
                self.end_session(now, id);
                self.outputs.event(Event::SessionLapsed { user });
            }
        }
    }

    /// Ends everything, for the connection is closed.
    pub(crate) fn end_all(&mut self) {
        let Self { sessions, opens, folders, pending, outputs, .. } = self;
        folders.clear();
        opens.clear(outputs);
        pending.clear(outputs);
        sessions.clear();
    }
}
