//! Connections of users, by account: who makes room for another.
//!
//! When an account has its share, it makes room itself, with the oldest connection on which nothing is open.
//! When an address has its share, or there are no more places, the account that has the most connections
//! there makes room.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use standpipe_security::Sid;
use tokio::sync::oneshot;

use super::Crowd;

/// A connection on which somebody has logged on.
#[derive(Debug)]
pub(super) struct User {
    address: IpAddr,
    /// Whether something is open on it.
    is_busy: Arc<AtomicBool>,
    /// Tells it to go.
    tell: oneshot::Sender<()>,
}

impl User {
    pub(super) fn new(address: IpAddr, is_busy: Arc<AtomicBool>, tell: oneshot::Sender<()>) -> Self {
        Self { address, is_busy, tell }
    }

    fn is_idle(&self) -> bool {
        !self.is_busy.load(Ordering::Relaxed)
    }
}

/// All of them, those of each account with the oldest first.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<Sid, BTreeMap<u64, User>>);

impl Users {
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.count(|_| true)
    }

    pub(super) fn add(&mut self, account: Sid, id: u64, user: User) {
        self.0.entry(account).or_default().insert(id, user);
    }

    /// Also one that was displaced before.
    pub(super) fn remove(&mut self, account: Sid, id: u64) -> Option<User> {
        let users = self.0.get_mut(&account)?;
        let user = users.remove(&id);
        if users.is_empty() {
            self.0.remove(&account);
        }
        user
    }

    /// Room for a connection of `account` from `address`: whether another one had to go for it, or `None`
    /// when there is none.
    pub(super) fn make_room(
        &mut self,
        account: Sid,
        address: IpAddr,
        crowd: Crowd,
        per_account: usize,
    ) -> Option<bool> {
        if self.0.get(&account).map_or(0, BTreeMap::len) >= per_account {
            self.displace_idle(account, |_| true)
        } else if self.count(|user| user.address == address) >= crowd.per_address {
            self.displace(account, |user| user.address == address)
        } else if self.count(|_| true) >= crowd.all {
            self.displace(account, |_| true)
        } else {
            Some(false)
        }
    }

    fn count(&self, counts: impl Fn(&User) -> bool) -> usize {
        self.0.values().flat_map(BTreeMap::values).filter(|user| counts(user)).count()
    }

    /// Makes room for a connection of `account` among those that `counts` accepts: at the cost of the account
    /// that has most of them, if that is another one, and otherwise of a connection of its own on which
    /// nothing is open.
    fn displace(&mut self, account: Sid, counts: impl Fn(&User) -> bool) -> Option<bool> {
        let of = |users: &BTreeMap<u64, User>| users.values().filter(|user| counts(user)).count();
        let own = self.0.get(&account).map_or(0, of);
        let most = self.0.iter().max_by_key(|(_, users)| of(users));
        let (most, count) = most.map(|(account, users)| (*account, of(users)))?;
        if count <= own {
            return self.displace_idle(account, counts);
        }
        let mut counted = self.0.get(&most)?.iter().filter(|(_, user)| counts(user));
        let oldest = counted.clone().next().map(|(id, _)| *id);
        let idle = counted.find(|(_, user)| user.is_idle()).map(|(id, _)| *id);
        self.tell_to_go(most, idle.or(oldest)?);
        Some(true)
    }

    /// Makes room at the cost of the oldest of an account's connections on which nothing is open.
    fn displace_idle(&mut self, account: Sid, counts: impl Fn(&User) -> bool) -> Option<bool> {
        let mut users = self.0.get(&account)?.iter();
        let id = users.find(|(_, user)| counts(user) && user.is_idle()).map(|(id, _)| *id)?;
        self.tell_to_go(account, id);
        Some(true)
    }

    /// Its place is free at once.
    fn tell_to_go(&mut self, account: Sid, id: u64) {
        if let Some(user) = self.remove(account, id) {
            // Fails only for one that is just going by itself.
            let _ = user.tell.send(());
        }
    }
}
