//! The pairs of account and address that have logged on. They are kept apart from failures, so that no
//! guesser displaces them.
//!
//! Pure: the time is an argument.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// The pairs, by account (its name in upper case) and network address.
#[derive(Debug, Default)]
pub(super) struct KnownPairs {
    accounts: BTreeMap<String, BTreeMap<IpAddr, Pair>>,
    count: usize,
}

/// One pair.
#[derive(Debug, Clone, Copy)]
struct Pair {
    /// When a user last logged on, or when the last connection of such a user ended.
    last: Duration,
    /// Connections on which the user is logged on now.
    live: usize,
}

impl Pair {
    fn counts(&self, now: Duration, lasts: Duration) -> bool {
        self.live > 0 || now.saturating_sub(self.last) < lasts
    }
}

impl KnownPairs {
    /// Whether the pair has logged on, not longer than `lasts` ago.
    pub(super) fn contains(&self, now: Duration, lasts: Duration, address: IpAddr, account: &str) -> bool {
        let pair = self.accounts.get(account).and_then(|pairs| pairs.get(&address));
        pair.is_some_and(|pair| pair.counts(now, lasts))
    }

    /// A user has logged on from there, on a connection that lives until [`Self::ended`]. Where there are
    /// `limit` pairs already, the account with the most loses the one that it used least recently.
    pub(super) fn began(&mut self, now: Duration, limit: usize, address: IpAddr, account: String) {
        let pairs = self.accounts.entry(account).or_default();
        let before = pairs.len();
        let pair = pairs.entry(address).or_insert(Pair { last: now, live: 0 });
        (pair.last, pair.live) = (now, pair.live + 1);
        self.count += pairs.len() - before;
        while self.count > limit && self.displace() {}
    }

    /// A connection on which the user was logged on has ended.
    pub(super) fn ended(&mut self, now: Duration, address: IpAddr, account: &str) {
        let pair = self.accounts.get_mut(account).and_then(|pairs| pairs.get_mut(&address));
        if let Some(pair) = pair {
            (pair.last, pair.live) = (now, pair.live.saturating_sub(1));
        }
    }

    /// Forgets a pair without a connection: the least recent one, of the account that has the most of these.
    fn displace(&mut self) -> bool {
        let idle = |pairs: &BTreeMap<IpAddr, Pair>| pairs.values().filter(|pair| pair.live == 0).count();
        let crowded = self.accounts.iter().map(|(account, pairs)| (idle(pairs), account)).max();
        let Some(account) = crowded.filter(|(idle, _)| *idle > 0).map(|(_, account)| account.clone()) else {
            return false;
        };
        let Some(pairs) = self.accounts.get_mut(&account) else {
            return false;
        };
        let least = pairs.iter().filter(|(_, pair)| pair.live == 0).min_by_key(|(_, pair)| pair.last);
        let Some(address) = least.map(|(address, _)| *address) else {
            return false;
        };
        pairs.remove(&address);
        self.count -= 1;
        if pairs.is_empty() {
            self.accounts.remove(&account);
        }
        true
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.count
    }
}
