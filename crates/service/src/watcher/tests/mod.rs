//! The watcher in simulated time: its rules one by one, whole stories, and random ones.

mod rules;
mod simulation;

use std::num::NonZeroU32;
use std::time::Duration;

use super::*;
use standpipe_process::Exit;

const SECOND: Duration = Duration::from_secs(1);

fn seen(state: State) -> Input {
    Input::Observed(Status::of(state))
}

fn policy() -> Policy {
    Policy::default()
}

/// A watcher, its clock, and the actions that nobody has looked at yet.
struct Scene {
    now: Duration,
    watcher: Watcher,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        // A clock that did not begin with the watcher.
        let now = Duration::from_secs(1000);
        Self { now, watcher: Watcher::new(now, policy, 7) }
    }

    fn tell(&mut self, input: Input) -> Vec<Action> {
        self.watcher.handle(self.now, input);
        std::iter::from_fn(|| self.watcher.poll_action()).collect()
    }

    fn after(&mut self, wait: Duration, input: Input) -> Vec<Action> {
        self.now += wait;
        self.tell(input)
    }

    /// How long ago that moment is.
    fn since(&self, moment: Duration) -> Duration {
        self.now.checked_sub(moment).unwrap()
    }

    /// Lets time pass up to the next timeout.
    fn time_out(&mut self) -> Vec<Action> {
        self.now = self.watcher.next_timeout().expect("nothing would ever happen again").max(self.now);
        self.tell(Input::Tick)
    }

    /// Lets time pass until the phase is another one.
    fn time_out_phase(&mut self) -> Vec<Action> {
        let (phase, mut actions) = (self.watcher.phase(), Vec::new());
        for _ in 0..1000 {
            actions.extend(self.time_out());
            if self.watcher.phase() != phase {
                return actions;
            }
        }
        panic!("still {phase}");
    }

    /// Through rest and look to a new start.
    fn start(&mut self) {
        if self.watcher.phase() == Phase::Resting {
            self.time_out_phase();
        }
        while self.watcher.poll_action().is_some() {}
        assert_eq!(self.tell(seen(State::Stopped)), [Action::Start]);
        self.tell(seen(State::StartPending));
    }

    fn run(&mut self) {
        self.start();
        self.tell(seen(State::Running));
    }

    fn gave_up(&self) -> GiveUp {
        match self.watcher.verdict() {
            Some(Verdict::GaveUp(why)) => why,
            other => panic!("not given up: {other:?}"),
        }
    }

    /// A watcher in this phase, with no failure counted in the end phases' place.
    fn in_phase(phase: Phase) -> Self {
        let mut scene = Self::new(policy());
        let _ = scene.watcher.poll_action();
        match phase {
            Phase::Looking => {}
            Phase::Starting => scene.start(),
            Phase::Running => scene.run(),
            Phase::Clearing => {
                scene.run();
                scene.tell(seen(State::Paused));
            }
            Phase::Resting => {
                scene.run();
                scene.tell(seen(State::Stopped));
            }
            Phase::Stopping => {
                scene.run();
                scene.tell(Input::StopRequested);
            }
            Phase::Stopped => {
                scene.run();
                scene.tell(Input::StopRequested);
                scene.tell(seen(State::Stopped));
            }
            Phase::GaveUp => {
                scene.start();
                scene.tell(Input::StartRefused { refusal: Refusal::ForGood, reason: "no such file".into() });
            }
        }
        assert_eq!(scene.watcher.phase(), phase);
        scene
    }
}

fn exited(code: i32) -> Input {
    Input::Observed(Status { exit: Some(Exit::Code(code)), ..Status::of(State::Stopped) })
}

/// The failures' kinds, as they are printed.
fn kinds(why: &GiveUp) -> Vec<String> {
    why.failures.iter().map(|failure| failure.kind.to_string()).collect()
}

fn failures(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap()
}
