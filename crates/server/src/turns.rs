//! Whose turn it is at a pipe with a limited number of slots.
//!
//! A client that waits (`FSCTL_PIPE_WAIT`) is served before a client that comes by: a slot that becomes free
//! is kept for a short while for the connection whose turn it is. Until that connection has opened the pipe,
//! or the while is over, no other gets the slot. Turns go around the accounts that wait, in the order in
//! which they began to wait, and around the connections of each account; within a connection they go by
//! arrival. A client that waits with many requests, on many connections, or again as soon as it was served,
//! has therefore one turn where another client has one.
//!
//! Pure: the time is an argument, and the caller tells the waiters.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a free slot is kept for the connection whose turn it is.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// Names one wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// A client that waits for a slot.
#[derive(Debug, Clone)]
pub(crate) struct Waiter {
    /// Tells one connection from others.
    pub(crate) connection: u64,
    pub(crate) account: Arc<str>,
    /// Whether the pipe's descriptor would let the account in. Other accounts hear of a free slot after
    /// everybody else, and none is kept for them.
    pub(crate) may_open: bool,
}

/// The waits of one connection, in the order of their arrival.
#[derive(Debug)]
struct ConnectionLine {
    connection: u64,
    tickets: VecDeque<Ticket>,
}

/// The connections of one account that wait; the first has the next turn.
#[derive(Debug)]
struct AccountLine {
    account: Arc<str>,
    connections: VecDeque<ConnectionLine>,
}

/// A slot that is kept for a connection.
#[derive(Debug, Clone, Copy)]
struct KeptSlot {
    connection: u64,
    until: Instant,
}

/// What there is to do for the clients that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// No client waits.
    Nothing,
    /// All slots are in use or kept.
    FreeSlot,
    /// A client can be told, if the service listens.
    Look,
}

/// The slots of one pipe, and the clients that wait for one.
#[derive(Debug)]
pub(crate) struct Turns {
    /// `None` for no limit: then nothing is counted.
    limit: Option<u32>,
    used: u32,
    kept: Vec<KeptSlot>,
    /// The accounts that wait; the first has the next turn.
    accounts: VecDeque<AccountLine>,
    /// How many tickets are in `accounts`.
    waiting: usize,
    /// The waits of clients that could not open the pipe.
    onlookers: BTreeSet<Ticket>,
    tickets: u64,
}

impl Turns {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self {
            limit,
            used: 0,
            kept: Vec::new(),
            accounts: VecDeque::new(),
            waiting: 0,
            onlookers: BTreeSet::new(),
            tickets: 0,
        }
    }

    /// How many slots are neither in use nor kept.
    fn free(&self) -> usize {
        let limit = self.limit.unwrap_or(u32::MAX) as usize;
        limit.saturating_sub(self.used as usize).saturating_sub(self.kept.len())
    }

    /// Takes a slot for an open on this connection; `false` when there is none for it.
    pub(crate) fn take(&mut self, connection: u64, now: Instant) -> bool {
        self.lapse(now);
        if let Some(index) = self.kept.iter().position(|kept| kept.connection == connection) {
            self.kept.swap_remove(index);
        } else if !self.is_free_for_newcomers() {
            return false;
        }
        self.used += 1;
        true
    }

    /// Whether a slot is free that no client waits for.
    pub(crate) fn is_free_for_newcomers(&self) -> bool {
        self.free() > self.waiting
    }

    /// Gives a slot back; whether a client waits.
    pub(crate) fn give_back(&mut self) -> bool {
        self.used = self.used.saturating_sub(1);
        self.wanted() != Wanted::Nothing
    }

    /// Puts a client into the queue.
    pub(crate) fn wait(&mut self, waiter: &Waiter) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        if !waiter.may_open {
            self.onlookers.insert(ticket);
            return ticket;
        }
        self.waiting += 1;
        let line = if let Some(index) = self.accounts.iter().position(|line| line.account == waiter.account) {
            self.accounts.get_mut(index)
        } else {
            let account = Arc::clone(&waiter.account);
            self.accounts.push_back(AccountLine { account, connections: VecDeque::new() });
            self.accounts.back_mut()
        };
        if let Some(AccountLine { connections, .. }) = line {
            if let Some(line) = connections.iter_mut().find(|line| line.connection == waiter.connection) {
                line.tickets.push_back(ticket);
            } else {
                let tickets = [ticket].into();
                connections.push_back(ConnectionLine { connection: waiter.connection, tickets });
            }
        }
        ticket
    }

    /// Takes a client out of the queue. Many may leave at a time, so only its own connection's line is
    /// searched.
    pub(crate) fn leave(&mut self, ticket: Ticket, waiter: &Waiter) {
        if !waiter.may_open {
            self.onlookers.remove(&ticket);
            return;
        }
        let mut accounts = self.accounts.iter_mut().enumerate();
        let Some((account, line)) = accounts.find(|(_, line)| line.account == waiter.account) else {
            return;
        };
        let mut connections = line.connections.iter_mut().enumerate();
        let Some((connection, own)) = connections.find(|(_, own)| own.connection == waiter.connection) else {
            return;
        };
        let before = own.tickets.len();
        own.tickets.retain(|waiting| *waiting != ticket);
        self.waiting -= before - own.tickets.len();
        if own.tickets.is_empty() {
            line.connections.remove(connection);
        }
        if line.connections.is_empty() {
            self.accounts.remove(account);
        }
    }

    /// What the clients that wait need.
    pub(crate) fn wanted(&self) -> Wanted {
        if self.waiting == 0 && self.onlookers.is_empty() {
            Wanted::Nothing
        } else if self.free() == 0 {
            Wanted::FreeSlot
        } else {
            Wanted::Look
        }
    }

    /// The service listens: tells the clients whose turn it is, as far as there are slots, and keeps these
    /// for them. `tell` says whether the client is still there; one that has just gone leaves its turn to the
    /// next.
    pub(crate) fn serve(&mut self, now: Instant, mut tell: impl FnMut(Ticket) -> bool) {
        self.lapse(now);
        while self.free() > 0
            && let Some((connection, ticket)) = self.next()
        {
            if tell(ticket) && self.limit.is_some() {
                self.kept.push(KeptSlot { connection, until: now + GRACE });
            }
        }
        if self.free() > 0 {
            for ticket in mem::take(&mut self.onlookers) {
                tell(ticket);
            }
        }
    }

    /// Takes out the client whose turn it is.
    fn next(&mut self) -> Option<(u64, Ticket)> {
        let mut account = self.accounts.pop_front()?;
        let mut line = account.connections.pop_front()?;
        let connection = line.connection;
        let ticket = line.tickets.pop_front()?;
        self.waiting -= 1;
        if !line.tickets.is_empty() {
            account.connections.push_back(line);
        }
        if !account.connections.is_empty() {
            self.accounts.push_back(account);
        }
        Some((connection, ticket))
    }

    /// When the next slot that is kept is free again for others.
    pub(crate) fn next_lapse(&self) -> Option<Instant> {
        self.kept.iter().map(|kept| kept.until).min()
    }

    /// Frees the slots that were kept long enough.
    pub(crate) fn lapse(&mut self, now: Instant) {
        self.kept.retain(|kept| kept.until > now);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn waiter(account: &str, connection: u64) -> Waiter {
        Waiter { connection, account: account.into(), may_open: true }
    }

    /// The names of the clients that wait.
    #[derive(Default)]
    struct Names(BTreeMap<Ticket, String>);

    impl Names {
        fn wait(&mut self, turns: &mut Turns, name: &str, waiter: &Waiter) -> Ticket {
            let ticket = turns.wait(waiter);
            self.0.insert(ticket, name.to_owned());
            ticket
        }

        /// Serves, and names the clients that were told, in order.
        fn serve(&mut self, turns: &mut Turns, now: Instant) -> Vec<String> {
            let mut told = Vec::new();
            turns.serve(now, |ticket| match self.0.remove(&ticket) {
                Some(name) => {
                    told.push(name);
                    true
                }
                None => false,
            });
            told
        }
    }

    #[test]
    fn beyond_the_limit_there_is_nothing_to_take() {
        let (mut turns, now) = (Turns::new(Some(2)), Instant::now());
        assert_eq!([1, 2, 3].map(|connection| turns.take(connection, now)), [true, true, false]);
        assert!(!turns.give_back(), "nobody waits");
        assert!(turns.take(3, now));
        let mut unlimited = Turns::new(None);
        assert!((0..10_000).all(|connection| unlimited.take(connection, now)));
    }

    #[test]
    fn a_freed_slot_is_kept_for_the_first_client_that_waits() {
        let (mut turns, now, mut names) = (Turns::new(Some(1)), Instant::now(), Names::default());
        assert!(turns.take(1, now));
        names.wait(&mut turns, "first", &waiter("a", 2));
        names.wait(&mut turns, "second", &waiter("a", 3));
        assert_eq!(turns.wanted(), Wanted::FreeSlot);
        assert!(turns.give_back());
        assert_eq!(turns.wanted(), Wanted::Look);
        assert!(!turns.take(1, now), "a client in a hurry does not overtake those that wait");
        assert_eq!(names.serve(&mut turns, now), ["first"]);
        assert_eq!([1, 3, 2].map(|connection| turns.take(connection, now)), [false, false, true]);
        assert!(turns.give_back());
        assert_eq!(names.serve(&mut turns, now), ["second"]);
    }

    #[test]
    fn a_waiter_that_does_not_come_loses_its_turn() {
        let (mut turns, now, mut names) = (Turns::new(Some(1)), Instant::now(), Names::default());
        for name in ["first", "second"] {
            names.wait(&mut turns, name, &waiter(name, name.len() as u64));
        }
        assert_eq!(names.serve(&mut turns, now), ["first"]);
        assert_eq!((turns.wanted(), turns.next_lapse()), (Wanted::FreeSlot, Some(now + GRACE)));
        let later = now + GRACE;
        turns.lapse(later);
        assert_eq!(turns.wanted(), Wanted::Look);
        assert_eq!(names.serve(&mut turns, later), ["second"]);
        assert!(!turns.take(5, later) && turns.take(6, later));
    }

    #[test]
    fn a_waiter_that_went_away_has_no_turn() {
        let (mut turns, now, mut names) = (Turns::new(Some(1)), Instant::now(), Names::default());
        let left = names.wait(&mut turns, "left", &waiter("a", 1));
        turns.wait(&waiter("b", 2)); // gone without a word
        names.wait(&mut turns, "stays", &waiter("c", 3));
        turns.leave(left, &waiter("a", 1));
        let onlooker = Waiter { may_open: false, ..waiter("d", 4) };
        let left = names.wait(&mut turns, "onlooker", &onlooker);
        turns.leave(left, &onlooker);
        assert_eq!(names.serve(&mut turns, now), ["stays"]);
        assert_eq!(turns.wanted(), Wanted::Nothing);
    }

    #[test]
    fn turns_go_around_accounts_and_around_their_connections() {
        let (mut turns, now, mut names) = (Turns::new(Some(1)), Instant::now(), Names::default());
        for (name, account, connection) in [
            ("greedy 1.1", "greedy", 1),
            ("greedy 1.2", "greedy", 1),
            ("greedy 1.3", "greedy", 1),
            ("greedy 2.1", "greedy", 2),
            ("modest 3.1", "modest", 3),
            ("other 4.1", "other", 4),
            ("modest 3.2", "modest", 3),
        ] {
            names.wait(&mut turns, name, &waiter(account, connection));
        }
        let mut order = Vec::new();
        while turns.wanted() == Wanted::Look {
            let told = names.serve(&mut turns, now);
            let [name] = told.as_slice() else { panic!("{told:?}") };
            let connection = name.split(' ').nth(1).unwrap().split('.').next().unwrap().parse().unwrap();
            assert!(turns.take(connection, now));
            turns.give_back();
            order.extend(told);
        }
        let expected =
            ["greedy 1.1", "modest 3.1", "other 4.1", "greedy 2.1", "modest 3.2", "greedy 1.2", "greedy 1.3"];
        assert_eq!(order, expected);
    }

    #[test]
    fn a_client_that_waits_again_at_once_goes_to_the_end() {
        let (mut turns, now, mut names) = (Turns::new(Some(1)), Instant::now(), Names::default());
        for connection in 1..=3 {
            names.wait(&mut turns, &connection.to_string(), &waiter("same account", connection));
        }
        let mut order = Vec::new();
        for _ in 0..9 {
            let connection: u64 = names.serve(&mut turns, now).concat().parse().unwrap();
            assert!(turns.take(connection, now));
            names.wait(&mut turns, &connection.to_string(), &waiter("same account", connection));
            turns.give_back();
            order.push(connection);
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn a_client_that_could_not_open_the_pipe_takes_no_turn() {
        let (mut turns, now, mut names) = (Turns::new(Some(1)), Instant::now(), Names::default());
        names.wait(&mut turns, "onlooker", &Waiter { may_open: false, ..waiter("a", 1) });
        names.wait(&mut turns, "waits", &waiter("b", 2));
        assert_eq!(names.serve(&mut turns, now), ["waits"]);
        turns.lapse(now + GRACE);
        assert_eq!(names.serve(&mut turns, now + GRACE), ["onlooker"]);
        assert!(turns.take(3, now + GRACE), "nothing is kept for it");
    }

    #[derive(Debug, Clone)]
    enum Step {
        Wait(u8, u8),
        Leave(usize),
        Take(u8),
        GiveBack,
        Serve,
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..4_u8, 0..6_u8).prop_map(|(account, connection)| Step::Wait(account, connection)),
            any::<usize>().prop_map(Step::Leave),
            (0..6_u8).prop_map(Step::Take),
            Just(Step::GiveBack),
            Just(Step::Serve),
            (0..400_u64).prop_map(Step::Pass),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn the_limit_holds_and_every_waiter_has_its_turn_in_the_end(limit in 1..4_u32, steps in steps()) {
            let mut turns = Turns::new(Some(limit));
            let mut now = Instant::now();
            let (mut waiting, mut told, mut used) = (Vec::new(), BTreeSet::new(), 0);
            for step in steps {
                match step {
                    Step::Wait(account, connection) => {
                        let waiter = waiter(&account.to_string(), connection.into());
                        let ticket = turns.wait(&waiter);
                        waiting.push((ticket, waiter));
                    }
                    Step::Leave(index) if !waiting.is_empty() => {
                        let (ticket, waiter) = waiting.swap_remove(index % waiting.len());
                        turns.leave(ticket, &waiter);
                        let lines = turns.accounts.iter().flat_map(|account| &account.connections);
                        prop_assert_eq!(turns.waiting, lines.map(|line| line.tickets.len()).sum::<usize>());
                    }
                    Step::Take(connection) => used += u32::from(turns.take(connection.into(), now)),
                    Step::GiveBack if used > 0 => {
                        used -= 1;
                        turns.give_back();
                    }
                    Step::Serve => turns.serve(now, |ticket| told.insert(ticket)),
                    Step::Pass(millis) => now += Duration::from_millis(millis),
                    Step::Leave(_) | Step::GiveBack => {}
                }
                prop_assert!(used <= limit && used as usize + turns.kept.len() <= limit as usize);
            }
            while used > 0 {
                used -= 1;
                turns.give_back();
            }
            while turns.wanted() != Wanted::Nothing {
                now += GRACE;
                turns.serve(now, |ticket| told.insert(ticket));
            }
            prop_assert!(waiting.iter().all(|(ticket, _)| told.contains(ticket)));
            turns.lapse(now + GRACE);
            prop_assert!(turns.is_free_for_newcomers());
        }
    }
}
