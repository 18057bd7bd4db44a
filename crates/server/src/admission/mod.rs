//! How many connections there may be, in all and from one address.
//!
//! Connections on which nobody has logged on yet have a budget of their own, so that strangers cannot take
//! the places of users. When it is used up, [`strangers`] says which of them makes room for another.
//!
//! Users have shares, too, by account and by address: [`users`] says who makes room for whom.

mod strangers;
mod users;

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use standpipe_security::Sid;
use tokio::sync::oneshot;

use crate::counters::Counters;
use crate::guessing::network_of;

pub(crate) use strangers::Stage;

use strangers::{Strangers, Ticket};
use users::{User, Users};

/// How many connections there may be at once on which nobody has logged on, unless somebody says otherwise.
/// With so many, a client 100 ms away finishes its handshake while 3,000 connections a second come.
pub(crate) const DEFAULT_STRANGERS: usize = 4096;

/// How many there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) all: usize,
    pub(crate) per_address: usize,
}

/// Gives connections their places.
#[derive(Debug)]
pub(crate) struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    users: Crowd,
    /// How many connections of users one account may have.
    per_account: usize,
    places: Mutex<Places>,
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Places {
    /// Each with what tells it to go.
    strangers: Strangers<oneshot::Sender<()>>,
    users: Users,
    /// Names the next connection of a user.
    next: u64,
}

/// A connection's place; free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None` when it was told, or cannot happen any more.
    displaced: Option<oneshot::Receiver<()>>,
    address: IpAddr,
    standing: Standing,
    is_busy: Arc<AtomicBool>,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Stranger(Ticket),
    User(u64, Sid),
    Refused,
}

/// There are as many users' connections as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many connections")]
pub(crate) struct TooMany;

impl Admission {
    /// Room for so many strangers, at least one at each stage, and for these users. `seed` is any number that
    /// nobody can foresee.
    pub(crate) fn new(
        strangers: usize,
        users: Crowd,
        per_account: usize,
        seed: u64,
        counters: Arc<Counters>,
    ) -> Self {
        let places = Places { strangers: Strangers::new(strangers, seed), users: Users::default(), next: 0 };
        Self(Arc::new(Shared { users, per_account, places: Mutex::new(places), counters }))
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
            is_busy: Arc::default(),
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

    /// Whether something is open on the connection, from now on.
    pub(crate) fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::Relaxed);
    }

    /// Whether a user has logged on.
    pub(crate) fn is_users(&self) -> bool {
        matches!(self.standing, Standing::User(..))
    }

    /// Somebody has logged on: takes one of the users' places, in the share of this account. Gives whether
    /// another connection has to go for it.
    pub(crate) fn log_on(&mut self, account: Sid) -> Result<bool, TooMany> {
        let Standing::Stranger(ticket) = self.standing else {
            return Ok(false);
        };
        let Shared { users, per_account, counters, .. } = &*self.shared;
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.strangers.remove(ticket);
        let Some(displaced) = places.users.make_room(account, self.address, *users, *per_account) else {
            self.standing = Standing::Refused;
            counters.connections_refused.add();
            return Err(TooMany);
        };
        if displaced {
            counters.connections_displaced.add();
        }
        // Who was told to go just before is a user now.
        let (tell, told) = oneshot::channel();
        self.displaced = Some(told);
        let id = places.next;
        places.next += 1;
        places.users.add(account, id, User::new(self.address, Arc::clone(&self.is_busy), tell));
        self.standing = Standing::User(id, account);
        Ok(displaced)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.shared.places.lock().unwrap_or_else(PoisonError::into_inner);
        match self.standing {
            Standing::Stranger(ticket) => drop(places.strangers.remove(ticket)),
            Standing::User(id, account) => drop(places.users.remove(account, id)),
            // Counted as ended when it was refused.
            Standing::Refused => return,
        }
        self.shared.counters.connections_ended.add();
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
        Admission::new(strangers, Crowd { all, per_address }, usize::MAX, 1, Arc::default())
    }

    fn account(rid: u32) -> Sid {
        Sid::new(5, &[21, 1, 2, 3, rid]).unwrap()
    }

    fn is_displaced(place: &mut Place) -> bool {
        place.poll_displaced(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn one_address_cannot_take_every_users_place() {
        let admission = admission(100, (3, 2));
        let log_on = |from| {
            let (mut place, _) = admission.admit(from);
            place.set_busy(true);
            place.log_on(account(1)).map(|_| place)
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
    fn the_account_with_the_most_connections_makes_room_for_others() {
        let admission = admission(40, (4, 4));
        let log_on = |from, who| {
            let (mut place, _) = admission.admit(address(from));
            place.log_on(account(who)).map(|displaced| (place, displaced))
        };
        // Silent connections from two addresses take every place.
        let mut greedy: Vec<_> = (0..4).map(|at| log_on(1 + at % 2, 1).unwrap().0).collect();
        greedy[0].set_busy(true);
        let (mut modest, displaced) = log_on(3, 2).unwrap();
        assert!(displaced && is_displaced(&mut greedy[1]), "the oldest on which nothing is open");
        let (_another, displaced) = log_on(1, 3).unwrap();
        assert!(displaced && is_displaced(&mut greedy[2]));
        assert!(!is_displaced(&mut greedy[0]) && !is_displaced(&mut modest));
        // One more of its own costs one of its own, and none on which something is open.
        let (_newest, displaced) = log_on(2, 1).unwrap();
        assert!(displaced && is_displaced(&mut greedy[3]));
        // One that goes after it was displaced frees no second place.
        drop(greedy.drain(1..));
        assert_eq!(admission.0.places.lock().unwrap().users.len(), 4);
    }

    #[test]
    fn an_account_has_a_share_of_the_places() {
        let users = Crowd { all: 10, per_address: 10 };
        let admission = Admission::new(40, users, 2, 1, Arc::default());
        let log_on = |busy, who| {
            let (mut place, _) = admission.admit(address(1));
            place.set_busy(busy);
            place.log_on(account(who)).map(|displaced| (place, displaced))
        };
        let (mut idle, _) = log_on(false, 1).unwrap();
        let _first = log_on(true, 1).unwrap();
        let _other = log_on(true, 2).unwrap();
        let (_second, displaced) = log_on(true, 1).unwrap();
        assert!(displaced && is_displaced(&mut idle));
        assert_eq!(log_on(true, 1).unwrap_err(), TooMany, "something is open on all of them");
        log_on(true, 2).unwrap();
    }

    #[test]
    fn strangers_take_no_users_places() {
        let admission = admission(2, (1, 1));
        let (mut user, _) = admission.admit(address(1));
        user.log_on(account(1)).unwrap();
        user.log_on(account(1)).unwrap();
        let mut strangers: Vec<_> = (0..50).map(|last| admission.admit(address(last)).0).collect();
        assert!(!is_displaced(&mut user));
        drop(user);
        strangers.last_mut().unwrap().log_on(account(1)).unwrap();
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
        first.log_on(account(1)).unwrap();
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
                place.log_on(account(1)).unwrap();
            }
        }
        let many: Vec<_> = (0..200).map(|last| admission.admit(address(last))).collect();
        drop(many);
        let places = admission.0.places.lock().unwrap();
        assert!(places.strangers.is_forgotten());
        assert_eq!((places.strangers.len(), places.users.len()), (0, 0));
    }
}
