//! How many connections there may be, in all and from one address.
//!
//! Connections on which nobody has logged on yet have a budget of their own, so that strangers cannot take
//! the places of users. When it is used up, [`strangers`] says which of them makes room for another.

mod strangers;

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::oneshot;

use crate::counters::Counters;
use crate::guessing::network_of;

pub(crate) use strangers::Stage;

use strangers::{Strangers, Ticket};

/// How many connections there may be at once on which nobody has logged on, unless somebody says otherwise.
/// With so many, a client 100 ms away finishes its handshake while 3,000 connections a second come.
pub(crate) const DEFAULT_STRANGERS: usize = 4096;

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
    users: Budget,
    places: Mutex<Places>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Places {
    /// Each with what tells it to go.
    strangers: Strangers<oneshot::Sender<()>>,
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
    Stranger(Ticket),
    User,
    Refused,
}

/// There are as many users' connections as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many connections")]
pub(crate) struct TooMany;

impl Admission {
    /// Room for so many strangers, at least one at each stage, and for these users. `seed` is any number that
    /// nobody can foresee.
    pub(crate) fn new(strangers: usize, users: Budget, seed: u64, counters: Arc<Counters>) -> Self {
        let places =
            Places { strangers: Strangers::new(strangers, seed), users: 0, users_of: HashMap::new() };
        Self(Arc::new(Shared { users, places: Mutex::new(places), counters }))
    }

    /// A place for a new connection from `address`, on which nobody has logged on yet; and whether another
    /// one has to go for it.
    pub(crate) fn admit(&self, address: IpAddr) -> (Place, bool) {
        let Self(shared) = self;
        shared.counters.connections.add();
        let address = network_of(address);
        let (ticket, told, displaced) = shared.add(Stage::Silent, address);
        let place = Place {
            displaced: Some(told),
            address,
            standing: Standing::Stranger(ticket),
            shared: Arc::clone(shared),
        };
        (place, displaced)
    }

    /// Tells a stranger to go, the one that has come least far, because the process is at another of its
    /// limits; whether there was one.
    pub(crate) fn displace_any(&self) -> bool {
        let gone = self.0.places.lock().unwrap_or_else(PoisonError::into_inner).strangers.displace_any();
        self.0.tell(gone)
    }
}

impl Shared {
    fn add(&self, stage: Stage, address: IpAddr) -> (Ticket, oneshot::Receiver<()>, bool) {
        let (tell, told) = oneshot::channel();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (ticket, gone) = places.strangers.add(stage, address, tell);
        drop(places);
        (ticket, told, self.tell(gone))
    }

    fn tell(&self, gone: Option<oneshot::Sender<()>>) -> bool {
        let Some(gone) = gone else {
            return false;
        };
        self.counters.connections_displaced.add();
        // Fails only for one that is just going by itself.
        let _ = gone.send(());
        true
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

    /// The handshake has come to this stage, or has fallen back to it. Another one may have to go.
    pub(crate) fn comes_to(&mut self, stage: Stage) {
        let Standing::Stranger(ticket) = self.standing else {
            return;
        };
        if ticket.stage() != stage {
            self.shared.places.lock().unwrap_or_else(PoisonError::into_inner).strangers.remove(ticket);
            // One that was told to go just before has come further meanwhile.
            let (ticket, told, _) = self.shared.add(stage, self.address);
            (self.standing, self.displaced) = (Standing::Stranger(ticket), Some(told));
        }
    }

    /// Somebody has logged on: takes one of the users' places.
    pub(crate) fn log_on(&mut self) -> Result<(), TooMany> {
        let Standing::Stranger(ticket) = self.standing else {
            return Ok(());
        };
        let Shared { users, counters, .. } = &*self.shared;
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.strangers.remove(ticket);
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
            Standing::Stranger(ticket) => drop(places.strangers.remove(ticket)),
            Standing::User => places.remove_user(self.address),
            // Counted as ended when it was refused.
            Standing::Refused => return,
        }
        self.shared.counters.connections_ended.add();
    }
}

impl Places {
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

    fn admission(strangers: usize, (all, per_address): (usize, usize)) -> Admission {
        Admission::new(strangers, Budget { all, per_address }, 1, Arc::default())
    }

    fn is_displaced(place: &mut Place) -> bool {
        place.poll_displaced(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn one_address_cannot_take_every_users_place() {
        let admission = admission(100, (3, 2));
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
        let admission = admission(2, (1, 1));
        let (mut user, _) = admission.admit(address(1));
        user.log_on().unwrap();
        user.log_on().unwrap();
        let mut strangers: Vec<_> = (0..50).map(|last| admission.admit(address(last)).0).collect();
        assert!(!is_displaced(&mut user));
        drop(user);
        strangers.last_mut().unwrap().log_on().unwrap();
    }

    #[test]
    fn one_that_is_displaced_frees_its_place_once() {
        let admission = admission(2, (10, 10));
        let (mut first, _) = admission.admit(address(1));
        let (mut second, displaced) = admission.admit(address(2));
        assert!(displaced && is_displaced(&mut first) && !is_displaced(&mut second));
        drop(first);
        let (_third, displaced) = admission.admit(address(1));
        assert!(displaced && is_displaced(&mut second));
        assert_eq!(admission.0.counters.snapshot().connections_displaced, 2);
        assert!(admission.displace_any() && !admission.displace_any());
    }

    #[test]
    fn a_client_that_logs_on_just_after_being_displaced_stays() {
        let admission = admission(1, (1, 1));
        let (mut first, _) = admission.admit(address(1));
        let (_second, displaced) = admission.admit(address(1));
        first.log_on().unwrap();
        assert!(displaced && !is_displaced(&mut first));
    }

    #[test]
    fn a_client_that_comes_further_just_after_being_displaced_stays() {
        let admission = admission(1, (1, 1));
        let (mut first, _) = admission.admit(address(1));
        first.comes_to(Stage::Speaking);
        let (mut second, displaced) = admission.admit(address(1));
        assert!(!displaced, "they are at different stages");
        let (_third, displaced) = admission.admit(address(1));
        assert!(displaced);
        second.comes_to(Stage::Speaking);
        assert!(is_displaced(&mut first) && !is_displaced(&mut second));
    }

    #[test]
    fn nothing_is_kept_of_addresses_that_left() {
        let admission = admission(40, (10, 2));
        for last in 0..200 {
            let (mut place, _) = admission.admit(address(last));
            if last % 2 == 0 {
                place.log_on().unwrap();
            }
        }
        let many: Vec<_> = (0..200).map(|last| admission.admit(address(last))).collect();
        drop(many);
        let places = admission.0.places.lock().unwrap();
        assert!(places.strangers.is_forgotten() && places.users_of.is_empty());
        assert_eq!((places.strangers.len(), places.users), (0, 0));
    }
}
