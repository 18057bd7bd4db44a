//! Unix sockets.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Attempt, BackendError, Connected, Opening};
use crate::connection::PipeConnection;
use crate::{Mode, platform};
use standpipe_system::user::User;

/// How long to wait before trying again while a service's queue of new clients is full: twice as long each
/// time.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const MAX_BUSY_PAUSE: Duration = Duration::from_millis(200);

/// A socket of this machine.
#[derive(Debug, Clone)]
pub(super) struct LocalSocket {
    pub(super) path: PathBuf,
    pub(super) mode: Mode,
    pub(super) trust: Trust,
}

/// Who may listen at a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Whoever does: the path is trusted.
    Path,
    /// The owner of the socket's file, and the path must not be a link.
    Owner,
    /// Likewise, and the owner must be one of these users.
    Users(Arc<[User]>),
}

impl LocalSocket {
    /// Whether somebody listens. Who it is is only known after connecting; but whoever may not be connected
    /// to does not own the socket's file.
    pub(super) fn is_available(&self) -> bool {
        let owner = || platform::owner_of_socket(&self.path);
        let is_trusted = match &self.trust {
            Trust::Path => true,
            Trust::Owner => owner().is_some(),
            Trust::Users(users) => owner().is_some_and(|owner| users.contains(&owner)),
        };
        is_trusted && platform::is_listening(&self.path)
    }

    /// Connects at once, or waits for a place in the service's queue of new clients, for a while.
    pub(super) fn connect(&self, opening: Opening, timeout: Duration) -> Attempt {
        match self.try_connect() {
            Err(BackendError::Busy { .. }) => {
                let socket = self.clone();
                Attempt::Later(Box::pin(async move {
                    let connection = socket.connect_when_free(timeout).await?;
                    Ok(Connected::new(connection, Some(opening.slot)))
                }))
            }
            result => Attempt::Done(result.map(|connection| Connected::new(connection, Some(opening.slot)))),
        }
    }

    fn try_connect(&self) -> Result<PipeConnection, BackendError> {
        let connected = match &self.trust {
            Trust::Path => PipeConnection::try_connect(&self.path, self.mode),
            Trust::Owner => PipeConnection::try_connect_to_owner(&self.path, self.mode, None),
            Trust::Users(users) => PipeConnection::try_connect_to_owner(&self.path, self.mode, Some(users)),
        };
        connected.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                BackendError::NotListening { backend: self.to_string() }
            }
            io::ErrorKind::WouldBlock => BackendError::Busy { backend: self.to_string() },
            _ => BackendError::Io { backend: self.to_string(), source },
        })
    }

    async fn connect_when_free(&self, timeout: Duration) -> Result<PipeConnection, BackendError> {
        let started = Instant::now();
        let mut pause = BUSY_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            match self.try_connect() {
                Err(BackendError::Busy { .. }) if started.elapsed() < timeout => {
                    pause = (pause * 2).min(MAX_BUSY_PAUSE);
                }
                result => return result,
            }
        }
    }
}

impl fmt::Display for LocalSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use tokio::net::{UnixListener, UnixSocket};

    use super::*;
    use crate::backend::CONNECT_TIMEOUT;

    /// A service that accepts nobody, whose queue is full, and what it was filled with.
    fn busy_service(folder: &std::path::Path) -> (LocalSocket, UnixListener, Vec<PipeConnection>) {
        let path = folder.join("simple");
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(&path).unwrap();
        let listener = socket.listen(0).unwrap();
        let backend = LocalSocket { path, mode: Mode::Byte, trust: Trust::Owner };
        let mut queued = Vec::new();
        while let Ok(connection) = backend.try_connect() {
            queued.push(connection);
        }
        (backend, listener, queued)
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_accepts_is_busy_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let (backend, _listener, _queued) = busy_service(folder.path());
        let started = Instant::now();
        let result = backend.connect_when_free(CONNECT_TIMEOUT).await;
        assert!(matches!(result, Err(BackendError::Busy { .. })), "{result:?}");
        assert!(started.elapsed() >= CONNECT_TIMEOUT && started.elapsed() < CONNECT_TIMEOUT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_accepts_at_last_is_connected() {
        let folder = tempfile::tempdir().unwrap();
        let (backend, listener, queued) = busy_service(folder.path());
        let connecting = tokio::spawn(async move { backend.connect_when_free(CONNECT_TIMEOUT).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!connecting.is_finished());
        for _ in 0..queued.len() {
            listener.accept().await.unwrap();
        }
        connecting.await.unwrap().unwrap();
    }
}
