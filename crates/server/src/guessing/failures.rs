//! The memory of failed log-ons: how often an address failed in a name, and until when its attempts get the
//! same answer whatever they send.
//!
//! Pure: the time is an argument.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use standpipe_backoff::Backoff;
use standpipe_security::upcase;

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
    /// How long without a failure until all is forgotten.
    pub forget_after: Duration,
    /// How many names and addresses are remembered; the least recent is forgotten for a new one.
    pub remembered: usize,
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
        }
    }
}

/// What failures are counted by. Names are in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    AccountFrom(String, IpAddr),
    Address(IpAddr),
    Account(String),
    /// Not failures: this address has logged on in this name.
    Known(String, IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Duration,
}

/// The failed attempts of all addresses.
#[derive(Debug)]
pub(crate) struct Failures {
    policy: GatePolicy,
    counts: BTreeMap<Key, Count>,
}

impl Failures {
    /// No failures yet.
    #[must_use]
    pub(crate) fn new(policy: GatePolicy) -> Self {
        Self { policy, counts: BTreeMap::new() }
    }

    /// Whether an attempt from this address in this name counts now.
    #[must_use]
    pub(crate) fn admits(&self, now: Duration, address: IpAddr, user: &str) -> bool {
        let (address, user) = (network_of(address), upcase(user));
        let known = self.fresh(now, &Key::Known(user.clone(), address)).is_some();
        [
            (Key::AccountFrom(user.clone(), address), self.policy.per_account_and_address, true),
            // Strangers do not lock out a user who had the right password, even from behind the same address.
            (Key::Address(address), self.policy.per_address, !known),
            (Key::Account(user), self.policy.per_account, !known),
        ]
        .into_iter()
        .all(|(key, free, applies)| !applies || self.wait_is_over(now, &key, free))
    }

    /// An attempt failed that counted.
    pub(crate) fn failed(&mut self, now: Duration, address: IpAddr, user: &str) {
        let (address, user) = (network_of(address), upcase(user));
        for key in [Key::AccountFrom(user.clone(), address), Key::Address(address), Key::Account(user)] {
            let failures = self.fresh(now, &key).map_or(0, |count| count.failures);
            self.remember(key, Count { failures: failures.saturating_add(1), last: now });
        }
    }

    /// An attempt succeeded: what this address did in this name is forgiven.
    pub(crate) fn succeeded(&mut self, now: Duration, address: IpAddr, user: &str) {
        let (address, user) = (network_of(address), upcase(user));
        self.counts.remove(&Key::AccountFrom(user.clone(), address));
        self.remember(Key::Known(user, address), Count { failures: 0, last: now });
    }

    fn fresh(&self, now: Duration, key: &Key) -> Option<Count> {
        let count = *self.counts.get(key)?;
        (now.saturating_sub(count.last) < self.policy.forget_after).then_some(count)
    }

    fn wait_is_over(&self, now: Duration, key: &Key, free: u32) -> bool {
        let Some(count) = self.fresh(now, key) else {
            return true;
        };
        let Some(beyond) = count.failures.checked_sub(free) else {
            return true;
        };
        let backoff = Backoff { first: self.policy.first_wait, longest: self.policy.longest_wait };
        let wait = backoff.full(beyond.saturating_add(1));
        now >= count.last.saturating_add(wait)
    }

    fn remember(&mut self, key: Key, count: Count) {
        if self.counts.len() >= self.policy.remembered && !self.counts.contains_key(&key) {
            let oldest = self.counts.iter().min_by_key(|(_, count)| count.last).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.counts.remove(&oldest);
            }
        }
        self.counts.insert(key, count);
    }
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
mod tests {
    use std::string::ToString;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fail(failures: &mut Failures, times: u32, address: IpAddr, user: &str) {
        (0..times).for_each(|_| failures.failed(Duration::ZERO, address, user));
    }

    #[test]
    fn a_few_mistakes_cost_nothing() {
        let mut failures = Failures::new(GatePolicy::default());
        fail(&mut failures, 4, HERE, "user");
        assert!(failures.admits(Duration::ZERO, HERE, "USER"));
    }

    #[test]
    fn guessing_gets_slower_and_slower() {
        let mut failures = Failures::new(GatePolicy::default());
        fail(&mut failures, 5, HERE, "user");
        assert!(!failures.admits(Duration::ZERO, HERE, "User"), "names have no case");
        assert!(!failures.admits(Duration::from_millis(999), HERE, "user"));
        assert!(failures.admits(seconds(1), HERE, "user"));
        fail(&mut failures, 3, HERE, "user");
        assert!(!failures.admits(seconds(7), HERE, "user"));
        assert!(failures.admits(seconds(8), HERE, "user"));
        fail(&mut failures, 100, HERE, "user");
        assert!(!failures.admits(seconds(299), HERE, "user"));
        assert!(failures.admits(seconds(300), HERE, "user"), "the longest wait");
    }

    #[test]
    fn others_are_not_locked_out() {
        let mut failures = Failures::new(GatePolicy::default());
        failures.succeeded(Duration::ZERO, HERE, "neighbour");
        fail(&mut failures, 49, HERE, "user");
        assert!(failures.admits(Duration::ZERO, THERE, "user"));
        assert!(failures.admits(Duration::ZERO, HERE, "another"));
        fail(&mut failures, 1, HERE, "third");
        assert!(!failures.admits(Duration::ZERO, HERE, "another"), "one address, many names");
        assert!(failures.admits(Duration::ZERO, HERE, "neighbour"), "it has logged on before");
    }

    #[test]
    fn many_addresses_on_one_name_lock_out_strangers_only() {
        let mut failures = Failures::new(GatePolicy::default());
        failures.succeeded(Duration::ZERO, THERE, "user");
        for host in 1..=100u32 {
            let address = IpAddr::V4((0x0A00_0000 + host).into());
            failures.failed(Duration::ZERO, address, "user");
        }
        assert!(!failures.admits(Duration::ZERO, HERE, "user"));
        assert!(failures.admits(Duration::ZERO, THERE, "user"), "it has logged on before");
    }

    #[test]
    fn success_and_time_forgive() {
        let mut failures = Failures::new(GatePolicy::default());
        fail(&mut failures, 10, HERE, "user");
        failures.succeeded(seconds(40), HERE, "user");
        assert!(failures.admits(seconds(40), HERE, "user"));
        fail(&mut failures, 100, HERE, "other");
        assert!(!failures.admits(seconds(1), HERE, "other"));
        assert!(failures.admits(seconds(15 * 60), HERE, "other"));
    }

    #[test]
    fn memory_is_bounded() {
        let mut failures = Failures::new(GatePolicy { remembered: 50, ..GatePolicy::default() });
        for number in 0..10_000u64 {
            failures.failed(Duration::from_millis(number), HERE, &number.to_string());
        }
        assert!(failures.counts.len() <= 50);
        assert!(!failures.admits(seconds(10), HERE, "anybody"), "the address was the most recent all along");
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let address = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:127.0.0.1"), HERE);
    }
}
