//! How many connections there may be, in all and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::counters::Counters;

/// Counts connections.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    limit_per_address: usize,
    counts: Arc<Mutex<Counts>>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    address: IpAddr,
    counts: Arc<Mutex<Counts>>,
    counters: Arc<Counters>,
}

impl Admission {
    pub(super) fn new(limit: usize, limit_per_address: usize, counters: Arc<Counters>) -> Admission {
        Admission { limit, limit_per_address, counts: Arc::default(), counters }
    }

    /// A place for a connection from `address`, if there is one.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        self.counters.connections.add();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.limit
            || counts.by_address.get(&address).is_some_and(|count| *count >= self.limit_per_address)
        {
            self.counters.connections_refused.add();
            return None;
        }
        counts.all += 1;
        *counts.by_address.entry(address).or_default() += 1;
        Some(Place { address, counts: Arc::clone(&self.counts), counters: Arc::clone(&self.counters) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.connections_ended.add();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn one_address_cannot_take_every_place() {
        let admission = Admission::new(3, 2, Arc::default());
        let first = admission.admit(address(1)).unwrap();
        let _second = admission.admit(address(1)).unwrap();
        assert!(admission.admit(address(1)).is_none());
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert!(admission.admit(mapped).is_none(), "the same address in other clothes");
        let _third = admission.admit(address(2)).unwrap();
        assert!(admission.admit(address(3)).is_none(), "all places are taken");
        drop(first);
        assert!(admission.admit(address(1)).is_some());
        let counted = admission.counters.snapshot();
        assert_eq!((counted.connections, counted.connections_refused, counted.connections_now), (7, 3, 2));
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_left() {
        let admission = Admission::new(10, 10, Arc::default());
        for last in 0..200 {
            drop(admission.admit(address(last)).unwrap());
        }
        assert!(admission.counts.lock().unwrap().by_address.is_empty());
    }
}
