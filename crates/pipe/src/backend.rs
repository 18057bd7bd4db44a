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
        let path = directory.join(name.as_str());
        match mode {
            Mode::Message => Backend::UnixSeqpacket(path),
            Mode::Byte => Backend::UnixStream(path),
        }
    }

    /// What it carries.
    pub fn mode(&self) -> Mode {
        match self {
            Backend::UnixSeqpacket(_) => Mode::Message,
            Backend::UnixStream(_) => Mode::Byte,
        }
    }

    /// Whether the service listens now. It does not notice that it was asked.
    pub fn is_available(&self) -> bool {
        platform::is_listening(self.path())
    }

    /// Connects to the service, at once or not at all. The grant proves that the caller passed the access
    /// check: without one, no byte reaches a service.
    pub(crate) fn connect(&self, _grant: Grant) -> Result<PipeConnection, BackendError> {
        let path = || self.path().to_owned();
        PipeConnection::try_connect(self.path(), self.mode()).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                BackendError::NotListening { path: path() }
            }
            io::ErrorKind::WouldBlock => BackendError::Busy { path: path() },
            _ => BackendError::Io { path: path(), source },
        })
    }

    fn path(&self) -> &Path {
        match self {
            Backend::UnixSeqpacket(path) | Backend::UnixStream(path) => path,
        }
    }
}
