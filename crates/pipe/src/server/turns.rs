//! Whose turn it is at a pipe with a limited number of instances.
//!
//! Whoever waits (`FSCTL_PIPE_WAIT`) is served before whoever comes by: an instance that becomes free is kept for a
//! short while for the connection whose turn it is, and until that has opened the pipe, or the while is over, nobody
//! else gets it. Turns go around the accounts that wait, in the order in which they began to, and around the connections
//! of each account; within a connection they go by arrival. So a client that waits with many requests, on many
//! connections, or again as soon as it was served, has one turn where another has one.
//!
//! Pure: the time is an argument.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long a free instance is kept for the connection that was told of it.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// Names one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// Who wants an instance.
#[derive(Clone, Debug)]
pub(super) struct Who {
    /// Tells one connection from others.
    pub(super) connection: u64,
    pub(super) account: Arc<str>,
    /// Whether the pipe's descriptor would let the account in. Others are told when there is a free instance, after
    /// everybody else, and none is kept for them.
    pub(super) may_open: bool,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    told: oneshot::Sender<()>,
}

/// Those who wait on one connection, in the order of their arrival.
#[derive(Debug)]
struct Lane {
    connection: u64,
    waiters: VecDeque<Waiter>,
}

/// The connections of one account on which somebody waits; the first has the next turn.
#[derive(Debug)]
struct Queue {
    account: Arc<str>,
    lanes: VecDeque<Lane>,
}

/// An instance that is kept for a connection.
#[derive(Clone, Copy, Debug)]
struct Kept {
    connection: u64,
    until: Instant,
}

/// What there is to do for those who wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nobody waits.
    Nothing,
    /// All instances are in use or kept.
    FreeInstance,
    /// Somebody can be told, if the service listens.
    Look,
}

/// The instances of one pipe, and who waits for them.
#[derive(Debug)]
pub(super) struct Turns {
    /// `None` for no limit: then nothing is counted.
    limit: Option<u32>,
    used: u32,
    kept: Vec<Kept>,
    /// The accounts that wait; the first has the next turn.
    queues: VecDeque<Queue>,
    /// How many wait in `queues`.
    waiting: usize,
    /// Those who wait and could not open the pipe.
    onlookers: BTreeMap<Ticket, oneshot::Sender<()>>,
    tickets: u64,
}

impl Turns {
    pub(super) fn new(limit: Option<u32>) -> Turns {
        Turns {
            limit,
            used: 0,
            kept: Vec::new(),
            queues: VecDeque::new(),
            waiting: 0,
            onlookers: BTreeMap::new(),
            tickets: 0,
        }
    }

    /// How many instances are neither in use nor kept.
    fn free(&self) -> usize {
        let limit = self.limit.unwrap_or(u32::MAX) as usize;
        limit.saturating_sub(self.used as usize).saturating_sub(self.kept.len())
    }

    /// Takes an instance for an open on this connection; `false` when there is none for it.
    pub(super) fn take(&mut self, connection: u64, now: Instant) -> bool {
        self.lapse(now);
        if let Some(index) = self.kept.iter().position(|kept| kept.connection == connection) {
            self.kept.swap_remove(index);
        } else if !self.is_free_for_newcomers() {
            return false;
        }
        self.used += 1;
        true
    }

    /// Whether an instance is free that nobody waits for.
    pub(super) fn is_free_for_newcomers(&self) -> bool {
        self.free() > self.waiting
    }

    /// Gives an instance back; whether somebody waits.
    pub(super) fn give_back(&mut self) -> bool {
        self.used = self.used.saturating_sub(1);
        self.wanted() != Wanted::Nothing
    }

    /// Waits for an instance.
    pub(super) fn wait(&mut self, who: &Who) -> (Ticket, oneshot::Receiver<()>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let (told, tells) = oneshot::channel();
        if !who.may_open {
            self.onlookers.insert(ticket, told);
            return (ticket, tells);
        }
        let waiter = Waiter { ticket, told };
        self.waiting += 1;
        let queue = if let Some(index) = self.queues.iter().position(|queue| queue.account == who.account) {
            self.queues.get_mut(index)
        } else {
            self.queues.push_back(Queue { account: Arc::clone(&who.account), lanes: VecDeque::new() });
            self.queues.back_mut()
        };
        if let Some(Queue { lanes, .. }) = queue {
            match lanes.iter_mut().find(|lane| lane.connection == who.connection) {
                Some(lane) => lane.waiters.push_back(waiter),
                None => lanes.push_back(Lane { connection: who.connection, waiters: [waiter].into() }),
            }
        }
        (ticket, tells)
    }

    /// Somebody waits no more. Many may leave at a time, so only those are looked at who are in the same place.
    pub(super) fn leave(&mut self, ticket: Ticket, who: &Who) {
        if !who.may_open {
            self.onlookers.remove(&ticket);
            return;
        }
        let Some((place, queue)) =
            self.queues.iter_mut().enumerate().find(|(_, queue)| queue.account == who.account)
        else {
            return;
        };
        let Some((lane_place, lane)) =
            queue.lanes.iter_mut().enumerate().find(|(_, lane)| lane.connection == who.connection)
        else {
            return;
        };
        let before = lane.waiters.len();
        lane.waiters.retain(|waiter| waiter.ticket != ticket);
        self.waiting -= before - lane.waiters.len();
        if lane.waiters.is_empty() {
            queue.lanes.remove(lane_place);
        }
        if queue.lanes.is_empty() {
            self.queues.remove(place);
        }
    }

    /// What those who wait need.
    pub(super) fn wanted(&self) -> Wanted {
        if self.waiting == 0 && self.onlookers.is_empty() {
            Wanted::Nothing
        } else if self.free() == 0 {
            Wanted::FreeInstance
        } else {
            Wanted::Look
        }
    }

    /// The service listens: tells those whose turn it is, as far as there are instances, and keeps these for them.
    pub(super) fn serve(&mut self, now: Instant) {
        self.lapse(now);
        while self.free() > 0
            && let Some((connection, waiter)) = self.next()
        {
            // Who went away a moment ago leaves the turn to the next one.
            if waiter.told.send(()).is_ok() && self.limit.is_some() {
                self.kept.push(Kept { connection, until: now + GRACE });
            }
        }
        if self.free() > 0 {
            for told in mem::take(&mut self.onlookers).into_values() {
                let _ = told.send(());
            }
        }
    }

    /// Takes out the one whose turn it is.
    fn next(&mut self) -> Option<(u64, Waiter)> {
        let mut queue = self.queues.pop_front()?;
        let mut lane = queue.lanes.pop_front()?;
        let connection = lane.connection;
        let waiter = lane.waiters.pop_front()?;
        self.waiting -= 1;
        if !lane.waiters.is_empty() {
            queue.lanes.push_back(lane);
        }
        if !queue.lanes.is_empty() {
            self.queues.push_back(queue);
        }
        Some((connection, waiter))
    }

    /// When the next instance that is kept is free again for others.
    pub(super) fn next_lapse(&self) -> Option<Instant> {
        self.kept.iter().map(|kept| kept.until).min()
    }

    /// Frees what was kept long enough.
    pub(super) fn lapse(&mut self, now: Instant) {
        self.kept.retain(|kept| kept.until > now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn who(account: &str, connection: u64) -> Who {
        Who { connection, account: account.into(), may_open: true }
    }

    /// Waiters by name, and the order in which they were told.
    #[derive(Default)]
    struct Waiters(Vec<(String, oneshot::Receiver<()>)>);

    impl Waiters {
        fn wait(&mut self, turns: &mut Turns, name: &str, who: &Who) -> Ticket {
            let (ticket, tells) = turns.wait(who);
            self.0.push((name.to_owned(), tells));
            ticket
        }

        fn told(&mut self) -> Vec<String> {
            let told = self.0.extract_if(.., |(_, tells)| tells.try_recv().is_ok());
            told.map(|(name, _)| name).collect()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn beyond_the_limit_there_is_nothing_to_take() {
        let (mut turns, now) = (Turns::new(Some(2)), Instant::now());
        assert_eq!([1, 2, 3].map(|connection| turns.take(connection, now)), [true, true, false]);
        assert!(!turns.give_back(), "nobody waits");
        assert!(turns.take(3, now));
        let mut unlimited = Turns::new(None);
        assert!((0..10_000).all(|connection| unlimited.take(connection, now)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_freed_instance_is_kept_for_the_first_who_waits() {
        let (mut turns, now, mut waiters) = (Turns::new(Some(1)), Instant::now(), Waiters::default());
        assert!(turns.take(1, now));
        waiters.wait(&mut turns, "first", &who("a", 2));
        waiters.wait(&mut turns, "second", &who("a", 3));
        assert_eq!(turns.wanted(), Wanted::FreeInstance);
        assert!(turns.give_back());
        assert_eq!(turns.wanted(), Wanted::Look);
        assert!(!turns.take(1, now), "who is in a hurry does not overtake those who wait");
        turns.serve(now);
        assert_eq!(waiters.told(), ["first"]);
        assert_eq!([1, 3, 2].map(|connection| turns.take(connection, now)), [false, false, true]);
        assert!(turns.give_back());
        turns.serve(now);
        assert_eq!(waiters.told(), ["second"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_loses_the_turn() {
        let (mut turns, now, mut waiters) = (Turns::new(Some(1)), Instant::now(), Waiters::default());
        for name in ["first", "second"] {
            waiters.wait(&mut turns, name, &who(name, name.len() as u64));
        }
        turns.serve(now);
        assert_eq!(waiters.told(), ["first"]);
        assert_eq!((turns.wanted(), turns.next_lapse()), (Wanted::FreeInstance, Some(now + GRACE)));
        let later = now + GRACE;
        turns.lapse(later);
        assert_eq!(turns.wanted(), Wanted::Look);
        turns.serve(later);
        assert_eq!(waiters.told(), ["second"]);
        assert!(!turns.take(5, later) && turns.take(6, later));
    }

    #[tokio::test(start_paused = true)]
    async fn who_went_away_has_no_turn() {
        let (mut turns, now, mut waiters) = (Turns::new(Some(1)), Instant::now(), Waiters::default());
        let left = waiters.wait(&mut turns, "left", &who("a", 1));
        let (_, dropped) = turns.wait(&who("b", 2));
        drop(dropped);
        waiters.wait(&mut turns, "stays", &who("c", 3));
        turns.leave(left, &who("a", 1));
        let onlooker = Who { may_open: false, ..who("d", 4) };
        let (left, mut tells) = turns.wait(&onlooker);
        turns.leave(left, &onlooker);
        turns.serve(now);
        assert_eq!(waiters.told(), ["stays"]);
        assert!(tells.try_recv().is_err());
        assert_eq!(turns.wanted(), Wanted::Nothing);
    }

    #[tokio::test(start_paused = true)]
    async fn turns_go_around_accounts_and_around_their_connections() {
        let (mut turns, now, mut waiters) = (Turns::new(Some(1)), Instant::now(), Waiters::default());
        for (name, account, connection) in [
            ("greedy 1.1", "greedy", 1),
            ("greedy 1.2", "greedy", 1),
            ("greedy 1.3", "greedy", 1),
            ("greedy 2.1", "greedy", 2),
            ("modest 3.1", "modest", 3),
            ("other 4.1", "other", 4),
            ("modest 3.2", "modest", 3),
        ] {
            waiters.wait(&mut turns, name, &who(account, connection));
        }
        let mut order = Vec::new();
        while turns.wanted() == Wanted::Look {
            turns.serve(now);
            let told = waiters.told();
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

    #[tokio::test(start_paused = true)]
    async fn who_waits_again_at_once_goes_to_the_end() {
        let (mut turns, now, mut waiters) = (Turns::new(Some(1)), Instant::now(), Waiters::default());
        for connection in 1..=3 {
            waiters.wait(&mut turns, &connection.to_string(), &who("same account", connection));
        }
        let mut order = Vec::new();
        for _ in 0..9 {
            turns.serve(now);
            let connection: u64 = waiters.told().concat().parse().unwrap();
            assert!(turns.take(connection, now));
            waiters.wait(&mut turns, &connection.to_string(), &who("same account", connection));
            turns.give_back();
            order.push(connection);
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_could_not_open_it_takes_no_turn() {
        let (mut turns, now, mut waiters) = (Turns::new(Some(1)), Instant::now(), Waiters::default());
        waiters.wait(&mut turns, "onlooker", &Who { may_open: false, ..who("a", 1) });
        waiters.wait(&mut turns, "waits", &who("b", 2));
        turns.serve(now);
        assert_eq!(waiters.told(), ["waits"]);
        turns.lapse(now + GRACE);
        turns.serve(now + GRACE);
        assert_eq!(waiters.told(), ["onlooker"]);
        assert!(turns.take(3, now + GRACE), "nothing is kept for it");
    }

    #[derive(Clone, Debug)]
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
        fn the_limit_holds_and_everybody_is_told_in_the_end(limit in 1..4_u32, steps in steps()) {
            let mut turns = Turns::new(Some(limit));
            let mut now = Instant::now();
            let (mut waiting, mut used) = (Vec::new(), 0);
            for step in steps {
                match step {
                    Step::Wait(account, connection) => {
                        let who = who(&account.to_string(), connection.into());
                        let (ticket, tells) = turns.wait(&who);
                        waiting.push((ticket, tells, who));
                    }
                    Step::Leave(index) if !waiting.is_empty() => {
                        let (ticket, _, who) = waiting.swap_remove(index % waiting.len());
                        turns.leave(ticket, &who);
                        let lanes = turns.queues.iter().flat_map(|queue| &queue.lanes);
                        prop_assert_eq!(turns.waiting, lanes.map(|lane| lane.waiters.len()).sum::<usize>());
                    }
                    Step::Take(connection) => used += u32::from(turns.take(connection.into(), now)),
                    Step::GiveBack if used > 0 => {
                        used -= 1;
                        turns.give_back();
                    }
                    Step::Serve => turns.serve(now),
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
                turns.serve(now);
            }
            for (_, mut tells, _) in waiting {
                prop_assert!(tells.try_recv().is_ok());
            }
            turns.lapse(now + GRACE);
            prop_assert!(turns.is_free_for_newcomers());
        }
    }
}
