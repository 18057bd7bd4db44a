//! How an instance ended.

use std::error::Error;
use std::fmt;

use standpipe_agent::host::{HostError, HostErrorKind};
use standpipe_service::watcher::GiveUp;
use standpipe_system::error::with_causes;

use crate::exit_code::ExitCode;
use crate::startup::TaskFailure;

/// How an instance ended.
#[derive(Debug)]
pub enum Outcome {
    /// Somebody asked, and it stopped.
    Stopped,
    /// Somebody asked for a stop, and something of it is still there, although it was killed.
    StillThere,
    /// The settings of its role changed, and it is to be started again with the new ones.
    SettingsChanged,
    /// A startup task failed, so the role was not started.
    TaskFailed(TaskFailure),
    /// An essential service could not be kept running.
    GaveUp {
        /// Its name.
        service: String,
        /// Why.
        why: GiveUp,
    },
    /// Nothing can run in the role's Wine prefix, so the role was not started.
    WineFailed(HostError),
    /// Its endpoints could not be served any longer.
    ServingFailed(Box<dyn Error + Send + Sync>),
    /// Something happened that must not.
    Bug(String),
}

impl Outcome {
    /// The exit code that tells the platform: 0 only if somebody asked.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Stopped => ExitCode::Ok,
            Self::GaveUp { why, .. } if why.is_permission() => ExitCode::NotPermitted,
            Self::GaveUp { why, .. } if why.is_impossible() => ExitCode::Config,
            Self::GaveUp { .. } => ExitCode::Unavailable,
            Self::Bug(_) => ExitCode::Bug,
            Self::ServingFailed(_) | Self::SettingsChanged | Self::StillThere => ExitCode::Temporary,
            Self::TaskFailed(_) => ExitCode::Task,
            Self::WineFailed(error) => match error.kind() {
                HostErrorKind::Configuration => ExitCode::Config,
                HostErrorKind::NotPermitted => ExitCode::NotPermitted,
                HostErrorKind::Temporary => ExitCode::Temporary,
            },
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TaskFailed(failure) => failure.hint(),
            Self::WineFailed(error) => error.hint(),
            Self::Bug(_) => Some("please report this"),
            Self::StillThere => {
                Some("see with `ps` what holds it up: a disk or a share that does not answer?")
            }
            Self::Stopped | Self::SettingsChanged | Self::GaveUp { .. } | Self::ServingFailed(_) => None,
        }
    }
}

impl fmt::Display for Outcome {
    /// One line: the error with its causes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::StillThere => {
                f.write_str("asked to stop, and processes of it are still there, although they were killed")
            }
            Self::SettingsChanged => f.write_str("the settings changed, and the instance has to start again"),
            Self::TaskFailed(failure) => write!(f, "{}", with_causes(failure)),
            Self::WineFailed(error) => write!(f, "{}", with_causes(error)),
            Self::GaveUp { service, why } => write!(f, "{service}: {why}"),
            Self::ServingFailed(error) => {
                write!(f, "cannot serve any longer: {}", with_causes(error.as_ref()))
            }
            Self::Bug(what) => write!(f, "standpipe's own fault: {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_that_did_not_end_the_service_is_no_success() {
        assert_eq!(Outcome::Stopped.exit_code(), ExitCode::Ok);
        assert_eq!(Outcome::StillThere.exit_code(), ExitCode::Temporary);
    }
}
