//! What a service is doing, in the words of the Windows service control manager, for every platform.

use core::fmt;
use std::time::Duration;

use standpipe_process::Exit;

/// The seven states of a service, with the numbers of `SERVICE_STATUS.dwCurrentState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum State {
    /// It does not run.
    Stopped = 1,
    /// It was started and is not usable yet.
    StartPending = 2,
    /// A stop was asked for, and it has not ended yet.
    StopPending = 3,
    /// It runs, and what tells that it is usable has said so.
    Running = 4,
    /// It was paused and is coming back.
    ContinuePending = 5,
    /// A pause was asked for, and it has not paused yet.
    PausePending = 6,
    /// It is paused: alive, not working.
    Paused = 7,
}

impl State {
    /// Every state, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Stopped,
        Self::StartPending,
        Self::StopPending,
        Self::Running,
        Self::ContinuePending,
        Self::PausePending,
        Self::Paused,
    ];

    /// The state with this `dwCurrentState`, or `None` for a number that is not a state.
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// The number of `SERVICE_STATUS.dwCurrentState`.
    pub const fn code(self) -> u32 {
        self as u32
    }

    /// Whether the service is on its way from one state to another.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::StartPending | Self::StopPending | Self::ContinuePending | Self::PausePending)
    }

    /// The name, as design documents and `standpipe ps` print it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "Stopped",
            Self::StartPending => "StartPending",
            Self::StopPending => "StopPending",
            Self::Running => "Running",
            Self::ContinuePending => "ContinuePending",
            Self::PausePending => "PausePending",
            Self::Paused => "Paused",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One look at a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// Rises while a pending state makes progress (`dwCheckPoint`); 0 where the service reports none.
    pub checkpoint: u32,
    /// How long until the next checkpoint or change of state, as the service itself estimates it
    /// (`dwWaitHint`); zero where it reports none.
    pub wait_hint: Duration,
    /// How the last run ended, once it has.
    pub exit: Option<Exit>,
    /// Why it is not further, in words, when the manager knows: for the message of a start that timed out.
    pub detail: Option<String>,
}

impl Status {
    /// A status that says the state and nothing more.
    pub const fn of(state: State) -> Self {
        Self { state, pid: None, checkpoint: 0, wait_hint: Duration::ZERO, exit: None, detail: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_service_status() {
        let codes: Vec<u32> = State::ALL.iter().map(|state| state.code()).collect();
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7]);
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
        }
        assert_eq!(State::from_code(0), None);
        assert_eq!(State::from_code(8), None);
    }
}
