//! How many connections there may be, in all and from one address.
//!
//! Connections on which nobody has logged on yet have a budget of their own, so that strangers cannot take
//! the places of users. When it is used up, the oldest such connection makes room for the new one: of the
//! same address when that has its share, otherwise of the address that has the most, so that one who opens
//! many displaces its own.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use crate::guessing::network_of;
use tokio::sync::oneshot;

use crate::counters::Counters;

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) all: usize,
    pub(crate) per_address: usize,
}

/// Gives connections their places.
#[derive(Debug)]
pub(crate) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    strangers: Budget,
    users: Budget,
    places: Mutex<Places>,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Places {
    next: u64,
    strangers: usize,
    /// By address, the oldest first, each with what tells it to go.
    strangers_of: HashMap<IpAddr, BTreeMap<u64, oneshot::Sender<()>>>,
    users: usize,
    users_of: HashMap<IpAddr, usize>,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` when it was told, or cannot happen any more.
    displaced: Option<oneshot::Receiver<()>>,
    address: IpAddr,
    standing: Standing,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger(u64),
    User,
    Refused,
}

/// There are as many users' connections as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many connections")]
pub(crate) struct TooMany;

impl Admission {
    /// There is always room for one stranger.
    pub(crate) fn new(strangers: Budget, users: Budget, counters: Arc<Counters>) -> Self {
        let strangers = Budget { all: strangers.all.max(1), per_address: strangers.per_address.max(1) };
        Self(Arc::new(Shared { strangers, users, places: Mutex::default(), counters }))
    }

    /// A place for a new connection from `address`, on which nobody has logged on yet; and whether another
    /// one has to go for it.
    pub(crate) fn admit(&self, address: IpAddr) -> (Place, bool) {
        let Self(shared) = self;
        shared.counters.connections.add();
        let address = network_of(address);
        let mut places = shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        let crowded = if places.strangers_from(address) >= shared.strangers.per_address {
            Some(address)
        } else if places.strangers >= shared.strangers.all {
            places.most_crowded()
        } else {
            None
        };
        let displaced = crowded.is_some_and(|crowded| places.displace(crowded));
        if displaced {
            shared.counters.connections_displaced.add();
        }
        let (tell, told) = oneshot::channel();
        let id = places.next;
        places.next += 1;
        places.strangers += 1;
        places.strangers_of.entry(address).or_default().insert(id, tell);
        drop(places);
        let place = Place {
            displaced: Some(told),
            address,
            standing: Standing::Stranger(id),
            shared: Arc::clone(shared),
        };
        (place, displaced)
    }
}

impl Place {
    /// Ready, once, when the connection has to make room for another one.
    pub(crate) fn poll_displaced(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(displaced) = &mut self.displaced else {
            return Poll::Pending;
        };
        let told = ready!(Pin::new(displaced).poll(cx));
        self.displaced = None;
        if told.is_ok() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Somebody has logged on: takes one of the users' places.
    pub(crate) fn log_on(&mut self) -> Result<(), TooMany> {
        let Standing::Stranger(id) = self.standing else {
            return Ok(());
        };
        let Shared { users, counters, .. } = &*self.shared;
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.remove_stranger(self.address, id);
        if places.users >= users.all
            || places.users_of.get(&self.address).is_some_and(|count| *count >= users.per_address)
        {
            self.standing = Standing::Refused;
            counters.connections_refused.add();
            return Err(TooMany);
        }
        // Who was told to go just before is a user now.
        self.displaced = None;
        places.users += 1;
        *places.users_of.entry(self.address).or_default() += 1;
        self.standing = Standing::User;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        match self.standing {
            Standing::Stranger(id) => places.remove_stranger(self.address, id),
            Standing::User => places.remove_user(self.address),
            // Counted as ended when it was refused.
            Standing::Refused => return,
        }
        self.shared.counters.connections_ended.add();
    }
}

impl Places {
    fn strangers_from(&self, address: IpAddr) -> usize {
        self.strangers_of.get(&address).map_or(0, BTreeMap::len)
    }

    /// Of the addresses that have the most strangers, the one whose oldest came first.
    fn most_crowded(&self) -> Option<IpAddr> {
        let oldest = |places: &BTreeMap<u64, _>| places.keys().next().copied();
        let most = self.strangers_of.iter().max_by_key(|(_, of)| (of.len(), std::cmp::Reverse(oldest(of))));
        most.map(|(address, _)| *address)
    }

    /// Tells the oldest stranger of `address` to go. Its place is free at once.
    fn displace(&mut self, address: IpAddr) -> bool {
        let oldest = self.strangers_of.get_mut(&address).and_then(BTreeMap::pop_first);
        let Some((id, tell)) = oldest else {
            return false;
        };
        // Fails only for one that is just going by itself.
        let _ = tell.send(());
        self.strangers -= 1;
        self.remove_stranger(address, id);
        true
    }

    /// Also one that was displaced before.
    fn remove_stranger(&mut self, address: IpAddr, id: u64) {
        if let Some(of) = self.strangers_of.get_mut(&address) {
            if of.remove(&id).is_some() {
                self.strangers -= 1;
            }
            if of.is_empty() {
                self.strangers_of.remove(&address);
            }
        }
    }

    fn remove_user(&mut self, address: IpAddr) {
        self.users -= 1;
        if let Some(count) = self.users_of.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.users_of.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn admission(strangers: (usize, usize), users: (usize, usize)) -> Admission {
        let budget = |(all, per_address)| Budget { all, per_address };
        Admission::new(budget(strangers), budget(users), Arc::default())
    }

    fn is_displaced(place: &mut Place) -> bool {
        place.poll_displaced(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn one_address_cannot_take_every_users_place() {
        let admission = admission((10, 10), (3, 2));
        let log_on = |from| {
            let (mut place, _) = admission.admit(from);
            place.log_on().map(|()| place)
        };
        let first = log_on(address(1)).unwrap();
        let _second = log_on(address(1)).unwrap();
        assert_eq!(log_on(address(1)).unwrap_err(), TooMany);
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert!(log_on(mapped).is_err(), "the same address in other clothes");
        let _third = log_on(address(2)).unwrap();
        assert!(log_on(address(3)).is_err(), "all places are taken");
        drop(first);
        log_on(address(1)).unwrap();
        let counted = admission.0.counters.snapshot();
        assert_eq!((counted.connections, counted.connections_refused, counted.connections_now), (7, 3, 2));
    }

    #[test]
    fn strangers_take_no_users_places() {
        let admission = admission((2, 2), (1, 1));
        let (mut user, _) = admission.admit(address(1));
        user.log_on().unwrap();
        user.log_on().unwrap();
        let mut strangers: Vec<_> = (0..50).map(|last| admission.admit(address(last)).0).collect();
        assert!(!is_displaced(&mut user));
        drop(user);
        strangers.last_mut().unwrap().log_on().unwrap();
    }

    #[test]
    fn the_oldest_of_the_same_address_makes_room() {
        let admission = admission((10, 2), (10, 10));
        let (mut other, _) = admission.admit(address(2));
        let (mut first, _) = admission.admit(address(1));
        let (mut second, displaced) = admission.admit(address(1));
        assert!(!displaced && !is_displaced(&mut first));
        let (_third, displaced) = admission.admit(address(1));
        assert!(displaced && is_displaced(&mut first));
        assert!(!is_displaced(&mut second) && !is_displaced(&mut other));
        // One that goes after it was displaced frees no second place.
        drop(first);
        let (_fourth, displaced) = admission.admit(address(1));
        assert!(displaced && is_displaced(&mut second));
    }

    #[test]
    fn the_address_with_the_most_connections_makes_room_for_others() {
        let admission = admission((4, 3), (10, 10));
        let (mut modest, _) = admission.admit(address(1));
        let mut greedy: Vec<_> = (0..3).map(|_| admission.admit(address(2)).0).collect();
        let (mut newcomer, displaced) = admission.admit(address(3));
        assert!(displaced && is_displaced(&mut greedy[0]) && !is_displaced(&mut greedy[1]));
        assert!(!is_displaced(&mut modest));
        newcomer.log_on().unwrap();
        assert!(!is_displaced(&mut newcomer));
        assert_eq!(admission.0.counters.snapshot().connections_displaced, 1);
    }

    #[test]
    fn a_client_that_logs_on_just_after_being_displaced_stays() {
        let admission = admission((1, 1), (1, 1));
        let (mut first, _) = admission.admit(address(1));
        let (_second, displaced) = admission.admit(address(1));
        first.log_on().unwrap();
        assert!(displaced && !is_displaced(&mut first));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let admission = admission((10, 2), (10, 10));
        let from = |text: &str| admission.admit(text.parse().unwrap());
        let (mut first, _) = from("2001:db8:0:1::1");
        let (_second, displaced) = from("2001:db8:0:1:ffff::2");
        assert!(!displaced);
        let (_neighbour, displaced) = from("2001:db8:0:2::1");
        assert!(!displaced);
        let (_third, displaced) = from("2001:db8:0:1::3");
        assert!(displaced && is_displaced(&mut first));
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_left() {
        let admission = admission((10, 2), (10, 2));
        for last in 0..200 {
            let (mut place, _) = admission.admit(address(last));
            if last % 2 == 0 {
                place.log_on().unwrap();
            }
        }
        let many: Vec<_> = (0..200).map(|last| admission.admit(address(last))).collect();
        drop(many);
        let places = admission.0.places.lock().unwrap();
        assert!(places.strangers_of.is_empty() && places.users_of.is_empty());
        assert_eq!((places.strangers, places.users), (0, 0));
    }
}
