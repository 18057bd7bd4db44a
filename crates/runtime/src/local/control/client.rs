//! The end of the control socket that commands have.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use super::{Ask, LONGEST_LINE, Refusal, Reply, Request, SOCKET, VERSION, line_of};
use crate::exit_code::ExitCode;
use crate::platform;
use crate::state::{StateError, check_folder};

/// Why a deployment did not do what it was asked for.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Nobody runs the deployment.
    #[error("no `standpipe up` runs with the state folder `{}`", folder.display())]
    NotRunning {
        /// Its state folder.
        folder: PathBuf,
    },
    /// There are no such sockets on Windows.
    #[error("on Windows, no other command can reach a running `standpipe up`")]
    Unsupported,
    /// The folder cannot be trusted.
    #[error(transparent)]
    State(#[from] StateError),
    /// The socket failed.
    #[error("cannot speak to `standpipe up` at `{}`", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended without saying how it went.
    #[error("`standpipe up` ended, or closed the connection, before it was done")]
    Lost,
    /// It sent what this command does not understand.
    #[error("`standpipe up` sent what this command cannot read")]
    Unreadable {
        /// Why.
        source: serde_json::Error,
    },
    /// It refused, or what was asked for failed.
    #[error("{}", refusal.error)]
    Refused {
        /// How.
        refusal: Refusal,
    },
}

impl ControlError {
    /// The exit code that says it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotRunning { .. } | Self::Unsupported => ExitCode::Unavailable,
            Self::State(error) => error.exit_code(),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                ExitCode::NotPermitted
            }
            Self::Io { .. } | Self::Lost => ExitCode::Temporary,
            Self::Unreadable { .. } => ExitCode::Usage,
            Self::Refused { refusal } => refusal.exit_code(),
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { refusal } => refusal.hint.clone(),
            Self::State(error) => error.hint().map(str::to_owned),
            Self::Unsupported => {
                Some("stop it with Ctrl-C where it runs; change the file and start it again".to_owned())
            }
            Self::Unreadable { .. } => {
                Some("use the command of the version that runs the deployment".to_owned())
            }
            Self::NotRunning { .. } | Self::Io { .. } | Self::Lost => None,
        }
    }
}

/// Asks the deployment whose state folder is `folder`. Returns what was done, in words; `progress` gets what
/// happens until then.
///
/// # Errors
/// When it cannot be asked, refuses, or fails.
pub async fn ask(folder: &Path, ask: Ask, mut progress: impl FnMut(&str)) -> Result<String, ControlError> {
    let path = folder.join(SOCKET);
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning { folder: folder.to_path_buf() }
        }
        io::ErrorKind::Unsupported => ControlError::Unsupported,
        _ => ControlError::Io { path: path.clone(), source },
    };
    if folder.exists() {
        // Somebody else's folder could hold somebody else's socket.
        check_folder(folder)?;
    }
    let stream = platform::control::connect(&path).await.map_err(failed)?;
    let (reader, mut writer) = tokio::io::split(stream);
    let request = line_of(&Request { version: VERSION, ask });
    if request.len() > LONGEST_LINE {
        let error = format!("the request has {} bytes, and {LONGEST_LINE} is the limit", request.len());
        return Err(ControlError::Refused { refusal: Refusal::new(ExitCode::Usage, error) });
    }
    writer.write_all(&request).await.map_err(failed)?;
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut reader).take(LONGEST_LINE as u64);
        limited.read_until(b'\n', &mut line).await.map_err(failed)?;
        if line.last() != Some(&b'\n') {
            return Err(ControlError::Lost);
        }
        match serde_json::from_slice(&line).map_err(|source| ControlError::Unreadable { source })? {
            Reply::Progress { text } => progress(&text),
            Reply::Done { text } => return Ok(text),
            Reply::Failed(refusal) => return Err(ControlError::Refused { refusal }),
        }
    }
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_says_that_it_reaches_nobody_on_windows() {
        let place = tempfile::tempdir().unwrap();
        let error = ask(place.path(), Ask::Stop { now: false }, |_| ()).await.unwrap_err();
        assert!(error.to_string().starts_with("on Windows, no other command can reach"), "{error}");
        assert!(error.hint().unwrap().contains("Ctrl-C"), "{error:?}");
        assert_eq!(error.exit_code(), ExitCode::Unavailable);
    }
}
