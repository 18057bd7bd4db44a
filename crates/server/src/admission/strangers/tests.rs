use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::*;

fn address(number: u32) -> IpAddr {
    IpAddr::V4((0x0A00_0000 + number).into())
}

#[test]
fn a_newcomer_displaces_no_one_that_has_come_further() {
    let mut strangers = Strangers::new(12, 1);
    let (further, _) = strangers.add(Stage::Challenged, address(1), "further");
    for _ in 0..1000 {
        assert_ne!(strangers.add(Stage::Silent, address(1), "new").1, Some("further"));
        assert_ne!(strangers.add(Stage::Speaking, address(1), "new").1, Some("further"));
    }
    assert_eq!(strangers.len(), 6 + 2 + 1);
    assert_eq!(strangers.remove(further), Some("further"));
}

#[test]
fn one_that_floods_displaces_its_own() {
    let mut strangers = Strangers::new(200, 2);
    let (modest, _) = strangers.add(Stage::Silent, address(1), 1);
    for _ in 0..10_000 {
        assert_ne!(strangers.add(Stage::Silent, address(2), 2).1, Some(1));
    }
    assert!(strangers.remove(modest).is_some());
}

#[test]
fn every_stage_has_room_for_one() {
    let mut strangers = Strangers::new(0, 3);
    let (first, displaced) = strangers.add(Stage::Answered, address(1), 1);
    assert_eq!(displaced, None);
    assert_eq!(strangers.add(Stage::Answered, address(2), 2).1, Some(1));
    assert_eq!(strangers.remove(first), None);
}

#[test]
fn a_process_at_its_limits_lets_silent_ones_go_first() {
    let mut strangers = Strangers::new(100, 4);
    strangers.add(Stage::Challenged, address(1), "further");
    strangers.add(Stage::Silent, address(2), "silent");
    assert_eq!(strangers.displace_any(), Some("silent"));
    assert_eq!(strangers.displace_any(), Some("further"));
    assert_eq!(strangers.displace_any(), None);
    assert!(strangers.is_forgotten());
}

/// How far a flood goes by itself, without waiting for the server.
#[derive(Debug, Clone, Copy)]
struct Flood {
    /// Connections per second.
    rate: u64,
    /// From this many addresses; `None` for the user's own.
    addresses: Option<u32>,
    furthest: Stage,
}

/// Whose a connection is in the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Stranger,
    /// With the number of the attempt.
    User(usize),
}

const LAST: [Stage; STAGES] = [Stage::Silent, Stage::Speaking, Stage::Challenged, Stage::Answered];

/// How many of a user's attempts to log on succeed during a flood, in virtual time. The user needs `way` for
/// each of the messages NEGOTIATE, SESSION_SETUP, SESSION_SETUP, and one more that proves the key. Every
/// connection of a stranger stays until it is displaced.
fn attempts_that_succeed(flood: Flood, way: Duration, seed: u64) -> (usize, usize) {
    const SECONDS: u64 = 10;
    /// The flood goes on for so long before the user comes.
    const BEFORE: u64 = 3;
    let users_address = address(1);
    let mut strangers = Strangers::new(super::super::DEFAULT_STRANGERS, seed);
    // What happens when: of the flood, or of an attempt of the user that has come to this stage.
    let mut events = BinaryHeap::new();
    let at = |second: u64, part: u64, parts: u64| {
        Duration::from_secs(second) + Duration::from_secs(part) / parts as u32
    };
    for second in 0..SECONDS {
        (0..flood.rate).for_each(|part| events.push(Reverse((at(second, part, flood.rate), None))));
    }
    for attempt in 0..((SECONDS - BEFORE - 1) * 20) as usize {
        let begins = Duration::from_secs(BEFORE) + Duration::from_millis(50) * attempt as u32;
        for (place, _) in LAST.iter().enumerate() {
            events.push(Reverse((begins + way * place as u32, Some((attempt, place)))));
        }
        events.push(Reverse((begins + way * STAGES as u32, Some((attempt, STAGES)))));
    }
    let attempts = ((SECONDS - BEFORE - 1) * 20) as usize;
    let mut tickets: Vec<Option<Ticket>> = vec![None; attempts];
    let (mut succeeded, mut number) = (0, 0u32);
    while let Some(Reverse((_, event))) = events.pop() {
        let mut displaced = VecDeque::new();
        match event {
            None => {
                number += 1;
                let from = flood.addresses.map_or(users_address, |count| address(2 + number % count));
                let mut ticket: Option<Ticket> = None;
                for stage in LAST.into_iter().filter(|stage| *stage <= flood.furthest) {
                    ticket.take().map(|ticket| strangers.remove(ticket));
                    let (new, gone) = strangers.add(stage, from, Owner::Stranger);
                    ticket = Some(new);
                    displaced.extend(gone);
                }
            }
            Some((attempt, place)) => {
                let before = tickets[attempt].take();
                // One that was displaced does not go on.
                if place > 0 && before.and_then(|ticket| strangers.remove(ticket)).is_none() {
                    continue;
                }
                let Some(stage) = LAST.get(place) else {
                    succeeded += 1;
                    continue;
                };
                let (ticket, gone) = strangers.add(*stage, users_address, Owner::User(attempt));
                tickets[attempt] = Some(ticket);
                displaced.extend(gone);
            }
        }
        for owner in displaced {
            if let Owner::User(attempt) = owner {
                tickets[attempt] = None;
            }
        }
    }
    (succeeded, attempts)
}

fn most_succeed(flood: Flood) {
    let (succeeded, attempts) = attempts_that_succeed(flood, Duration::from_millis(100), 7);
    assert!(succeeded * 100 >= attempts * 95, "{flood:?}: {succeeded} of {attempts}");
}

/// Each attempt counts by itself: the user does not even have to try again.
#[test]
fn a_user_far_away_logs_on_during_a_flood_from_many_addresses() {
    for furthest in [Stage::Silent, Stage::Speaking, Stage::Challenged] {
        for addresses in [600, 60_000] {
            most_succeed(Flood { rate: 3000, addresses: Some(addresses), furthest });
        }
    }
}

#[test]
fn a_user_far_away_logs_on_during_a_flood_from_the_same_address() {
    for furthest in [Stage::Silent, Stage::Speaking, Stage::Challenged] {
        most_succeed(Flood { rate: 1500, addresses: None, furthest });
    }
}

/// What no room is enough for costs attempts, but never all of them, as it would if the oldest went.
#[test]
fn a_faster_flood_does_not_keep_everybody_out() {
    let flood = Flood { rate: 9000, addresses: None, furthest: Stage::Silent };
    let (succeeded, attempts) = attempts_that_succeed(flood, Duration::from_millis(100), 8);
    assert!(succeeded * 100 >= attempts * 50, "{succeeded} of {attempts}");
    let flood = Flood { rate: 6000, addresses: None, furthest: Stage::Challenged };
    let (succeeded, attempts) = attempts_that_succeed(flood, Duration::from_millis(50), 9);
    assert!(succeeded * 100 >= attempts * 50, "{succeeded} of {attempts}");
}
