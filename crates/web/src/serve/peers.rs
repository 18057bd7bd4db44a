//! How many connections each peer has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts connections by peer: one IPv4 address, or one IPv6 network of 64 bits, since whoever has an address
/// there has all of them. Loopback is not counted: all clients of a proxy on this machine come from there.
pub(super) struct Peers {
    most: usize,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Peers {
    /// At most `most` connections for each.
    pub(super) fn new(most: usize) -> Self {
        Self { most, counts: Arc::default() }
    }

    /// A place for one connection, held until it is dropped; `None` when the peer has as many as it may.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        let peer = peer_of(address);
        if let Some(peer) = peer {
            let mut counts = lock(&self.counts);
            let count = counts.entry(peer).or_insert(0);
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Place { peer, counts: Arc::clone(&self.counts) })
    }
}

fn peer_of(address: IpAddr) -> Option<IpAddr> {
    let address = address.to_canonical();
    let peer = match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    };
    (!address.is_loopback()).then_some(peer)
}

/// A connection's place among those of its peer.
pub(super) struct Place {
    peer: Option<IpAddr>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&peer);
            }
        }
    }
}

/// The counts are whole between any two lines that can panic.
fn lock(counts: &Mutex<HashMap<IpAddr, usize>>) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_so_many_places_and_leaves_those_of_others_alone() {
        let peers = Peers::new(2);
        let first = peers.admit(address("192.0.2.1")).unwrap();
        let _second = peers.admit(address("::ffff:192.0.2.1")).unwrap();
        assert!(peers.admit(address("192.0.2.1")).is_none());
        let other = peers.admit(address("192.0.2.2"));
        assert!(other.is_some());
        drop(first);
        let again = peers.admit(address("192.0.2.1"));
        assert!(again.is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_peer() {
        let peers = Peers::new(1);
        let _held = peers.admit(address("2001:db8::1")).unwrap();
        assert!(peers.admit(address("2001:db8::ffff:2")).is_none());
        assert!(peers.admit(address("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn loopback_is_not_counted() {
        let peers = Peers::new(0);
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(peers.admit(address(text)).is_some(), "{text}");
        }
    }

    #[test]
    fn nothing_is_kept_of_those_that_left() {
        let peers = Peers::new(1);
        drop(peers.admit(address("192.0.2.1")));
        assert!(lock(&peers.counts).is_empty());
    }
}
