//! Where a served pipe leads on this machine.

use std::io;
use std::path::{Path, PathBuf};

use standpipe_security::Grant;

use crate::connection::PipeConnection;
use crate::{Mode, PipeName, platform};

/// Where the server finds the service behind a pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Backend {
    /// A Unix socket that a service put into a folder of its own with
    /// [`PipeListener`](crate::listener::PipeListener).
    ///
    /// The service may be less trusted than the server: a link in the folder is not followed, and whoever listens
    /// must be the owner of the socket's file. Otherwise a service could lead the server, with the server's rights,
    /// to any socket of the machine.
    Local {
        /// The socket.
        path: PathBuf,
        /// What it carries.
        mode: Mode,
    },
    /// A Unix socket that carries messages (`SOCK_SEQPACKET`).
    UnixSeqpacket(PathBuf),
    /// A Unix socket that carries bytes (`SOCK_STREAM`).
    UnixStream(PathBuf),
}

/// Why a service could not be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Nobody listens.
    #[error("nobody listens at {}", path.display())]
    NotListening {
        /// The socket.
        path: PathBuf,
    },
    /// The service does not accept its clients fast enough.
    #[error("the queue of new clients at {} is full", path.display())]
    Busy {
        /// The socket.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot connect to {}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Backend {
    /// Where a service that listens with [`PipeListener`](crate::listener::PipeListener) in `directory` is
    /// found.
    pub fn local(directory: &Path, name: &PipeName, mode: Mode) -> Backend {
        Backend::Local { path: directory.join(name.as_str()), mode }
    }

    /// What it carries.
    pub fn mode(&self) -> Mode {
        match self {
            Backend::Local { mode, .. } => *mode,
            Backend::UnixSeqpacket(_) => Mode::Message,
            Backend::UnixStream(_) => Mode::Byte,
        }
    }

    /// Whether the service listens now. It does not notice that it was asked.
    pub fn is_available(&self) -> bool {
        (!self.is_local() || platform::is_socket(self.path())) && platform::is_listening(self.path())
    }

    /// Connects to the service, at once or not at all. The grant proves that the caller passed the access
    /// check: without one, no byte reaches a service.
    pub(crate) fn connect(&self, _grant: Grant) -> Result<PipeConnection, BackendError> {
        let path = || self.path().to_owned();
        let connected = if self.is_local() {
            PipeConnection::try_connect_to_owner(self.path(), self.mode())
        } else {
            PipeConnection::try_connect(self.path(), self.mode())
        };
        connected.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                BackendError::NotListening { path: path() }
            }
            io::ErrorKind::WouldBlock => BackendError::Busy { path: path() },
            _ => BackendError::Io { path: path(), source },
        })
    }

    fn path(&self) -> &Path {
        match self {
            Backend::Local { path, .. } | Backend::UnixSeqpacket(path) | Backend::UnixStream(path) => path,
        }
    }

    fn is_local(&self) -> bool {
        matches!(self, Backend::Local { .. })
    }
}
