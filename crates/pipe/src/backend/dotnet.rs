//! The sockets of .NET services, which listen only now and then.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use standpipe_system::user::User;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::socket::{LocalSocket, Trust};
use super::{Attempt, BackendError, Connected, Opening};
use crate::Mode;
use crate::connection::PipeConnection;

/// How long to wait before connecting is tried again: an eighth of the time since the service was last seen.
/// The loop of most services makes its next stream at once.
const PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// How many attempts are made between two pauses.
const ATTEMPTS: u32 = 4;

/// How often a service between two of its streams is looked for before it counts as absent.
const LOOKS: u32 = 6;

/// The socket of a .NET service's `NamedPipeServerStream`.
#[derive(Debug, Clone)]
pub(super) struct DotnetSocket {
    path: PathBuf,
    users: Arc<[User]>,
    /// Whose turn it is to be accepted. A service that takes one client after the other would otherwise drop
    /// all that wait each time, and take next whoever comes back first.
    turn: Arc<Mutex<()>>,
}

impl DotnetSocket {
    pub(super) fn new(path: PathBuf, users: Arc<[User]>) -> Self {
        Self { path, users, turn: Arc::default() }
    }

    /// Whether the service listens, or does so again in a moment.
    pub(super) async fn check(&self) -> Result<(), BackendError> {
        let trust = Trust::Users(Arc::clone(&self.users));
        let socket = LocalSocket::new(self.path.clone(), Mode::Byte, trust);
        let mut pause = PAUSE;
        for _ in 1..LOOKS {
            if socket.check().is_ok() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        socket.check()
    }

    pub(super) fn connect(&self, opening: Opening, timeout: Duration) -> Attempt {
        let socket = self.clone();
        Attempt::Later(Box::pin(async move {
            let connection = socket.connect_within(timeout).await?;
            Ok(Connected::new(connection, Some(opening.slot)))
        }))
    }

    /// Connects until the service has accepted. Nothing is written before, so nothing can be lost.
    async fn connect_within(&self, timeout: Duration) -> Result<PipeConnection, BackendError> {
        let deadline = standpipe_transport::deadline::after(Instant::now(), timeout);
        let Ok(_turn) = tokio::time::timeout_at(deadline, self.turn.lock()).await else {
            return Err(BackendError::Busy { backend: self.to_string() });
        };
        let mut seen = Instant::now();
        for attempt in 0_u32.. {
            let connecting = PipeConnection::connect_as_owner(&self.path, Mode::Byte, &self.users);
            let Ok(connected) = tokio::time::timeout_at(deadline, connecting).await else {
                return Err(BackendError::TimedOut { backend: self.to_string(), after: timeout });
            };
            let error = match connected {
                Ok(connection) => return Ok(connection),
                Err(source) => self.error(source),
            };
            let now = Instant::now();
            if matches!(error, BackendError::Busy { .. }) {
                seen = now;
            }
            let pause = ((now - seen) / 8).clamp(PAUSE, MAX_PAUSE);
            if matches!(error, BackendError::Io { .. }) || now + pause >= deadline {
                return Err(error);
            }
            if attempt % ATTEMPTS == ATTEMPTS - 1 {
                tokio::time::sleep(pause).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        Err(BackendError::Busy { backend: self.to_string() })
    }

    /// Only [`BackendError::Io`] does not get better by waiting.
    fn error(&self, source: io::Error) -> BackendError {
        let backend = self.to_string();
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                BackendError::NotListening { backend }
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionReset => BackendError::Busy { backend },
            _ => BackendError::Io { backend, source },
        }
    }
}

impl fmt::Display for DotnetSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;
    use std::path::Path;

    use super::*;

    fn socket(path: &Path) -> DotnetSocket {
        DotnetSocket::new(path.to_owned(), [User::own()].into())
    }

    #[tokio::test]
    async fn no_call_is_lost_by_a_service_that_listens_anew_for_each_client() {
        const CALLS: u8 = 200;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CoreFxPipe_simple");
        let listening = path.clone();
        let service = std::thread::spawn(move || {
            for _ in 0..CALLS {
                let listener = UnixListener::bind(&listening).unwrap();
                let (mut client, _) = listener.accept().unwrap();
                let mut text = [0];
                client.read_exact(&mut text).unwrap();
                client.write_all(&text).unwrap();
                std::fs::remove_file(&listening).unwrap();
            }
        });
        let calls = (0..CALLS).map(|number| {
            let socket = socket(&path);
            tokio::spawn(async move {
                let pipe = socket.connect_within(Duration::from_mins(1)).await.unwrap();
                pipe.write_all(&[number]).await.unwrap();
                let mut answer = [0];
                assert_eq!(pipe.read(&mut answer).await.unwrap(), 1, "call {number}");
                assert_eq!(answer, [number]);
            })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.unwrap();
        }
        service.join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_comes_late_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CoreFxPipe_simple");
        let waiting = socket(&path);
        waiting.check().await.unwrap_err();
        let connecting = tokio::spawn(async move { waiting.connect_within(Duration::from_secs(5)).await });
        tokio::time::sleep(Duration::from_secs(2)).await;
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        listener.accept().await.unwrap();
        connecting.await.unwrap().unwrap();
        let absent = socket(&folder.path().join("CoreFxPipe_other"));
        let error = absent.connect_within(Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, BackendError::NotListening { .. }), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn a_service_that_listens_and_does_not_accept_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CoreFxPipe_simple");
        let _listener = UnixListener::bind(&path).unwrap();
        let error = socket(&path).connect_within(Duration::from_secs(5)).await.unwrap_err();
        assert!(matches!(error, BackendError::TimedOut { .. }), "{error}");
    }
}
