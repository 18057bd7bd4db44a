//! What went wrong with a service, each time, and how the watching ended.

use core::fmt;
use std::time::Duration;

use standpipe_process::Exit;
use standpipe_system::time::Shown;

use crate::managers::scm::DisplayExit;
use crate::state::State;

/// One failure of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When, on the clock whose times the watcher was handed.
    pub at: Duration,
    /// What happened.
    pub kind: FailureKind,
}

/// The kinds of failure. Every outcome other than running counts as one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// The manager did not say what the service is doing.
    NoAnswer {
        /// How long the watcher waited.
        waited: Duration,
    },
    /// The manager could not start it this time.
    Refused {
        /// The manager's words.
        reason: String,
    },
    /// The manager cannot start it, and trying again will not help.
    Impossible {
        /// The manager's words.
        reason: String,
        /// False when what it takes is somebody's permission.
        permitted: bool,
    },
    /// It was not running within the time it has, nor made progress.
    TimedOut {
        /// How long the start took until then.
        waited: Duration,
        /// The state it was left in.
        state: State,
        /// The progress it reported last.
        checkpoint: u32,
        /// The estimate it reported last.
        wait_hint: Duration,
        /// Why it was not further, when the manager knew.
        detail: Option<String>,
    },
    /// It ended, though nobody asked.
    Ended {
        /// How, as far as it is known.
        exit: Option<Exit>,
        /// How long it had been running, or `None` when it never was.
        ran: Option<Duration>,
        /// What its manager knows beside that, such as the last line that it wrote.
        detail: Option<String>,
    },
    /// It runs and does not answer.
    Hung {
        /// How many probes in a row it missed.
        misses: u32,
        /// What came of the last one.
        last: String,
    },
    /// It was paused.
    Paused,
    /// It could not be stopped, not even by force.
    Unstoppable,
}

impl FailureKind {
    /// The names of all kinds, for programs.
    pub const NAMES: [&'static str; 8] =
        ["no-answer", "refused", "impossible", "timed-out", "ended", "hung", "paused", "unstoppable"];

    /// Whether the service lived and is gone, or is as good as that.
    pub(super) const fn is_death(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Hung { .. })
    }

    /// The place of the kind's name in [`NAMES`](Self::NAMES).
    pub(super) const fn index(&self) -> usize {
        match self {
            Self::NoAnswer { .. } => 0,
            Self::Refused { .. } => 1,
            Self::Impossible { .. } => 2,
            Self::TimedOut { .. } => 3,
            Self::Ended { .. } => 4,
            Self::Hung { .. } => 5,
            Self::Paused => 6,
            Self::Unstoppable => 7,
        }
    }
}

/// How often a service failed since its watching began, by kind. Nothing of it is ever forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FailureCounts([u32; FailureKind::NAMES.len()]);

impl FailureCounts {
    pub(super) fn add(&mut self, kind: &FailureKind) {
        if let Some(count) = self.0.get_mut(kind.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// The name of each kind with its count.
    pub fn by_name(self) -> impl Iterator<Item = (&'static str, u32)> {
        FailureKind::NAMES.into_iter().zip(self.0)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { waited } => write!(f, "its manager did not answer within {}", Shown(*waited)),
            Self::Refused { reason } => write!(f, "could not be started: {reason}"),
            Self::Impossible { reason, .. } => write!(f, "cannot be started: {reason}"),
            Self::TimedOut { waited, state, checkpoint, wait_hint, detail } => {
                write!(f, "still {state} after {}", Shown(*waited))?;
                if *checkpoint != 0 || !wait_hint.is_zero() {
                    write!(f, " (checkpoint {checkpoint}, wait hint {})", Shown(*wait_hint))?;
                }
                detail.iter().try_for_each(|detail| write!(f, ": {detail}"))
            }
            Self::Ended { exit, ran, detail } => {
                match exit {
                    Some(exit) => write!(f, "ended with {}", DisplayExit(*exit))?,
                    None => f.write_str("ended")?,
                }
                match ran {
                    Some(ran) if *ran < Duration::from_secs(1) => {
                        f.write_str(" after running for less than 1s")?;
                    }
                    Some(ran) => write!(f, " after running for {}", Shown(*ran))?,
                    None => f.write_str(" before it was running")?,
                }
                detail.iter().try_for_each(|detail| write!(f, " ({detail})"))
            }
            Self::Hung { misses, last } => write!(f, "ran but missed {misses} probes in a row: {last}"),
            Self::Paused => f.write_str("was paused"),
            Self::Unstoppable => f.write_str("could not be stopped, not even by force"),
        }
    }
}

/// How the watching ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Someone asked for a stop.
    Stopped {
        /// Whether the service had to be killed.
        killed: bool,
        /// Whether it is gone. If not, the watcher waited for it as long as the policy says, in vain.
        gone: bool,
    },
    /// The service cannot be kept running.
    GaveUp(GiveUp),
}

/// Why a watcher gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveUp {
    /// The failures since the last stable run, oldest first. Never empty.
    pub failures: Vec<Failure>,
}

impl GiveUp {
    /// Whether the last failure alone decided it, and not the number of them.
    pub fn is_fatal(&self) -> bool {
        self.failures.last().is_some_and(|last| {
            matches!(last.kind, FailureKind::Impossible { .. } | FailureKind::Unstoppable)
        })
    }
}

impl GiveUp {
    /// Whether the last failure was that the service cannot be started before a person changes something.
    pub fn is_impossible(&self) -> bool {
        self.failures.last().is_some_and(|last| matches!(last.kind, FailureKind::Impossible { .. }))
    }

    /// Whether the last failure was that this process may not start the service.
    pub fn is_permission(&self) -> bool {
        self.failures
            .last()
            .is_some_and(|last| matches!(last.kind, FailureKind::Impossible { permitted: false, .. }))
    }
}

impl fmt::Display for GiveUp {
    /// One line: how many failures, and each with its number. Neighbours that say the same are one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<String> = self.failures.iter().map(|failure| failure.kind.to_string()).collect();
        let count = kinds.len();
        match &kinds[..] {
            [only] => return write!(f, "the service {only}"),
            [first, others @ ..] if others.iter().all(|other| other == first) => {
                return write!(f, "the service failed {count} times: it {first} each time");
            }
            _ => write!(f, "the service failed {count} times")?,
        }
        let mut number = 1;
        for same in kinds.chunk_by(|one, next| one == next) {
            let before = if number == 1 { ':' } else { ';' };
            let last = number + same.len() - 1;
            let kind = same.first().map_or("", String::as_str);
            match same.len() {
                1 => write!(f, "{before} {number}. {kind}")?,
                _ => write!(f, "{before} {number}. to {last}. {kind}")?,
            }
            number = last + 1;
        }
        Ok(())
    }
}
