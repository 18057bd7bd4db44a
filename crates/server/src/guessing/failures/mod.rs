//! The memory of failed log-ons: how often an address failed, alone and in the name of an account, and until
//! when its attempts get the same answer whatever they send.
//!
//! Pure: the time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use standpipe_backoff::Backoff;
use standpipe_security::upcase;

use super::known::KnownPairs;

/// How many accounts are remembered in which one address failed. An address that tries more of them has to
/// wait in every name long before.
const ACCOUNTS_OF_AN_ADDRESS: usize = 16;

/// How many failures cost nothing, and how long the waits after them are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatePolicy {
    /// Failures from one address in one name before it has to wait.
    pub per_account_and_address: u32,
    /// Failures from one address in any name before it has to wait. Names in which it has logged on stay
    /// free.
    pub per_address: u32,
    /// Failures in one name from all addresses before the addresses that never logged on in that name have to
    /// wait.
    pub per_account: u32,
    /// How long the first wait is; each failure after it doubles it.
    pub first_wait: Duration,
    /// How long a wait is at most.
    pub longest_wait: Duration,
    /// How long without a failure until all failures are forgotten.
    pub forget_after: Duration,
    /// How many addresses with failures are remembered; the one with the fewest failures is forgotten for a
    /// new one.
    pub remembered: usize,
    /// How long an account stays known at an address after its last connection from there. The right password
    /// of such a pair is never refused, however often others failed.
    pub known_for: Duration,
    /// How many such pairs are remembered; the account with the most of them makes room for a new one.
    pub known: usize,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            per_account_and_address: 5,
            per_address: 50,
            per_account: 100,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_mins(5),
            forget_after: Duration::from_mins(15),
            remembered: 10_000,
            known_for: Duration::from_hours(30 * 24),
            known: 10_000,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    failures: u32,
    last: Duration,
}

/// What one address has failed in.
#[derive(Debug, Default)]
struct Address {
    all: Count,
    accounts: BTreeMap<String, Count>,
}

/// The failed attempts of all addresses, and the pairs that have logged on. Names are in upper case.
#[derive(Debug)]
pub(crate) struct Failures {
    policy: GatePolicy,
    /// Names that no account has are counted with the address only: whoever invents them needs no memory.
    addresses: BTreeMap<IpAddr, Address>,
    /// The same addresses, those first that are forgotten first.
    weakest: BTreeSet<(u32, Duration, IpAddr)>,
    /// Over all addresses; there are as many as accounts.
    accounts: BTreeMap<String, Count>,
    known: KnownPairs,
}

impl Failures {
    /// No failures yet.
    #[must_use]
    pub(crate) fn new(policy: GatePolicy) -> Self {
        Self {
            policy,
            addresses: BTreeMap::new(),
            weakest: BTreeSet::new(),
            accounts: BTreeMap::new(),
            known: KnownPairs::default(),
        }
    }

    /// Whether an attempt from this address in this name counts now.
    #[must_use]
    pub(crate) fn admits(&self, now: Duration, address: IpAddr, user: &str) -> bool {
        let (address, user) = (network_of(address), upcase(user));
        // Guessers do not lock out a user who had the right password, even from behind the same address.
        if self.is_known(now, address, &user) {
            return true;
        }
        let of = self.addresses.get(&address);
        let counts = [
            (of.and_then(|of| of.accounts.get(&user)), self.policy.per_account_and_address),
            (of.map(|of| &of.all), self.policy.per_address),
            (self.accounts.get(&user), self.policy.per_account),
        ];
        counts.into_iter().all(|(count, free)| count.is_none_or(|count| self.wait_is_over(now, *count, free)))
    }

    /// An attempt failed that counted, in the name of this account; `None` for a name that no account has.
    pub(crate) fn failed(&mut self, now: Duration, address: IpAddr, account: Option<&str>) {
        let address = network_of(address);
        // What somebody behind a user's own address guesses must not keep the user out elsewhere.
        let account = account.map(upcase).filter(|account| !self.is_known(now, address, account));
        let forget_after = self.policy.forget_after;
        let mut of = self.forget(address).unwrap_or_else(|| {
            self.make_room(now);
            Address::default()
        });
        one_more(&mut of.all, now, forget_after);
        if let Some(account) = account {
            one_more(self.accounts.entry(account.clone()).or_default(), now, forget_after);
            let full = of.accounts.len() >= ACCOUNTS_OF_AN_ADDRESS && !of.accounts.contains_key(&account);
            let weakest = of.accounts.iter().min_by_key(|(_, count)| (count.failures, count.last));
            if full && let Some(weakest) = weakest.map(|(account, _)| account.clone()) {
                of.accounts.remove(&weakest);
            }
            one_more(of.accounts.entry(account).or_default(), now, forget_after);
        }
        self.weakest.insert((of.all.failures, of.all.last, address));
        self.addresses.insert(address, of);
    }

    /// An attempt succeeded, on a connection that lives until [`Self::ended`]: the pair is known from now on,
    /// and what this address did in this name is forgiven.
    pub(crate) fn succeeded(&mut self, now: Duration, address: IpAddr, user: &str) {
        let (address, user) = (network_of(address), upcase(user));
        if let Some(of) = self.addresses.get_mut(&address) {
            of.accounts.remove(&user);
        }
        self.known.began(now, self.policy.known, address, user);
    }

    /// A connection on which an attempt had succeeded is over.
    pub(crate) fn ended(&mut self, now: Duration, address: IpAddr, user: &str) {
        self.known.ended(now, network_of(address), &upcase(user));
    }

    fn is_known(&self, now: Duration, address: IpAddr, account: &str) -> bool {
        self.known.contains(now, self.policy.known_for, address, account)
    }

    fn wait_is_over(&self, now: Duration, count: Count, free: u32) -> bool {
        if now.saturating_sub(count.last) >= self.policy.forget_after {
            return true;
        }
        let Some(beyond) = count.failures.checked_sub(free) else {
            return true;
        };
        let backoff = Backoff { first: self.policy.first_wait, longest: self.policy.longest_wait };
        let wait = backoff.full(beyond.saturating_add(1));
        now >= count.last.saturating_add(wait)
    }

    fn forget(&mut self, address: IpAddr) -> Option<Address> {
        let of = self.addresses.remove(&address)?;
        self.weakest.remove(&(of.all.failures, of.all.last, address));
        Some(of)
    }

    /// Makes room for another address: those go whose time is over, else the one with the fewest failures.
    fn make_room(&mut self, now: Duration) {
        if self.addresses.len() < self.policy.remembered {
            return;
        }
        let over = |last: Duration| now.saturating_sub(last) >= self.policy.forget_after;
        if self.weakest.iter().any(|(_, last, _)| over(*last)) {
            self.weakest.retain(|(_, last, _)| !over(*last));
            self.addresses.retain(|_, of| !over(of.all.last));
            self.accounts.retain(|_, count| !over(count.last));
        } else if let Some((_, _, address)) = self.weakest.pop_first() {
            self.addresses.remove(&address);
        }
    }
}

/// Counts another failure; those before it are forgotten where the last is too long ago.
fn one_more(count: &mut Count, now: Duration, forget_after: Duration) {
    let failures = if now.saturating_sub(count.last) < forget_after { count.failures } else { 0 };
    *count = Count { failures: failures.saturating_add(1), last: now };
}

/// The network that counts as one address: with IPv6 a /64, because a single host can have all of it.
#[must_use]
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests;
