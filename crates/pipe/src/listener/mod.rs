//! For services: offer a named pipe on this machine, where the Standpipe server finds it.
//!
//! ```no_run
//! # async fn service() -> Result<(), Box<dyn std::error::Error>> {
//! use standpipe_pipe::Mode;
//! use standpipe_pipe::listener::PipeListener;
//!
//! let listener = PipeListener::bind("simple", Mode::Message).await?;
//! loop {
//!     let client = listener.accept().await?;
//!     tokio::spawn(async move {
//!         if let Ok(Some(request)) = client.read_message().await {
//!             let _ = client.write_message(&request).await;
//!         }
//!         client.disconnect();
//!     });
//! }
//! # }
//! ```
//!
//! On Unix a pipe is a socket: `SOCK_SEQPACKET` in message mode, `SOCK_STREAM` in byte mode, in the folder
//! that the environment variable `STANDPIPE_PIPES` names, with the pipe's name. Only its owner and root can
//! connect.
//!
//! On Windows a pipe is a named pipe of the system, `\\.\pipe\NAME`: there are no folders. Its security
//! descriptor ([`ListenOptions`]) says who may open it; remote clients are let in by Standpipe's server only.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use standpipe_security::SecurityDescriptor;
use standpipe_system::Found;
use standpipe_system::folder::{self, Untrusted};

pub use crate::connection::{DEFAULT_MAX_MESSAGE, PipeConnection, PipeError};
pub use crate::greeting::GreetingError;
use crate::name::{NameError, PipeName};
use crate::{Mode, native, platform};

/// The environment variable that names the folder of pipes.
pub const DIRECTORY_VARIABLE: &str = "STANDPIPE_PIPES";

/// The socket at which programs on .NET look for the pipe `name`, and at which they offer it, in their folder
/// for temporary files.
pub fn dotnet_socket(temporary: &Path, name: &str) -> PathBuf {
    temporary.join(format!("CoreFxPipe_{name}"))
}

/// A pipe that a service offers. Dropping it takes the pipe away; connections that exist go on.
#[derive(Debug)]
pub struct PipeListener {
    listener: platform::Listener,
    max_message: usize,
}

/// What a pipe is offered with, beside its name and mode.
///
/// ```no_run
/// # async fn service() -> Result<(), Box<dyn std::error::Error>> {
/// use standpipe_pipe::Mode;
/// use standpipe_pipe::listener::{ListenOptions, PipeListener};
///
/// let descriptor = "D:(D;;GA;;;AN)(A;;GRGW;;;AU)(A;;GA;;;BA)(A;;GA;;;SY)".parse()?;
/// let options = ListenOptions { descriptor: Some(descriptor), ..ListenOptions::default() };
/// let listener = PipeListener::bind_with("simple", Mode::Message, &options).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ListenOptions {
    /// Who may open the pipe; `None` for what Windows sets: the service's own account, administrators and the
    /// system, while everybody may read. The service's own account needs the right to make further instances
    /// (0x4, which `GW` and `GA` include).
    ///
    /// On Unix a pipe has no descriptor. This changes nothing there, and only the owner of the socket and
    /// root can connect; the server checks the callers by the descriptor in its configuration.
    pub descriptor: Option<SecurityDescriptor>,
    /// How many clients the pipe can have at once; `None`, or 255 and more, for no limit. One more finds the
    /// pipe busy. On Unix this changes nothing: clients wait in the queue of the socket.
    pub max_instances: Option<u32>,
}

/// Why a pipe cannot be offered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The name is not one a pipe can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The folder for pipes cannot be made or must not be trusted.
    #[error("cannot use {} as the folder for pipes", path.display())]
    Directory {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The operating system takes only short paths for sockets.
    #[error("the path {} has {} bytes, a socket's has at most {limit}", path.display(), path.as_os_str().len())]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// The most bytes it may have.
        limit: usize,
    },
    /// Somebody listens there already.
    #[error("the pipe {} is already offered by a running process", path.display())]
    InUse {
        /// The socket's path.
        path: PathBuf,
    },
    /// Something that is no socket is in the way; it is not removed.
    #[error("{} exists and is not a socket", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The socket's path.
        path: PathBuf,
        /// What was tried, as words that fit between *cannot* and the path.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl ListenError {
    /// What a user can do about it, when there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PathTooLong { .. } => {
                Some("set STANDPIPE_PIPES, or the state folder of the deployment, to a shorter path")
            }
            Self::InUse { .. } => Some("stop the other instance of the service first"),
            Self::NotASocket { .. } => Some("move it away if nothing needs it"),
            Self::Directory { .. } => Some(
                "the folder must belong to this user or to root, and others must not be able to exchange what is in it",
            ),
            Self::Name(_) | Self::Io { .. } => None,
        }
    }
}

impl PipeListener {
    /// Offers the pipe `name` in the folder that `STANDPIPE_PIPES` names, or without it in the user's own
    /// (`$XDG_RUNTIME_DIR/standpipe/pipes`, `/run/standpipe/pipes` for root). The folder is made when it is
    /// missing.
    pub async fn bind(name: &str, mode: Mode) -> Result<Self, ListenError> {
        Self::bind_with(name, mode, &ListenOptions::default()).await
    }

    /// Like [`Self::bind`], with these options.
    pub async fn bind_with(name: &str, mode: Mode, options: &ListenOptions) -> Result<Self, ListenError> {
        if cfg!(windows) {
            return Self::bind_at(&native::path(&PipeName::new(name)?), mode, options).await;
        }
        let directory = directory(|variable| std::env::var_os(variable));
        let path = path_in(&directory, name)?;
        Self::bind_at(&path, mode, options).await
    }

    /// Offers the pipe `name` in the folder `directory`, which is made when it is missing. On Windows pipes
    /// are in no folder, so this fails there.
    pub async fn bind_in(directory: &Path, name: &str, mode: Mode) -> Result<Self, ListenError> {
        Self::bind_path(&path_in(directory, name)?, mode).await
    }

    /// Offers the pipe `name` in byte mode where programs on .NET look for it on Unix: as the socket
    /// `CoreFxPipe_NAME` in the folder for temporary files (`TMPDIR`, otherwise `/tmp`).
    pub async fn bind_dotnet(name: &str) -> Result<Self, ListenError> {
        let name = PipeName::new(name)?;
        let directory = std::env::temp_dir();
        Found::at(&directory)
            .and_then(|found| folder::check_shared(&found).map_err(refusal))
            .map_err(|source| ListenError::Directory { path: directory.clone(), source })?;
        Self::bind_path(&dotnet_socket(&directory, name.as_str()), Mode::Byte).await
    }

    /// Offers a pipe as the socket `path`, in a folder that exists and whose safety is the caller's.
    ///
    /// A socket file that nobody listens at any more is replaced. On Windows `path` is `\\.\pipe\NAME`.
    pub async fn bind_path(path: &Path, mode: Mode) -> Result<Self, ListenError> {
        Self::bind_at(path, mode, &ListenOptions::default()).await
    }

    async fn bind_at(path: &Path, mode: Mode, options: &ListenOptions) -> Result<Self, ListenError> {
        let listener = platform::Listener::bind(path, mode, options).await?;
        Ok(Self { listener, max_message: DEFAULT_MAX_MESSAGE })
    }

    /// Sets the longest message that accepted connections take, in bytes; [`DEFAULT_MAX_MESSAGE`] until
    /// then.
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Waits for the next client. May be dropped while it waits; no client is lost.
    pub async fn accept(&self) -> io::Result<PipeConnection> {
        Ok(PipeConnection::new(self.listener.accept().await?, self.max_message))
    }

    /// What the pipe carries.
    pub fn mode(&self) -> Mode {
        self.listener.mode()
    }

    /// Where the socket is, or the name of the native pipe.
    pub fn path(&self) -> &Path {
        self.listener.path()
    }
}

fn directory(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    match variable(DIRECTORY_VARIABLE) {
        Some(named) if !named.is_empty() => PathBuf::from(named),
        _ => folder::default_folder(variable).join("pipes"),
    }
}

/// Where the pipe `name` is in a folder, which is made when it is missing.
fn path_in(directory: &Path, name: &str) -> Result<PathBuf, ListenError> {
    let name = PipeName::new(name)?;
    prepare_folder(directory)
        .map_err(|source| ListenError::Directory { path: directory.to_owned(), source })?;
    Ok(directory.join(name.as_str()))
}

/// Makes `folder` for its owner alone where it is missing, and refuses one that others could tamper with: a
/// user who can write to it can put another socket in a pipe's place.
fn prepare_folder(folder: &Path) -> io::Result<()> {
    folder::make_private(folder)?;
    folder::check_private(&Found::at_itself(folder)?).map_err(refusal)?;
    // In a sticky folder such as /tmp others can have made the parent first, but cannot move ours away.
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let found = Found::at(parent)?;
        match folder::check_shared(&found) {
            Err(Untrusted::Writable) if !folder::everybody_can_write(&found) => {}
            checked => checked.map_err(|why| {
                io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!("the folder it is in is not safe: {why}"),
                )
            })?,
        }
    }
    Ok(())
}

fn refusal(why: Untrusted) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
