//! The sessions of a server over all of its connections: a client that comes back names the one it had
//! before, and that one ends wherever it is.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use standpipe_security::{Accounts, Sid};
use standpipe_smb::server::SessionId;
use tokio::sync::oneshot;

/// Who has which session.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<HashMap<SessionId, Known>>);

#[derive(Debug)]
struct Known {
    account: Sid,
    user: Arc<str>,
    /// Tells its connection that the session ends; `None` once told.
    end: Option<oneshot::Sender<EndedBy>>,
}

/// Why a session has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EndedBy {
    /// Its user came back on another connection.
    Return,
    /// Its account was removed or disabled.
    AccountGone,
}

/// A session's place among all of the server's; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    session: SessionId,
    /// `None` once it was told.
    ended: Option<oneshot::Receiver<EndedBy>>,
    sessions: Arc<Sessions>,
}

impl Sessions {
    /// Enters a session of this account. `None` if there is one of that name, which two random numbers of 64
    /// bits make as good as impossible.
    pub(crate) fn register(
        self: &Arc<Self>,
        session: SessionId,
        account: Sid,
        user: Arc<str>,
    ) -> Option<Registered> {
        let (end, ended) = oneshot::channel();
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(session) {
            Entry::Occupied(_) => return None,
            Entry::Vacant(entry) => entry.insert(Known { account, user, end: Some(end) }),
        };
        Some(Registered { session, ended: Some(ended), sessions: Arc::clone(self) })
    }

    /// Ends a session, on whichever connection it is, if it belongs to this account; whether it does.
    pub(crate) fn end(&self, session: SessionId, account: Sid) -> bool {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = sessions.get_mut(&session).filter(|known| known.account == account) else {
            return false;
        };
        if let Some(end) = known.end.take() {
            // Fails only for a connection that is just ending by itself.
            let _ = end.send(EndedBy::Return);
        }
        true
    }

    /// Ends the sessions of accounts that may not log on any more, or that others have taken the names of.
    pub(crate) fn end_without_account(&self, accounts: &dyn Accounts) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut may_stay = HashMap::new();
        for known in sessions.values_mut().filter(|known| known.end.is_some()) {
            let stays = *may_stay.entry((Arc::clone(&known.user), known.account)).or_insert_with(|| {
                let account = accounts.find(&known.user);
                account.is_some_and(|account| account.enabled && account.sid == known.account)
            });
            if !stays && let Some(end) = known.end.take() {
                let _ = end.send(EndedBy::AccountGone);
            }
        }
    }
}

impl Registered {
    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// Ready, once, when the session has to end.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<EndedBy> {
        let Some(ended) = &mut self.ended else {
            return Poll::Pending;
        };
        let told = ready!(Pin::new(ended).poll(cx));
        self.ended = None;
        told.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.sessions.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.session);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use standpipe_security::{Account, AccountSet, NtHash};
    use standpipe_smb::server::SessionId;

    use super::*;

    fn account(rid: u32) -> Sid {
        Sid::new(5, &[21, 1, 2, 3, rid]).unwrap()
    }

    fn is_told(registered: &mut Registered) -> bool {
        registered.poll_ended(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_session_is_ended_once_and_for_its_own_user_only() {
        let sessions = Arc::<Sessions>::default();
        let (one, two) = (SessionId::from_wire(1), SessionId::from_wire(2));
        let mut mine = sessions.register(one, account(1001), "one".into()).unwrap();
        let mut other = sessions.register(two, account(1002), "two".into()).unwrap();
        assert!(!sessions.end(two, account(1001)), "a stranger's");
        assert!(!sessions.end(SessionId::from_wire(3), account(1001)), "nobody's");
        assert!(!is_told(&mut mine) && !is_told(&mut other));
        assert!(sessions.end(one, account(1001)));
        assert!(is_told(&mut mine) && !is_told(&mut other));
        sessions.end(one, account(1001));
        assert!(!is_told(&mut mine), "it was told already");
    }

    #[test]
    fn sessions_of_accounts_that_are_gone_or_disabled_end() {
        let entry = |name: &str, rid, enabled| Account {
            name: name.parse().unwrap(),
            sid: account(rid),
            nt_hash: NtHash::of_password("secret"),
            groups: vec![],
            enabled,
        };
        let mut accounts = AccountSet::new();
        for (name, rid, enabled) in [("stays", 1001, true), ("disabled", 1002, false), ("again", 1004, true)]
        {
            accounts.add(entry(name, rid, enabled)).unwrap();
        }
        let sessions = Arc::<Sessions>::default();
        let begin = |number, name: &str, rid| {
            sessions.register(SessionId::from_wire(number), account(rid), name.into()).unwrap()
        };
        // The last was removed, and then another account got its name.
        let all = [
            begin(1, "stays", 1001),
            begin(2, "disabled", 1002),
            begin(3, "gone", 1003),
            begin(4, "again", 1005),
        ];
        sessions.end_without_account(&accounts);
        assert_eq!(all.map(|mut registered| is_told(&mut registered)), [false, true, true, true]);
    }

    #[test]
    fn no_two_sessions_have_one_name_and_it_is_free_again_afterwards() {
        let sessions = Arc::<Sessions>::default();
        let first = sessions.register(SessionId::from_wire(1), account(1001), "one".into()).unwrap();
        assert!(sessions.register(SessionId::from_wire(1), account(1001), "one".into()).is_none());
        drop(first);
        assert!(sessions.0.lock().unwrap().is_empty(), "nothing is kept");
        let mut again = sessions.register(SessionId::from_wire(1), account(1002), "two".into()).unwrap();
        assert!(!is_told(&mut again), "what was told to the former one is not for this");
    }
}
