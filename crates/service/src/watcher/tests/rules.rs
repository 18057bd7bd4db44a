//! Each rule, and the stories that made it.

use super::*;

/// Makes the trigger happen; `false` where it cannot.
fn pull(scene: &mut Scene, trigger: Trigger) -> Option<Vec<Action>> {
    Some(match trigger {
        Trigger::Saw(state) => scene.tell(seen(state)),
        Trigger::StartRefused => {
            scene.tell(Input::StartRefused { refusal: Refusal::ForNow, reason: "busy".into() })
        }
        Trigger::StartImpossible => {
            scene.tell(Input::StartRefused { refusal: Refusal::ForGood, reason: "missing".into() })
        }
        Trigger::Hung => {
            let misses = policy().hung_after.get();
            (0..misses).flat_map(|_| scene.tell(Input::Probed(Err("silence".into())))).collect()
        }
        Trigger::TimedOut => {
            scene.now = scene.watcher.deadline?;
            scene.tell(Input::Tick)
        }
        Trigger::KillTimedOut => {
            if !matches!(scene.watcher.phase(), Phase::Clearing | Phase::Stopping) {
                return None;
            }
            scene.now = scene.watcher.deadline?;
            scene.tell(Input::Tick);
            scene.now = scene.watcher.deadline?;
            scene.tell(Input::Tick)
        }
        Trigger::StopRequested => scene.tell(Input::StopRequested),
    })
}

#[test]
fn every_pair_of_phase_and_trigger_does_what_the_table_says() {
    for phase in Phase::ALL {
        for trigger in Trigger::ALL {
            let mut scene = Scene::in_phase(phase);
            let before = scene.watcher.failures().len();
            let rule = transition(phase, trigger);
            let Some(mut actions) = pull(&mut scene, trigger) else {
                assert_eq!(rule, None, "{phase} on {trigger} can never happen");
                continue;
            };
            let what = format!("{phase} on {trigger}");
            assert_eq!(scene.watcher.phase(), rule.map_or(phase, |rule| rule.to), "{what}");
            let counted = usize::from(rule.is_some_and(|rule| rule.counts));
            assert_eq!(scene.watcher.failures().len() - before, counted, "{what}");
            // Besides what the rule does, a tick may bring the regular look.
            if trigger == Trigger::TimedOut && rule.and_then(|rule| rule.does) != Some(Action::Check) {
                actions.retain(|&action| action != Action::Check);
            }
            assert_eq!(actions, Vec::from_iter(rule.and_then(|rule| rule.does)), "{what}");
        }
    }
}

#[test]
fn the_table_names_each_pair_once_and_ends_nowhere_but_in_the_ends() {
    for (index, row) in TRANSITIONS.iter().enumerate() {
        assert!(!TRANSITIONS[..index].iter().any(|other| (other.from, other.on) == (row.from, row.on)));
        assert!(!row.from.is_end());
        // The one place that starts a service is where it was just seen stopped.
        assert_eq!(
            row.does == Some(Action::Start),
            (row.from, row.on) == (Phase::Looking, Trigger::Saw(State::Stopped))
        );
        // A stop on request is no failure.
        assert!(row.to != Phase::Stopped || row.from == Phase::Stopping);
    }
}

#[test]
fn a_stop_is_honoured_in_every_phase() {
    for phase in Phase::ALL.into_iter().filter(|phase| !phase.is_end()) {
        let mut scene = Scene::in_phase(phase);
        scene.tell(Input::StopRequested);
        assert_eq!(scene.watcher.phase(), Phase::Stopping, "{phase}");
        assert!(!scene.watcher.is_ready());
        scene.tell(seen(State::Stopped));
        assert_eq!(scene.watcher.verdict(), Some(Verdict::Stopped { killed: false, gone: true }), "{phase}");
    }
}

#[test]
fn a_start_that_was_not_carried_out_yet_is_dropped_by_a_stop() {
    let mut scene = Scene::in_phase(Phase::Looking);
    scene.watcher.handle(scene.now, seen(State::Stopped));
    assert_eq!(scene.tell(Input::StopRequested), [Action::Stop]);
}

#[test]
fn gives_up_after_five_failed_starts_and_names_each() {
    let mut scene = Scene::new(policy());
    scene.start();
    scene.tell(exited(3));
    scene.start();
    scene.tell(Input::StartRefused { refusal: Refusal::ForNow, reason: "too many processes".into() });
    scene.start();
    scene.time_out_phase();
    scene.tell(seen(State::Stopped));
    scene.run();
    scene.tell(seen(State::Paused));
    scene.tell(seen(State::Stopped));
    scene.run();
    scene.after(2 * SECOND, exited(0));
    let why = scene.gave_up();
    assert!(!why.is_fatal());
    assert_eq!(
        kinds(&why),
        [
            "ended with exit code 3 before it was running",
            "could not be started: too many processes",
            "still StartPending after 10s",
            "was paused",
            "ended with exit code 0 after running for 2s",
        ]
    );
    assert!(why.to_string().starts_with("the service failed 5 times: 1. ended with exit code 3"));
    let counted = scene.watcher.failure_counts().by_name().filter(|(_, count)| *count > 0);
    let expected = [("refused", 1), ("timed-out", 1), ("ended", 2), ("paused", 1)];
    assert_eq!(counted.collect::<Vec<_>>(), expected);
    assert_eq!(scene.watcher.next_timeout(), None);
}

#[test]
fn a_stable_run_between_makes_earlier_failures_forgotten() {
    // Four failures, an hour of good service, four failures: no reason to give up.
    let mut scene = Scene::new(policy());
    for _ in 0..4 {
        scene.run();
        scene.after(SECOND, exited(1));
    }
    scene.run();
    for _ in 0..360 {
        scene.after(10 * SECOND, Input::Tick);
    }
    assert!(scene.watcher.failures().is_empty());
    scene.after(SECOND, exited(1));
    for _ in 0..3 {
        scene.run();
        scene.after(SECOND, exited(1));
    }
    assert_eq!(scene.watcher.phase(), Phase::Resting);
    assert_eq!(scene.watcher.failures().len(), 4);
    scene.run();
    scene.after(SECOND, exited(1));
    assert_eq!(scene.gave_up().failures.len(), 5);
}

#[test]
fn failures_are_forgotten_without_waiting_for_the_next_one() {
    let mut scene = Scene::new(policy());
    scene.start();
    scene.tell(exited(1));
    scene.run();
    let since = scene.now;
    while !scene.watcher.failures().is_empty() {
        scene.time_out();
    }
    assert_eq!(scene.since(since), policy().stable_after);
}

#[test]
fn a_service_that_cannot_be_started_is_given_up_at_once() {
    let mut scene = Scene::new(policy());
    scene.start();
    scene.tell(Input::StartRefused {
        refusal: Refusal::ForGood,
        reason: "no program `simple-service`".into(),
    });
    let why = scene.gave_up();
    assert!(why.is_fatal());
    assert_eq!(why.to_string(), "the service cannot be started: no program `simple-service`");
}

#[test]
fn never_starts_while_the_service_is_on_its_way() {
    for state in [State::StartPending, State::StopPending, State::ContinuePending, State::PausePending] {
        let mut scene = Scene::new(policy());
        let _ = scene.watcher.poll_action();
        for _ in 0..8 {
            assert!(!scene.tell(seen(state)).contains(&Action::Start));
            assert!(!scene.time_out().contains(&Action::Start));
        }
    }
}

#[test]
fn a_service_that_runs_already_is_watched_and_not_started() {
    let mut scene = Scene::new(policy());
    assert_eq!(scene.tell(seen(State::Running)), []);
    assert!(scene.watcher.is_ready());
    assert_eq!(scene.watcher.starts(), 0);
}

#[test]
fn progress_extends_a_start_up_to_the_cap() {
    let mut scene = Scene::in_phase(Phase::Starting);
    let since = scene.now;
    let mut checkpoint = 0;
    while scene.watcher.phase() == Phase::Starting {
        checkpoint += 1;
        scene.after(8 * SECOND, Input::Observed(Status { checkpoint, ..Status::of(State::StartPending) }));
        scene.tell(Input::Tick);
        assert!(scene.since(since) < Duration::from_hours(1));
    }
    assert!(scene.since(since) >= policy().start_cap);
    assert_eq!(scene.watcher.phase(), Phase::Clearing);
    let text = scene.watcher.failures()[0].kind.to_string();
    assert!(text.contains("checkpoint"), "{text}");
}

#[test]
fn a_wait_hint_extends_a_start_and_no_progress_within_it_ends_it() {
    let mut scene = Scene::in_phase(Phase::Starting);
    let since = scene.now;
    let status = Status { checkpoint: 1, wait_hint: 30 * SECOND, ..Status::of(State::StartPending) };
    scene.after(SECOND, Input::Observed(status.clone()));
    // Seen again, unchanged: that is no progress.
    scene.after(20 * SECOND, Input::Observed(status));
    scene.time_out_phase();
    assert_eq!(scene.since(since), 31 * SECOND);
}

#[test]
fn progress_after_the_time_is_up_is_too_late() {
    let mut scene = Scene::in_phase(Phase::Starting);
    scene.after(11 * SECOND, Input::Observed(Status { checkpoint: 9, ..Status::of(State::StartPending) }));
    scene.tell(Input::Tick);
    assert_eq!(scene.watcher.phase(), Phase::Clearing);
}

#[test]
fn a_missed_probe_makes_it_unready_and_the_third_makes_it_hung() {
    let mut scene = Scene::in_phase(Phase::Running);
    let missed = || Input::Probed(Err("the pipe does not accept".into()));
    scene.tell(missed());
    assert!(!scene.watcher.is_ready());
    scene.tell(Input::Probed(Ok(())));
    assert!(scene.watcher.is_ready());
    scene.tell(missed());
    scene.tell(missed());
    assert_eq!(scene.watcher.phase(), Phase::Running);
    assert_eq!(scene.tell(missed()), [Action::Stop]);
    let text = scene.watcher.failures()[0].kind.to_string();
    assert_eq!(text, "ran but missed 3 probes in a row: the pipe does not accept");
}

#[test]
fn a_running_service_is_looked_at_every_check_interval() {
    let mut scene = Scene::in_phase(Phase::Running);
    for _ in 0..3 {
        let before = scene.now;
        assert_eq!(scene.time_out(), [Action::Check]);
        assert_eq!(scene.since(before), policy().check_interval);
        scene.tell(seen(State::Running));
    }
}

#[test]
fn progress_extends_a_stop_up_to_the_cap() {
    let policy = Policy { stop_cap: SECOND * 25, ..policy() };
    let mut scene = Scene::new(policy.clone());
    scene.run();
    assert_eq!(scene.tell(Input::StopRequested), [Action::Stop]);
    let asked = scene.now;
    scene.tell(seen(State::StopPending));
    for checkpoint in 1..100 {
        let status = Status { checkpoint, wait_hint: SECOND * 5, ..Status::of(State::StopPending) };
        let actions = scene.after(SECOND * 5, Input::Observed(status));
        if scene.tell(Input::Tick).contains(&Action::Kill) || actions.contains(&Action::Kill) {
            break;
        }
    }
    assert_eq!(scene.since(asked), policy.stop_cap);
    // Without a word it has what it always had.
    let mut scene = Scene::new(policy);
    scene.run();
    scene.tell(Input::StopRequested);
    let asked = scene.now;
    while !scene.time_out().contains(&Action::Kill) {}
    assert_eq!(scene.since(asked), SECOND * 10);
}

#[test]
fn a_service_that_does_not_stop_is_killed() {
    let mut scene = Scene::in_phase(Phase::Running);
    let asked = scene.now;
    assert_eq!(scene.tell(Input::StopRequested), [Action::Stop]);
    scene.tell(seen(State::StopPending));
    while !scene.time_out().contains(&Action::Kill) {}
    assert_eq!(scene.since(asked), policy().stop_grace);
    scene.tell(seen(State::Stopped));
    assert_eq!(scene.watcher.verdict(), Some(Verdict::Stopped { killed: true, gone: true }));
}

#[test]
fn a_service_that_survives_a_kill_is_not_waited_for_for_ever() {
    let mut scene = Scene::in_phase(Phase::Stopping);
    scene.time_out_phase();
    assert_eq!(scene.watcher.verdict(), Some(Verdict::Stopped { killed: true, gone: false }));

    let mut scene = Scene::in_phase(Phase::Clearing);
    scene.time_out_phase();
    let why = scene.gave_up();
    assert!(why.is_fatal());
    assert!(why.to_string().ends_with("could not be stopped, not even by force"), "{why}");
}

#[test]
fn a_stop_does_not_give_a_stopping_service_its_time_anew() {
    let mut scene = Scene::in_phase(Phase::Clearing);
    let since = scene.now;
    scene.after(6 * SECOND, Input::StopRequested);
    while !scene.time_out().contains(&Action::Kill) {}
    assert_eq!(scene.since(since), policy().stop_grace);
}

#[test]
fn a_stop_seen_in_two_steps_is_one_failure_with_its_exit_code() {
    let mut scene = Scene::in_phase(Phase::Running);
    scene.tell(seen(State::StopPending));
    scene.tell(exited(5));
    assert_eq!(scene.watcher.failures().len(), 1);
    assert!(scene.watcher.failures()[0].kind.to_string().starts_with("ended with exit code 5"));
}

#[test]
fn waits_grow_and_instances_do_not_wait_in_step() {
    let waits = |seed| {
        let policy = Policy { max_failures: failures(9), ..policy() };
        let mut scene = Scene { now: Duration::ZERO, watcher: Watcher::new(Duration::ZERO, policy, seed) };
        let mut waits = Vec::new();
        for _ in 0..8 {
            scene.start();
            scene.tell(exited(1));
            let failed = scene.now;
            scene.time_out_phase();
            waits.push(scene.since(failed));
        }
        waits
    };
    let (one, other) = (waits(1), waits(2));
    assert_ne!(one, other);
    assert_eq!(one, waits(1));
    assert_eq!(one[0], Duration::ZERO);
    let halves: Vec<_> = (1..6).map(|doublings| policy().backoff_first * 2u32.pow(doublings) / 2).collect();
    assert!(one[1..6].iter().zip(&halves).all(|(wait, half)| wait >= half), "{one:?}");
    assert!(one[7] >= policy().backoff_cap / 2 && one[7] <= policy().backoff_cap);
}

#[test]
fn a_first_death_is_followed_by_a_start_at_once_and_a_stable_run_makes_the_next_one_the_first() {
    let mut scene = Scene::new(policy());
    scene.run();
    for _ in 0..3 {
        assert_eq!(scene.after(policy().stable_after, exited(1)), []);
        assert_eq!(scene.time_out(), [Action::Check]);
        assert_eq!(scene.tell(seen(State::Stopped)), [Action::Start]);
        assert_eq!(scene.watcher.rest(), Duration::ZERO);
        scene.tell(seen(State::Running));
    }
    scene.tell(exited(1));
    assert!(scene.watcher.rest() >= policy().backoff_first, "{:?}", scene.watcher.rest());
}

#[test]
fn a_start_that_was_refused_is_not_repeated_at_once() {
    let mut scene = Scene::new(policy());
    scene.start();
    scene.tell(Input::StartRefused { refusal: Refusal::ForNow, reason: "busy".into() });
    assert!(scene.watcher.rest() >= policy().backoff_first / 2, "{:?}", scene.watcher.rest());
}

#[test]
fn the_drawn_diagram_is_the_table() {
    let page = include_str!("../../../WATCHER.md");
    assert!(page.contains(&diagram()), "WATCHER.md should hold:\n{}", diagram());
}
