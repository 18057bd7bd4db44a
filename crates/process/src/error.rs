//! Why a process could not be started.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a process could not be started.
#[derive(Debug, Error)]
pub enum SpawnError {
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
    /// Its arguments and variables are longer than the system takes.
    #[error("`{}` cannot be started: its arguments and variables are too long together, or one of them is", program.display())]
    TooLong {
        /// The program.
        program: PathBuf,
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
    /// Windows starts a process as another user only with that user's password.
    #[error("it cannot be run as the user `{user}`: Windows asks for that user's password")]
    NeedsPassword {
        /// The user's name.
        user: String,
    },
    /// No environment can hold such a variable.
    #[error("the variable `{}` cannot be set: its name or value has a character that none can have", name.display())]
    Variable {
        /// The variable's name.
        name: OsString,
    },
    /// An argument that the program would not get as it is, and that could mean something else to `cmd.exe`.
    #[error("argument {position} holds {character:?}, which cannot be handed to {}", if *character == '\0' { "any program" } else { "a batch file safely" })]
    Argument {
        /// Its place behind the program, from 1; 0 is the batch file's own path.
        position: usize,
        /// The first such character.
        character: char,
    },
    /// This system is not supported yet.
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

impl SpawnError {
    /// Whether trying again cannot help until a person changes something.
    pub const fn is_fatal(&self) -> bool {
        !matches!(self, Self::System { .. })
    }

    /// Whether the reason is that somebody may not do it, rather than that something is wrong.
    pub const fn is_permission(&self) -> bool {
        matches!(
            self,
            Self::Denied { .. } | Self::NoSuchUser { .. } | Self::NotRoot { .. } | Self::NeedsPassword { .. }
        )
    }
}
