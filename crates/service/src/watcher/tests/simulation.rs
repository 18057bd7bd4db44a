//! Random services and random events against what must hold whatever happens.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What one start of the simulated service leads to.
#[derive(Debug, Clone)]
enum Run {
    Refused,
    Impossible,
    NeverReady,
    EndsStarting(u64),
    EndsRunning(u64),
    Pauses(u64),
    Hangs(u64),
}

impl Run {
    /// How long it runs before the failure, in seconds, if it ever does.
    fn ran(&self) -> Option<u64> {
        match self {
            Self::EndsRunning(ran) | Self::Pauses(ran) | Self::Hangs(ran) => Some(*ran),
            _ => None,
        }
    }
}

fn any_run() -> impl Strategy<Value = Run> {
    // Well on either side of the 300 s that make a run stable.
    let ran = || prop_oneof![4 => 0u64..100, 1 => 400u64..2000];
    prop_oneof![
        2 => Just(Run::Refused),
        1 => Just(Run::Impossible),
        2 => Just(Run::NeverReady),
        3 => (0u64..9).prop_map(Run::EndsStarting),
        4 => ran().prop_map(Run::EndsRunning),
        2 => ran().prop_map(Run::Pauses),
        2 => ran().prop_map(Run::Hangs),
    ]
}

/// A service that lives through the given runs, one for each start, and then runs for ever.
struct World {
    runs: std::vec::IntoIter<Run>,
    run: Option<Run>,
    state: State,
    silent: bool,
    /// What happens next by itself.
    next: Option<(Duration, State)>,
    starts: u32,
    stop_takes: Duration,
}

impl World {
    fn new(runs: Vec<Run>, stop_takes: Duration) -> Self {
        Self {
            runs: runs.into_iter(),
            run: None,
            state: State::Stopped,
            silent: false,
            next: None,
            starts: 0,
            stop_takes,
        }
    }

    fn carry_out(&mut self, now: Duration, action: Action) -> Vec<Input> {
        match action {
            Action::Check if self.state == State::Running => {
                let answer = if self.silent { Err("silence".to_owned()) } else { Ok(()) };
                return vec![seen(self.state), Input::Probed(answer)];
            }
            Action::Check => {}
            Action::Start => {
                assert_eq!(self.state, State::Stopped, "started while {}", self.state);
                self.starts += 1;
                self.silent = false;
                self.run = self.runs.next();
                match &self.run {
                    Some(Run::Refused) => {
                        return vec![Input::StartRefused { refusal: Refusal::ForNow, reason: "busy".into() }];
                    }
                    Some(Run::Impossible) => {
                        return vec![Input::StartRefused {
                            refusal: Refusal::ForGood,
                            reason: "missing".into(),
                        }];
                    }
                    Some(Run::NeverReady) => self.next = None,
                    Some(Run::EndsStarting(after)) => {
                        self.next = Some((now + SECOND * *after as u32, State::Stopped));
                    }
                    _ => self.next = Some((now + SECOND, State::Running)),
                }
                self.state = State::StartPending;
            }
            Action::Stop if self.state == State::Stopped => {}
            Action::Stop => {
                self.state = State::StopPending;
                self.next = Some((now + self.stop_takes, State::Stopped));
            }
            Action::Kill => {
                self.state = State::Stopped;
                self.next = None;
            }
        }
        vec![seen(self.state)]
    }

    /// What happens by itself at `now`, which is when it is due.
    fn happen(&mut self, now: Duration) -> Option<Input> {
        let (_, state) = self.next.take()?;
        if state == State::Paused && matches!(self.run, Some(Run::Hangs(_))) {
            self.silent = true;
            return None;
        }
        self.state = state;
        if state == State::Running {
            self.next = match &self.run {
                Some(Run::EndsRunning(ran)) => Some((now + SECOND * *ran as u32, State::Stopped)),
                Some(Run::Pauses(ran) | Run::Hangs(ran)) => Some((now + SECOND * *ran as u32, State::Paused)),
                _ => None,
            };
        }
        Some(seen(state))
    }
}

/// Plays the world and the watcher against each other until the verdict or `until`.
fn play(world: &mut World, watcher: &mut Watcher, stop_at: Option<Duration>, until: Duration) -> Duration {
    let mut now = Duration::ZERO;
    let mut stop_at = stop_at;
    for _ in 0..100_000 {
        while let Some(action) = watcher.poll_action() {
            for input in world.carry_out(now, action) {
                watcher.handle(now, input);
            }
        }
        if watcher.verdict().is_some() {
            return now;
        }
        let event = world.next.map(|(at, _)| at);
        let timeout = watcher.next_timeout();
        let next = [stop_at, event, timeout].into_iter().flatten().min();
        let Some(next) = next.filter(|&next| next <= until) else { return now };
        now = now.max(next);
        if stop_at == Some(next) {
            stop_at = None;
            watcher.handle(now, Input::StopRequested);
        } else if event == Some(next) {
            if let Some(input) = world.happen(now) {
                watcher.handle(now, input);
            }
        } else {
            watcher.handle(now, Input::Tick);
            assert!(watcher.next_timeout().is_none_or(|timeout| timeout > now), "ticks in place");
        }
    }
    panic!("no end in sight");
}

/// How many starts lead to giving up, told without a watcher; `None` if it never does.
fn starts_until_given_up(runs: &[Run], max_failures: u32, stable: u64) -> Option<u32> {
    let mut count = 0;
    for (index, run) in runs.iter().enumerate() {
        if run.ran().is_some_and(|ran| ran >= stable) {
            count = 0;
        }
        count += 1;
        if count == max_failures || matches!(run, Run::Impossible) {
            return u32::try_from(index + 1).ok();
        }
    }
    None
}

proptest! {
    #[test]
    fn gives_up_exactly_at_the_limit_without_a_stable_run_between(
        runs in vec(any_run(), 0..30),
        max_failures in 1u32..8,
        stop_takes in 0u64..15,
        seed: u64,
    ) {
        let policy = Policy { max_failures: failures(max_failures), ..policy() };
        let expected = starts_until_given_up(&runs, max_failures, policy.stable_after.as_secs());
        let mut world = World::new(runs.clone(), SECOND * stop_takes as u32);
        let mut watcher = Watcher::new(Duration::ZERO, policy, seed);
        play(&mut world, &mut watcher, None, Duration::from_hours(24));
        match watcher.verdict() {
            Some(Verdict::GaveUp(why)) => {
                prop_assert_eq!(Some(world.starts), expected);
                prop_assert!(why.failures.len() <= max_failures as usize);
            }
            Some(other) => prop_assert!(false, "nobody asked, yet {:?}", other),
            None => {
                prop_assert_eq!(expected, None);
                prop_assert!(watcher.is_ready());
                prop_assert_eq!(world.starts as usize, runs.len() + 1);
            }
        }
    }

    #[test]
    fn stops_when_asked_in_time(
        runs in vec(any_run(), 0..10),
        stop_takes in 0u64..15,
        stop_at in 0u64..1000,
        seed: u64,
    ) {
        let mut world = World::new(runs, SECOND * stop_takes as u32);
        let mut watcher = Watcher::new(Duration::ZERO, policy(), seed);
        let asked = SECOND * stop_at as u32;
        let ended = play(&mut world, &mut watcher, Some(asked), Duration::from_hours(24));
        match watcher.verdict() {
            Some(Verdict::GaveUp(_)) => prop_assert!(ended <= asked),
            Some(Verdict::Stopped { gone, .. }) => {
                prop_assert!(gone && world.state == State::Stopped);
                prop_assert!(ended >= asked && ended <= asked + policy().stop_grace);
            }
            None => prop_assert!(false, "not stopped"),
        }
    }

    #[test]
    fn holds_whatever_is_said_to_it(events in vec((0u64..20_000, 0usize..14), 0..300), seed: u64) {
        let mut scene = Scene { now: Duration::ZERO, watcher: Watcher::new(Duration::ZERO, policy(), seed) };
        let (mut asked_to_stop, mut last_seen, mut started) = (false, None, false);
        for (wait, event) in events {
            let input = match event {
                state @ 0..7 => {
                    last_seen = Some(State::ALL[state]);
                    started = false;
                    seen(State::ALL[state])
                }
                7 => Input::Probed(Ok(())),
                8 | 9 => Input::Probed(Err("silence".into())),
                10 => Input::StartRefused { refusal: Refusal::ForNow, reason: "busy".into() },
                11 if wait % 4 == 0 => Input::StartRefused { refusal: Refusal::NotPermitted, reason: "missing".into() },
                12 if wait % 8 == 0 => Input::StopRequested,
                _ => Input::Tick,
            };
            asked_to_stop |= input == Input::StopRequested && scene.watcher.verdict().is_none();
            let over = scene.watcher.verdict();
            let actions = scene.after(Duration::from_millis(wait), input);

            if actions.contains(&Action::Start) {
                prop_assert_eq!(last_seen, Some(State::Stopped));
                prop_assert!(!started, "started twice without a look between");
                started = true;
            }
            prop_assert!(scene.watcher.failures().len() <= policy().max_failures.get() as usize + 1);
            prop_assert!(!scene.watcher.is_ready() || last_seen == Some(State::Running));
            match scene.watcher.verdict() {
                Some(Verdict::Stopped { .. }) => prop_assert!(asked_to_stop),
                Some(Verdict::GaveUp(why)) => {
                    prop_assert!(!asked_to_stop && !why.failures.is_empty());
                    prop_assert!(why.is_fatal() || why.failures.len() == 5);
                }
                None => prop_assert!(scene.watcher.next_timeout().is_some()),
            }
            if over.is_some() {
                prop_assert_eq!(scene.watcher.verdict(), over);
                prop_assert!(actions.is_empty() && scene.watcher.next_timeout().is_none());
            }
        }
    }
}
