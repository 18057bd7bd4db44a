//! What comes next on the way to a service that runs, or to one that is stopped.

use crate::state::State;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It is as it should be.
    Done,
    /// The service control manager is asked for it.
    Ask,
    /// It is on its way, or not ready to be asked.
    Wait,
    /// It was started and has ended.
    Ended,
    /// It is paused, and would have to be continued.
    Paused,
}

/// What comes next for a service that is to run; `asked` is whether it was started already. It is never
/// started while it is on its way.
pub(super) const fn to_start(state: State, asked: bool) -> Step {
    match state {
        State::Running => Step::Done,
        State::Stopped if asked => Step::Ended,
        State::Stopped => Step::Ask,
        State::Paused | State::PausePending => Step::Paused,
        State::StartPending | State::StopPending | State::ContinuePending => Step::Wait,
    }
}

/// What comes next for a service that is to be stopped; `asked` is whether it has taken the request.
pub(super) const fn to_stop(state: State, asked: bool) -> Step {
    match state {
        State::Stopped => Step::Done,
        State::StopPending => Step::Wait,
        _ if asked => Step::Wait,
        _ => Step::Ask,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_started_when_it_is_stopped_and_only_once() {
        assert_eq!(to_start(State::Stopped, false), Step::Ask);
        assert_eq!(to_start(State::Stopped, true), Step::Ended);
        for state in [State::StartPending, State::StopPending, State::ContinuePending] {
            assert_eq!(to_start(state, false), Step::Wait, "{state}");
        }
        assert_eq!(to_start(State::Running, false), Step::Done);
        assert_eq!(to_start(State::Paused, false), Step::Paused);
    }

    #[test]
    fn a_service_is_asked_to_stop_until_it_has_taken_it() {
        for state in [State::StartPending, State::Running, State::Paused] {
            assert_eq!(to_stop(state, false), Step::Ask, "{state}");
            assert_eq!(to_stop(state, true), Step::Wait, "{state}");
        }
        assert_eq!(to_stop(State::StopPending, false), Step::Wait);
        assert_eq!(to_stop(State::Stopped, false), Step::Done);
    }
}
