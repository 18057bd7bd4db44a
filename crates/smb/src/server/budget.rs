//! What the connections of a server may hold together, and what each account may hold of it.
//!
//! Nothing here waits, and nothing is locked: a [`Pool`] is a number that connections take from and give back
//! to. The shell makes the pools and decides how large they are.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use standpipe_security::Sid;

/// What a connection holds without taking it from any pool, in bytes: its own state and calls of usual
/// length. A shell that counts memory sets this much aside for each connection that it lets in.
pub const CONNECTION_FLOOR: usize = 64 * 1024;

/// The same for an open: its state, and short messages in the sockets between server and service.
pub const OPEN_FLOOR: usize = 32 * 1024;

/// The longest message of a service that is fetched although no budget has room for it, in bytes: part of
/// [`OPEN_FLOOR`], so that short calls go on whatever others do.
pub const SHORT_MESSAGE: usize = 8 * 1024;

/// How far an account may exceed its share with frames that have begun, in bytes: so that a frame for which
/// there is no room is refused and does not hold up what comes after it, which may give room back.
pub const FRAME_RESERVE: usize = 2 * 1024 * 1024;

/// An amount of which many connections take parts: bytes, or places.
#[derive(Debug)]
pub struct Pool {
    used: AtomicUsize,
    limit: usize,
}

impl Pool {
    /// A pool of this size, of which nothing is used.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { used: AtomicUsize::new(0), limit }
    }

    /// How much there is in all.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// How much is used; for a moment it can be more than there is.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How much is left.
    pub fn left(&self) -> usize {
        self.limit.saturating_sub(self.used())
    }

    /// Takes `amount`, if there is as much.
    #[must_use]
    pub fn take(&self, amount: usize) -> bool {
        let before = self.used.fetch_add(amount, Ordering::Relaxed);
        let fits = before.saturating_add(amount) <= self.limit;
        if !fits {
            self.give(amount);
        }
        fits
    }

    /// Takes `amount` whether or not there is as much: for what is held already.
    pub fn overdraw(&self, amount: usize) {
        self.used.fetch_add(amount, Ordering::Relaxed);
    }

    /// Gives back what was taken.
    pub fn give(&self, amount: usize) {
        self.used.fetch_sub(amount, Ordering::Relaxed);
    }
}

/// An account's share of a pool of the server.
#[derive(Debug)]
pub struct Share {
    account: Pool,
    server: Arc<Pool>,
}

impl Share {
    /// A share of `limit` in `server`'s pool.
    #[must_use]
    pub const fn new(limit: usize, server: Arc<Pool>) -> Self {
        Self { account: Pool::new(limit), server }
    }

    /// How much the account uses.
    pub fn used(&self) -> usize {
        self.account.used()
    }

    /// How much the account can still take: what is left of its share, and of the pool.
    pub fn left(&self) -> usize {
        self.account.left().min(self.server.left())
    }

    /// How much more the account uses than its share is.
    pub fn overdrawn(&self) -> usize {
        self.account.used().saturating_sub(self.account.limit())
    }

    /// Takes `amount`, if there is as much.
    #[must_use]
    pub fn take(&self, amount: usize) -> bool {
        if !self.account.take(amount) {
            return false;
        }
        let fits = self.server.take(amount);
        if !fits {
            self.account.give(amount);
        }
        fits
    }

    /// Takes `amount` whether or not there is as much: for what is held already.
    pub fn overdraw(&self, amount: usize) {
        self.account.overdraw(amount);
        self.server.overdraw(amount);
    }

    /// Gives back what was taken.
    pub fn give(&self, amount: usize) {
        self.account.give(amount);
        self.server.give(amount);
    }
}

/// What an account may use, over all of its connections.
#[derive(Debug)]
pub struct AccountBudget {
    /// Bytes, beyond the floors of its connections and opens.
    pub memory: Share,
    /// Opens.
    pub opens: Share,
}

/// Gives accounts their budgets.
pub trait Budgets: Send + Sync {
    /// The budget of this account, the same one for all of its connections.
    fn of(&self, account: Sid) -> Arc<AccountBudget>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_gets_its_share_and_no_more_than_is_left() {
        let server = Arc::new(Pool::new(100));
        let (one, two) = (Share::new(60, Arc::clone(&server)), Share::new(60, Arc::clone(&server)));
        assert!(one.take(60));
        assert!(!one.take(1), "its share is used up");
        assert_eq!((one.left(), two.left(), server.used()), (0, 40, 60));
        assert!(!two.take(41), "the server has no more");
        assert!(two.take(40));
        assert_eq!((two.used(), server.used()), (40, 100), "a refusal takes nothing");
        one.give(60);
        two.overdraw(90);
        assert_eq!((two.left(), two.overdrawn(), server.left()), (0, 70, 0));
        two.give(130);
        assert_eq!((one.used(), two.used(), server.used()), (0, 0, 0));
    }
}
