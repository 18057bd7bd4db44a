//! The watcher's transitions, as data: what decides, what the tests walk through, and what the diagram in the
//! documentation is drawn from.

use core::fmt;
use std::fmt::Write as _;

use crate::state::State;

/// What the watcher is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It has asked what the service is doing and waits for the answer.
    Looking,
    /// A start is under way.
    Starting,
    /// The service runs.
    Running,
    /// A service that failed is being stopped, so that it can be started afresh.
    Clearing,
    /// The service is stopped; the watcher waits before it tries again.
    Resting,
    /// Someone asked for a stop, and it is under way.
    Stopping,
    /// The end: stopped, as asked.
    Stopped,
    /// The end: the service cannot be kept running.
    GaveUp,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 8] = [
        Self::Looking,
        Self::Starting,
        Self::Running,
        Self::Clearing,
        Self::Resting,
        Self::Stopping,
        Self::Stopped,
        Self::GaveUp,
    ];

    /// Whether nothing follows.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Stopped | Self::GaveUp)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What can move the watcher from one phase to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The service was seen in this state.
    Saw(State),
    /// The manager refused a start for a reason that may pass.
    StartRefused,
    /// The manager refused a start for a reason that will not pass by itself.
    StartImpossible,
    /// The service missed too many probes.
    Hung,
    /// The phase took as long as it may.
    TimedOut,
    /// The phase took as long as it may, a kill included.
    KillTimedOut,
    /// Someone asked for a stop.
    StopRequested,
}

impl Trigger {
    /// Every trigger.
    pub const ALL: [Self; 13] = [
        Self::Saw(State::Stopped),
        Self::Saw(State::StartPending),
        Self::Saw(State::StopPending),
        Self::Saw(State::Running),
        Self::Saw(State::ContinuePending),
        Self::Saw(State::PausePending),
        Self::Saw(State::Paused),
        Self::StartRefused,
        Self::StartImpossible,
        Self::Hung,
        Self::TimedOut,
        Self::KillTimedOut,
        Self::StopRequested,
    ];
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Saw(state) => write!(f, "saw {state}"),
            Self::StartRefused => f.write_str("start refused"),
            Self::StartImpossible => f.write_str("start impossible"),
            Self::Hung => f.write_str("hung"),
            Self::TimedOut => f.write_str("timed out"),
            Self::KillTimedOut => f.write_str("kill timed out"),
            Self::StopRequested => f.write_str("stop requested"),
        }
    }
}

/// What the watcher wants of the manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Look at the service, and probe it if it runs.
    Check,
    /// Start it.
    Start,
    /// Ask it to stop.
    Stop,
    /// End it and everything it started.
    Kill,
}

/// One rule: in this phase, on this trigger, this follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The phase it holds for.
    pub from: Phase,
    /// What sets it off.
    pub on: Trigger,
    /// The phase that follows.
    pub to: Phase,
    /// Whether a failure of the service is counted. A transition to `Resting` ends in `GaveUp` instead once
    /// the failures have reached the limit.
    pub counts: bool,
    /// What is asked of the manager.
    pub does: Option<Action>,
}

impl Transition {
    const fn counted(mut self) -> Self {
        self.counts = true;
        self
    }

    const fn then(mut self, action: Action) -> Self {
        self.does = Some(action);
        self
    }
}

const fn row(from: Phase, on: Trigger, to: Phase) -> Transition {
    Transition { from, on, to, counts: false, does: None }
}

/// Every rule. A pair of phase and trigger that has none changes nothing.
pub const TRANSITIONS: &[Transition] = {
    use Action::{Check, Kill, Start, Stop};
    use Phase::{Clearing, GaveUp, Looking, Resting, Running, Starting, Stopping};
    use State as S;
    use Trigger::{Hung, KillTimedOut, Saw, StartImpossible, StartRefused, StopRequested, TimedOut};
    &[
        // A start is asked for here only, straight after the service was seen stopped: never while it is on
        // its way up or down.
        row(Looking, Saw(S::Stopped), Starting).then(Start),
        row(Looking, Saw(S::StartPending), Starting),
        row(Looking, Saw(S::StopPending), Clearing),
        row(Looking, Saw(S::Running), Running),
        row(Looking, Saw(S::ContinuePending), Starting),
        row(Looking, Saw(S::PausePending), Starting),
        row(Looking, Saw(S::Paused), Clearing).counted().then(Stop),
        row(Looking, TimedOut, Resting).counted(),
        row(Looking, StopRequested, Stopping).then(Stop),
        row(Starting, Saw(S::Stopped), Resting).counted(),
        row(Starting, Saw(S::StopPending), Clearing).counted(),
        row(Starting, Saw(S::Running), Running),
        row(Starting, Saw(S::Paused), Clearing).counted().then(Stop),
        row(Starting, StartRefused, Resting).counted(),
        row(Starting, StartImpossible, GaveUp).counted(),
        row(Starting, TimedOut, Clearing).counted().then(Stop),
        row(Starting, StopRequested, Stopping).then(Stop),
        row(Running, Saw(S::Stopped), Resting).counted(),
        row(Running, Saw(S::StopPending), Clearing).counted(),
        // On its way to somewhere: what becomes of it is what counts.
        row(Running, Saw(S::StartPending), Starting),
        row(Running, Saw(S::ContinuePending), Starting),
        row(Running, Saw(S::PausePending), Starting),
        row(Running, Saw(S::Paused), Clearing).counted().then(Stop),
        row(Running, Hung, Clearing).counted().then(Stop),
        row(Running, StopRequested, Stopping).then(Stop),
        row(Clearing, Saw(S::Stopped), Resting),
        row(Clearing, TimedOut, Clearing).then(Kill),
        row(Clearing, KillTimedOut, GaveUp).counted(),
        // It was asked to stop already.
        row(Clearing, StopRequested, Stopping),
        row(Resting, TimedOut, Looking).then(Check),
        // Somebody else started it.
        row(Resting, Saw(S::StartPending), Starting),
        row(Resting, Saw(S::StopPending), Clearing),
        row(Resting, Saw(S::Running), Running),
        row(Resting, Saw(S::ContinuePending), Starting),
        row(Resting, Saw(S::PausePending), Starting),
        row(Resting, Saw(S::Paused), Clearing).counted().then(Stop),
        row(Resting, StopRequested, Stopping).then(Stop),
        row(Stopping, Saw(S::Stopped), Phase::Stopped),
        row(Stopping, TimedOut, Stopping).then(Kill),
        row(Stopping, KillTimedOut, Phase::Stopped),
    ]
};

/// The rule for this pair, if there is one.
pub fn transition(from: Phase, on: Trigger) -> Option<&'static Transition> {
    TRANSITIONS.iter().find(|row| row.from == from && row.on == on)
}

/// The rules as a Mermaid state diagram, for the documentation. One arrow for each pair of phases, with its
/// triggers; `*` marks those that count a failure.
pub fn diagram() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> Looking\n");
    for from in Phase::ALL {
        for to in Phase::ALL {
            let labels: Vec<String> = TRANSITIONS
                .iter()
                .filter(|row| row.from == from && row.to == to)
                .map(|row| format!("{}{}", row.on, if row.counts { "*" } else { "" }))
                .collect();
            if !labels.is_empty() {
                let _ = writeln!(text, "    {from} --> {to}: {}", labels.join(", "));
            }
        }
        if TRANSITIONS.iter().any(|row| row.from == from && row.to == Phase::Resting) {
            let _ = writeln!(text, "    {from} --> GaveUp: instead of Resting, at the limit");
        }
    }
    for end in Phase::ALL.into_iter().filter(|phase| phase.is_end()) {
        let _ = writeln!(text, "    {end} --> [*]");
    }
    text
}
