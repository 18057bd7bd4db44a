//! Why there is no agent.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use standpipe_process::SpawnError;
use standpipe_system::time::Shown;

/// Why services inside of Wine cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// This system has no Wine that could be used.
    #[error("services inside Wine are only run on Linux")]
    Unsupported,
    /// Wine is not installed, or a part of it is missing.
    #[error("there is no {program} on this machine, which runs Windows services here")]
    NoWine {
        /// What was looked for.
        program: String,
    },
    /// The program of this project for Windows is not there.
    #[error("there is no standpipe.exe at {}, which controls services inside Wine", .path.display())]
    NoAgent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The prefix belongs to somebody else. Wine refuses that too.
    #[error("the Wine prefix {} belongs to user {owner}, and Wine runs as user {user}", .path.display())]
    OtherOwner {
        /// The prefix.
        path: PathBuf,
        /// Whose it is, by number.
        owner: u32,
        /// Who would use it, by number.
        user: u32,
    },
    /// There is something else where the prefix should be.
    #[error("{} is not a Wine prefix: it is not empty and has no system.reg", .path.display())]
    NotAPrefix {
        /// The folder.
        path: PathBuf,
    },
    /// There is a file where the prefix or a folder above it should be.
    #[error("the Wine prefix {} cannot be made: a file is in its place, or in that of a folder above it", .path.display())]
    NoFolder {
        /// The prefix.
        path: PathBuf,
    },
    /// A part of the prefix is missing.
    #[error("the Wine prefix {} is broken: {missing} is missing", .path.display())]
    Broken {
        /// The prefix.
        path: PathBuf,
        /// What is missing, relative to the prefix.
        missing: &'static str,
    },
    /// The prefix is one for 32-bit programs only.
    #[error("the Wine prefix {} is for 32-bit programs only", .path.display())]
    Only32Bit {
        /// The prefix.
        path: PathBuf,
    },
    /// Another process uses the prefix.
    #[error("the Wine prefix {} is used by another instance", .path.display())]
    InUse {
        /// The prefix.
        path: PathBuf,
    },
    /// The system refused something that the prefix needs.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program of Wine cannot be started.
    #[error("cannot start {program}")]
    Spawn {
        /// Which one.
        program: &'static str,
        /// Why.
        source: SpawnError,
    },
    /// Making the prefix failed.
    #[error("Wine could not make the prefix {}: {reason}", .path.display())]
    NotMade {
        /// The prefix.
        path: PathBuf,
        /// What Wine said last.
        reason: String,
    },
    /// It took too long.
    #[error("the agent inside Wine did not answer within {}: {reason}", Shown(*after))]
    TimedOut {
        /// How long was waited.
        after: Duration,
        /// What Wine said last.
        reason: String,
    },
    /// The agent began and ended.
    #[error("the agent inside Wine does not work: {reason}")]
    Agent {
        /// Why, with what Wine said last.
        reason: String,
    },
}

/// What a [`HostError`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostErrorKind {
    /// Somebody has to change the machine or the configuration.
    Configuration,
    /// Somebody has to permit something.
    NotPermitted,
    /// It may pass.
    Temporary,
}

impl HostError {
    /// What it asks for.
    pub fn kind(&self) -> HostErrorKind {
        match self {
            Self::Unsupported
            | Self::NoWine { .. }
            | Self::NoAgent { .. }
            | Self::NotAPrefix { .. }
            | Self::NoFolder { .. }
            | Self::Broken { .. }
            | Self::Only32Bit { .. } => HostErrorKind::Configuration,
            Self::OtherOwner { .. } => HostErrorKind::NotPermitted,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                HostErrorKind::NotPermitted
            }
            Self::Spawn { source, .. } if source.is_fatal() => HostErrorKind::Configuration,
            Self::InUse { .. }
            | Self::Io { .. }
            | Self::Spawn { .. }
            | Self::NotMade { .. }
            | Self::TimedOut { .. }
            | Self::Agent { .. } => HostErrorKind::Temporary,
        }
    }

    /// What a user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoWine { .. } => {
                "install Wine for 64-bit programs (Debian: apt-get install --no-install-recommends wine wine64)"
            }
            Self::NoAgent { .. } => {
                "put standpipe.exe of the same version beside the program, or its path into STANDPIPE_AGENT"
            }
            Self::OtherOwner { .. } => "give the role a prefix of its own, or the user that owns this one",
            Self::NotAPrefix { .. } | Self::NoFolder { .. } => {
                "choose a folder that is empty or not there yet"
            }
            Self::Broken { .. } => "remove the folder: it is made anew at the next start",
            Self::Only32Bit { .. } => "choose another folder, or make the prefix anew with WINEARCH=win64",
            Self::InUse { .. } => {
                "give each role a prefix of its own; without `prefix`, each instance has its own anyway"
            }
            _ => return None,
        })
    }
}
