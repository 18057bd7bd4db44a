//! Why a request to the service control manager failed.

use core::fmt;
use std::time::Duration;

use standpipe_process::Exit;
use standpipe_system::time::Shown;
use thiserror::Error;

use super::code::WindowsCode;
use super::recovery::removal_command;
use crate::manager::StartRefused;
use crate::state::State;
use crate::watcher::Refusal;

/// Why a request to the service control manager failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScmError {
    /// This system is not Windows.
    #[error("this system has no service control manager")]
    Unsupported,
    /// The service control manager refused, or the service did.
    #[error("cannot {what} the service `{name}`: {code}")]
    Refused {
        /// What was asked for: a verb, as in *start*.
        what: &'static str,
        /// The service.
        name: String,
        /// The error.
        code: WindowsCode,
    },
    /// The start failed, and the service itself says why.
    #[error("cannot start the service `{name}`: {code}; it ended with {}", DisplayExit(*exit))]
    Ended {
        /// The service.
        name: String,
        /// The error of the start.
        code: WindowsCode,
        /// What the service reported.
        exit: Exit,
    },
    /// A service that it depends on does not run.
    #[error("cannot start the service `{name}`: {code}: {}", list(blockers))]
    Dependency {
        /// The service.
        name: String,
        /// The error of the start.
        code: WindowsCode,
        /// The services that it depends on and that do not run.
        blockers: Vec<Blocker>,
    },
    /// The service control manager restarts it by itself, and this is not wanted.
    #[error(
        "the service control manager itself restarts the service `{name}`, up to {} after a failure",
        Shown(*delay)
    )]
    OwnRecovery {
        /// The service.
        name: String,
        /// The longest delay of its restart actions.
        delay: Duration,
    },
    /// It was started and ended before it ran.
    #[error("the service `{name}` ended with {} before it was running", DisplayExit(*exit))]
    Failed {
        /// The service.
        name: String,
        /// How it ended.
        exit: Exit,
    },
    /// It is paused.
    #[error("the service `{name}` is paused")]
    Paused {
        /// The service.
        name: String,
    },
    /// Others that run depend on it.
    #[error("cannot stop the service `{name}`: {}: {}", WindowsCode::DEPENDENT_SERVICES_RUNNING, dependents.join(", "))]
    Dependents {
        /// The service.
        name: String,
        /// The services that depend on it and run.
        dependents: Vec<String>,
    },
    /// It did not get there in time.
    #[error(
        "cannot {what} the service `{name}` within {}: it is {state}{}",
        Shown(*after),
        progress(*checkpoint, *wait_hint)
    )]
    TimedOut {
        /// What was asked for: a verb, as in *start*.
        what: &'static str,
        /// The service.
        name: String,
        /// How long was waited.
        after: Duration,
        /// The state it was left in.
        state: State,
        /// The progress that it reported last.
        checkpoint: u32,
        /// Its own estimate of what is left.
        wait_hint: Duration,
    },
}

/// What a service on its way reports; nothing where it reports nothing.
fn progress(checkpoint: u32, wait_hint: Duration) -> String {
    if checkpoint == 0 && wait_hint.is_zero() {
        return String::new();
    }
    format!(" (checkpoint {checkpoint}, wait hint {})", Shown(wait_hint))
}

/// A service that another one depends on and that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocker {
    /// Its name. The name of a load-order group begins with `+`.
    pub name: String,
    /// Its state, or why that is not known.
    pub state: Result<State, WindowsCode>,
    /// How it ended, when it reported an error.
    pub exit: Option<Exit>,
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.state {
            Ok(state) => write!(f, "`{}` is {state}", self.name)?,
            Err(code) => write!(f, "`{}`: {code}", self.name)?,
        }
        match self.exit {
            Some(exit) => write!(f, " after {}", DisplayExit(exit)),
            None => Ok(()),
        }
    }
}

/// Blockers, one after the other.
fn list(blockers: &[Blocker]) -> String {
    blockers.iter().map(Blocker::to_string).collect::<Vec<_>>().join(", ")
}

/// An exit with the meaning of an error of Windows.
pub(crate) struct DisplayExit(pub(crate) Exit);

/// How a service ended, with the meaning of an error of Windows.
pub const fn display_exit(exit: Exit) -> impl fmt::Display {
    DisplayExit(exit)
}

impl fmt::Display for DisplayExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Exit::WindowsError(code) => WindowsCode(code).fmt(f),
            other => other.fmt(f),
        }
    }
}

impl ScmError {
    /// The error of Windows behind it, if there is one.
    pub const fn code(&self) -> Option<WindowsCode> {
        match self {
            Self::Refused { code, .. } | Self::Ended { code, .. } | Self::Dependency { code, .. } => {
                Some(*code)
            }
            Self::Dependents { .. } => Some(WindowsCode::DEPENDENT_SERVICES_RUNNING),
            Self::Unsupported
            | Self::OwnRecovery { .. }
            | Self::Failed { .. }
            | Self::Paused { .. }
            | Self::TimedOut { .. } => None,
        }
    }

    /// Whether it is the service that failed, and not the service control manager or the machine.
    pub fn is_fault_of_service(&self) -> bool {
        match self {
            Self::Failed { .. } | Self::Paused { .. } | Self::Ended { .. } | Self::Dependency { .. } => true,
            Self::Refused { what: "start", code, .. } => code.is_fault_of_service(),
            _ => false,
        }
    }

    /// Whether another attempt can help.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused { code, .. } | Self::Ended { code, .. } => code.refusal(),
            // Nobody but a person can install a service that is missing, or enable one.
            Self::Dependency { blockers, .. } => {
                let mut refusals = blockers.iter().map(|blocker| match blocker.state {
                    Ok(_) => Refusal::ForNow,
                    Err(code) => code.refusal(),
                });
                refusals.find(|refusal| *refusal != Refusal::ForNow).unwrap_or(Refusal::ForNow)
            }
            Self::Unsupported | Self::OwnRecovery { .. } => Refusal::ForGood,
            Self::Failed { .. } | Self::Paused { .. } | Self::Dependents { .. } | Self::TimedOut { .. } => {
                Refusal::ForNow
            }
        }
    }

    /// What to do about it, where a person can do something.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { name, code, .. } | Self::Ended { name, code, .. } => {
                // A name with a blank needs quotes on a command line.
                code.hint().map(|hint| hint.replace("NAME", &format!("\"{name}\"")))
            }
            Self::Dependency { .. } => Some("start those services first, or correct the dependencies".into()),
            Self::Paused { name } => Some(format!("let it continue, as by `sc continue \"{name}\"`")),
            Self::Dependents { .. } => Some("stop those services first".into()),
            Self::Unsupported | Self::Failed { .. } | Self::TimedOut { .. } => None,
            Self::OwnRecovery { name, .. } => {
                Some(format!("remove its recovery action with `{}`", removal_command(name)))
            }
        }
    }
}

impl From<ScmError> for StartRefused {
    fn from(error: ScmError) -> Self {
        let refusal = error.refusal();
        Self::new(refusal, WithHint(error))
    }
}

/// An error with what to do about it in one line, for those that print a start's refusal.
#[derive(Debug)]
struct WithHint(ScmError);

impl fmt::Display for WithHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)?;
        self.0.hint().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for WithHint {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u32) -> StartRefused {
        ScmError::Refused { what: "start", name: "My Service".into(), code: WindowsCode(code) }.into()
    }

    #[test]
    fn a_refused_start_says_the_code_its_meaning_and_what_to_do() {
        assert_eq!(
            refused(1058).to_string(),
            "cannot start the service `My Service`: Windows error 1058 (the service is disabled); set its start \
             type, as by `sc config \"My Service\" start= demand`"
        );
    }

    #[test]
    fn a_dependency_that_is_not_installed_is_fatal_and_one_that_is_stopped_is_not() {
        let blocker = |state| Blocker { name: "db".into(), state, exit: None };
        let error = |state| ScmError::Dependency {
            name: "a".into(),
            code: WindowsCode::SERVICE_DEPENDENCY_FAIL,
            blockers: vec![blocker(Ok(State::Stopped)), blocker(state)],
        };
        assert_eq!(error(Ok(State::Stopped)).refusal(), Refusal::ForNow);
        assert_eq!(error(Err(WindowsCode::SERVICE_DOES_NOT_EXIST)).refusal(), Refusal::ForGood);
    }

    #[test]
    fn a_dependency_that_failed_is_named_with_its_exit() {
        let error = ScmError::Dependency {
            name: "a".into(),
            code: WindowsCode::SERVICE_DEPENDENCY_FAIL,
            blockers: vec![Blocker {
                name: "db".into(),
                state: Ok(State::Stopped),
                exit: Some(Exit::ServiceCode(3)),
            }],
        };
        assert_eq!(
            error.to_string(),
            "cannot start the service `a`: Windows error 1068 (a service that it depends on could not be started): \
             `db` is Stopped after service-specific code 3"
        );
    }

    #[test]
    fn a_recovery_action_of_its_own_is_refused_with_the_command_that_removes_it() {
        let error = ScmError::OwnRecovery { name: "a".into(), delay: Duration::from_mins(1) };
        assert_eq!(error.refusal(), Refusal::ForGood);
        assert!(StartRefused::from(error).to_string().ends_with(
            "up to 1m after a failure; remove its recovery action with `sc failure \"a\" reset= 0 actions= \"\"`"
        ));
    }
}
