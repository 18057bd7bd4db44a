//! Unix sockets.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::{Attempt, BackendError, Connected, Opening};
use crate::Mode;
use crate::connection::PipeConnection;
use crate::platform::{self, SocketFile};
use standpipe_system::user::User;

/// How long to wait before trying again while a service's queue of new clients is full: twice as long each
/// time.
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const MAX_BUSY_PAUSE: Duration = Duration::from_millis(200);

/// A socket of this machine.
#[derive(Debug, Clone)]
pub(super) struct LocalSocket {
    path: PathBuf,
    mode: Mode,
    trust: Trust,
    /// The socket's file, and whether somebody else than its owner made the socket.
    known: Arc<Mutex<Option<(SocketFile, bool)>>>,
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
    pub(super) fn new(path: PathBuf, mode: Mode, trust: Trust) -> Self {
        Self { path, mode, trust, known: Arc::default() }
    }

    /// Whether an open would find the service listening, as far as that is known without a connection that
    /// the service would notice. One is made only where the system says that somebody else made the socket.
    pub(super) fn check(&self) -> Result<(), BackendError> {
        let failed = |error| self.failed(error);
        let owner = match &self.trust {
            Trust::Path => None,
            Trust::Owner | Trust::Users(_) => Some(platform::owner_of_socket(&self.path).map_err(failed)?),
        };
        if let (Some(owner), Trust::Users(users)) = (owner, &self.trust)
            && !users.contains(&owner)
        {
            let text = format!("it belongs to user {owner}, who is not the service's user");
            return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, text)));
        }
        if !platform::has_mode(&self.path, self.mode).map_err(failed)? {
            let actual = match self.mode {
                Mode::Byte => Mode::Message,
                Mode::Message => Mode::Byte,
            };
            let backend = self.to_string();
            return Err(BackendError::WrongMode { backend, actual, expected: self.mode });
        }
        // Whoever made the socket may have become another user before it listened.
        if owner.is_some_and(|owner| self.is_made_by_another(owner)) {
            return match self.try_connect() {
                Ok(_) | Err(BackendError::Busy { .. }) => Ok(()),
                Err(error) => Err(error),
            };
        }
        Ok(())
    }

    /// Removes the file of a socket in a folder of pipes at which nobody listens.
    pub(super) fn remove_remains(&self) -> io::Result<()> {
        let is_left = self.trust == Trust::Owner
            && platform::owner_of_socket(&self.path).is_ok()
            && matches!(self.check(), Err(BackendError::NotListening { .. }));
        if is_left { std::fs::remove_file(&self.path) } else { Ok(()) }
    }

    /// Whether somebody else than `owner` made the socket. What was found holds while the file is the same.
    fn is_made_by_another(&self, owner: User) -> bool {
        let file = platform::file_of_socket(&self.path);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*known, &file) {
            (Some((before, is_another)), Some(file)) if before == file => *is_another,
            _ => {
                let is_another = platform::user_who_listens(&self.path).is_some_and(|user| user != owner);
                *known = file.map(|file| (file, is_another));
                is_another
            }
        }
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
        connected.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> BackendError {
        let backend = self.to_string();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                BackendError::NotListening { backend }
            }
            io::ErrorKind::WouldBlock => BackendError::Busy { backend },
            _ => BackendError::Io { backend, source },
        }
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
        let backend = LocalSocket::new(path, Mode::Byte, Trust::Owner);
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

    #[tokio::test]
    async fn a_check_finds_what_an_open_would_fail_with() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simple");
        let socket = |mode| LocalSocket::new(path.clone(), mode, Trust::Owner);
        let absent = socket(Mode::Byte).check();
        assert!(matches!(absent, Err(BackendError::NotListening { .. })), "{absent:?}");
        let listener = UnixListener::bind(&path).unwrap();
        socket(Mode::Byte).check().unwrap();
        let wrong = socket(Mode::Message).check();
        assert!(
            matches!(wrong, Err(BackendError::WrongMode { actual: Mode::Byte, expected: Mode::Message, .. })),
            "{wrong:?}"
        );
        drop(listener);
        std::fs::remove_file(&path).unwrap();
        let _datagrams = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let wrong = socket(Mode::Byte).check();
        assert!(matches!(wrong, Err(BackendError::Io { .. })), "{wrong:?}");
    }

    #[tokio::test]
    async fn a_check_of_the_right_service_goes_unnoticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simple");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        let socket = LocalSocket::new(path, Mode::Byte, Trust::Owner);
        for _ in 0..3 {
            socket.check().unwrap();
        }
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    /// Only root can give a file to somebody else.
    #[tokio::test]
    async fn a_check_finds_a_socket_whose_file_belongs_to_somebody_else() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simple");
        let _listener = UnixListener::bind(&path).unwrap();
        let socket = LocalSocket::new(path.clone(), Mode::Byte, Trust::Owner);
        socket.check().unwrap();
        std::os::unix::fs::chown(&path, Some(1), Some(1)).unwrap();
        let error = socket.check().unwrap_err();
        assert!(matches!(error, BackendError::Io { .. }), "{error:?}");
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "user 0 listens at a socket of user 1"
        );
    }

    #[tokio::test]
    async fn only_a_socket_at_which_nobody_listens_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("simple");
        let socket = |trust| LocalSocket::new(path.clone(), Mode::Byte, trust);
        socket(Trust::Owner).remove_remains().unwrap();
        let listener = UnixListener::bind(&path).unwrap();
        socket(Trust::Owner).remove_remains().unwrap();
        assert!(path.exists());
        drop(listener);
        socket(Trust::Path).remove_remains().unwrap();
        assert!(path.exists(), "it is not known to be ours");
        socket(Trust::Owner).remove_remains().unwrap();
        assert!(!path.exists());
        std::fs::write(&path, "x").unwrap();
        socket(Trust::Owner).remove_remains().unwrap();
        assert!(path.exists(), "it is no socket");
    }
}
