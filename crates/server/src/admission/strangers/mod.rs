//! Who makes room among the connections on which nobody has logged on. Pure: randomness comes from a seed.
//!
//! Each stage of the handshake has room of its own, so a connection is displaced only by others that have
//! come as far: whoever floods the server with new connections displaces new ones. Which one goes is decided
//! at random. Of a few that are drawn, it is the one of the most crowded address, and the oldest where none
//! is crowded: a client far away needs an answer's way of time at each stage, a silent one waits for ever.

use std::collections::HashMap;
use std::net::IpAddr;

use standpipe_backoff::next_random;

/// How many connections are drawn, of which one goes. With one, those that just came would go as often as
/// those that have said nothing for long; with many, a faster flood would leave nobody the time that a
/// handshake takes.
const DRAWN: usize = 6;
/// An address is crowded that has more than this part of a stage. Below it, several users behind one address
/// must not give way to strangers that have an address each.
const CROWDED: usize = 64;

/// How far a connection has come in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Stage {
    /// It has said nothing yet.
    Silent,
    /// It has sent something.
    Speaking,
    /// It was asked to prove a password.
    Challenged,
    /// It has proved a password, but not the key that goes with it.
    Answered,
}

const STAGES: usize = 4;

/// The connections on which nobody has logged on, each with a `T`.
#[derive(Debug)]
pub(super) struct Strangers<T> {
    stages: [Pool<T>; STAGES],
    next: u64,
    seed: u64,
}

/// A connection's place at a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    stage: Stage,
    number: u64,
}

impl Ticket {
    pub(super) fn stage(self) -> Stage {
        self.stage
    }
}

impl<T> Strangers<T> {
    /// Room for `room` connections, half of it for silent ones, which hold next to nothing. Each stage has
    /// room for one at least.
    pub(super) fn new(room: usize, seed: u64) -> Self {
        let silent = room / 2;
        let further = (room - silent) / (STAGES - 1);
        Self { stages: [silent, further, further, further].map(|room| Pool::new(room.max(1))), next: 0, seed }
    }

    /// Adds a connection to a stage, and gives what belongs to the one that goes for it.
    pub(super) fn add(&mut self, stage: Stage, address: IpAddr, with: T) -> (Ticket, Option<T>) {
        let Self { stages, next, seed } = self;
        let [silent, speaking, challenged, answered] = stages;
        let pool = match stage {
            Stage::Silent => silent,
            Stage::Speaking => speaking,
            Stage::Challenged => challenged,
            Stage::Answered => answered,
        };
        let displaced = if pool.entries.len() >= pool.room { pool.displace(seed) } else { None };
        let number = *next;
        *next += 1;
        pool.insert(Entry { number, address, with });
        (Ticket { stage, number }, displaced)
    }

    /// Takes a connection out, unless it was displaced.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.stages.get_mut(ticket.stage as usize)?.remove(ticket.number)
    }

    /// Displaces one without need, of the first stage that has any: the process is at another limit.
    pub(super) fn displace_any(&mut self) -> Option<T> {
        let Self { stages, seed, .. } = self;
        stages.iter_mut().find_map(|pool| pool.displace(seed))
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.stages.iter().map(|pool| pool.entries.len()).sum()
    }

    #[cfg(test)]
    pub(super) fn is_forgotten(&self) -> bool {
        self.stages.iter().all(|pool| pool.places.is_empty() && pool.of_address.is_empty())
    }
}

/// The connections at one stage.
#[derive(Debug)]
struct Pool<T> {
    room: usize,
    entries: Vec<Entry<T>>,
    /// Where each number is in `entries`.
    places: HashMap<u64, usize>,
    of_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry<T> {
    /// The lower, the older.
    number: u64,
    address: IpAddr,
    with: T,
}

impl<T> Pool<T> {
    fn new(room: usize) -> Self {
        Self { room, entries: Vec::new(), places: HashMap::new(), of_address: HashMap::new() }
    }

    fn insert(&mut self, entry: Entry<T>) {
        self.places.insert(entry.number, self.entries.len());
        *self.of_address.entry(entry.address).or_default() += 1;
        self.entries.push(entry);
    }

    fn remove(&mut self, number: u64) -> Option<T> {
        let place = self.places.remove(&number)?;
        let Entry { address, with, .. } = self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.number, place);
        }
        if let Some(count) = self.of_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.of_address.remove(&address);
            }
        }
        Some(with)
    }

    fn displace(&mut self, seed: &mut u64) -> Option<T> {
        let drawn = (0..DRAWN).filter_map(|_| {
            let count = u64::try_from(self.entries.len()).ok()?;
            let place = usize::try_from(next_random(seed).checked_rem(count)?).ok()?;
            self.entries.get(place)
        });
        let goes = drawn.max_by_key(|entry| {
            let crowd = self.of_address.get(&entry.address).copied().unwrap_or_default();
            (crowd.max(self.room / CROWDED), std::cmp::Reverse(entry.number))
        })?;
        self.remove(goes.number)
    }
}

#[cfg(test)]
mod tests;
