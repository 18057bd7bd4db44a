//! What starts, stops and queries a service: the Windows SCM, or plain processes.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tokio::sync::watch;

use crate::probe::{BoxFuture, NotReady};
use crate::state::Status;

/// What starts, stops and queries one service.
///
/// The three requests return when the manager has taken them, as `StartService` and `ControlService` do;
/// what becomes of them arrives as a change of status. None of them waits for the service.
pub trait Manager: Send + Sync {
    /// Starts the service. Must only be called when it is stopped.
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>>;

    /// Asks the service to stop. When it is stopped already, nothing happens.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// Ends the service and every process it started, without asking it. When it is stopped already,
    /// nothing happens.
    fn kill(&self) -> BoxFuture<'_, ()>;

    /// Looks afresh: *Running* only if its process is alive.
    fn query(&self) -> BoxFuture<'_, Status>;

    /// Asks a running service whether it can be used.
    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>>;

    /// Every change of status from now on. The latest is kept, not the history: nobody but the holder of the
    /// manager starts the service, so no start is lost between two looks.
    fn changes(&self) -> watch::Receiver<Status>;
}

/// Why a service, a task or any other process could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// There is no command to run.
    #[error("the command is empty")]
    EmptyCommand,
    /// No such program.
    #[error("no program `{}`{}", program.display(), if *searched { " in any folder of PATH" } else { "" })]
    Missing {
        /// What was looked for.
        program: PathBuf,
        /// Whether PATH was searched, or a path was given.
        searched: bool,
    },
    /// The file is there and may not be run by this identity.
    #[error("`{}` may not be run: no permission to execute it", program.display())]
    Denied {
        /// The program.
        program: PathBuf,
    },
    /// The file is there and is not a program for this machine.
    #[error("`{}` is not a program that this machine can run", program.display())]
    NotAProgram {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder to run it in is not there or cannot be entered.
    #[error("the folder `{}` to run it in cannot be used", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The account to run it under does not exist on this machine.
    #[error("there is no user `{user}` on this machine to run it as")]
    NoSuchUser {
        /// The user's name.
        user: String,
    },
    /// Only root can run a process as somebody else.
    #[error("only root can run it as the user `{user}`")]
    NotRoot {
        /// The user's name.
        user: String,
    },
    /// It runs already, or is on its way up or down.
    #[error("the service is not stopped, so it cannot be started")]
    NotStopped,
    /// This platform has no such manager yet.
    #[error("{what} is not yet supported on this platform")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// The system refused for a reason that may pass: no memory, too many processes.
    #[error("the system could not start `{}`", program.display())]
    System {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl StartError {
    /// Whether trying again cannot help until a person changes something.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::System { .. } | Self::NotStopped)
    }

    /// Whether the reason is that somebody may not do it, rather than that something is wrong.
    pub const fn is_permission(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::NoSuchUser { .. } | Self::NotRoot { .. })
    }

    /// What to do about it, when that can be said.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Missing { searched: true, .. } => {
                Some("give the path of the program, relative to the deployment file")
            }
            Self::Denied { .. } => Some("make it executable: chmod +x"),
            Self::NotAProgram { .. } => {
                Some("a script needs the program of its first line, such as `#!/bin/sh`")
            }
            Self::NotRoot { .. } => Some("run standpipe as root, or leave out `user`"),
            _ => None,
        }
    }
}
