//! Named pipes of Windows, from the client's end.
//!
//! ```no_run
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! use standpipe_pipe::native::NativePipe;
//!
//! let pipe = NativePipe::new(&"simple".parse()?);
//! let connection = pipe.open().await?;
//! connection.write_message(b"hello").await?;
//! # Ok(())
//! # }
//! ```
//!
//! A pipe of Windows serves as many clients at once as it has instances. Clients that find all of them in use
//! wait here in a queue: the first one is the only one that tries, so nobody is overtaken. Programs that open
//! the pipe past this queue take part in no order.
//!
//! A service may make its pipe late, or anew for each client: a pipe that is not there is waited for just the
//! same.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

use crate::PipeName;
use crate::backend::{BackendError, CONNECT_TIMEOUT};
use crate::connection::{DEFAULT_MAX_MESSAGE, PipeConnection};
use crate::platform::{self, Presence, Socket};

/// How long one wait of the system's takes at most: as long as a thread is kept when nobody waits any more.
const WAIT_SLICE: Duration = Duration::from_millis(200);

/// How long to wait before looking again for a pipe that is not there: twice as long each time.
const MISSING_PAUSE: Duration = Duration::from_millis(2);
const MAX_MISSING_PAUSE: Duration = Duration::from_millis(50);

/// How often, and at which distance, a question for a pipe is repeated before it counts as missing: a service
/// that makes its pipe anew for each client has none for moments.
const LOOKS: u32 = 5;
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// Where the system has the pipe `name`.
pub fn path(name: &PipeName) -> PathBuf {
    PathBuf::from(format!(r"\\.\pipe\{name}"))
}

/// A named pipe of Windows that can be opened. Clones share the queue of those who wait.
#[derive(Debug, Clone)]
pub struct NativePipe {
    path: Arc<Path>,
    timeout: Duration,
    /// Held by whoever opens the pipe next; the others wait in order.
    turn: Arc<Mutex<()>>,
}

impl NativePipe {
    /// The pipe `\\.\pipe\NAME`, which need not exist yet.
    pub fn new(name: &PipeName) -> Self {
        Self { path: path(name).into(), timeout: CONNECT_TIMEOUT, turn: Arc::default() }
    }

    /// Sets how long [`Self::open`] waits at most; [`CONNECT_TIMEOUT`] until then.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Opens the pipe, in the mode that the service has given it, and with the security descriptor that the
    /// service has put on it ([`PipeConnection::descriptor`]). Waits for its turn, and while the pipe is
    /// missing or all its instances are in use. Dropping the future gives up the place in the queue.
    ///
    /// Any service that listens there can learn who this process is, but it cannot act as it.
    ///
    /// # Errors
    ///
    /// [`BackendError::NotListening`] and [`BackendError::Busy`] when the time is over;
    /// [`BackendError::Io`] with [`io::ErrorKind::PermissionDenied`] when the pipe's descriptor does not let
    /// this process in, and with [`io::ErrorKind::Unsupported`] on other systems than Windows.
    pub async fn open(&self) -> Result<PipeConnection, BackendError> {
        let deadline = Instant::now() + self.timeout;
        let Ok(_turn) = timeout_at(deadline, self.turn.lock()).await else {
            return Err(self.unavailable(self.presence(Duration::ZERO).await));
        };
        let mut pause = MISSING_PAUSE;
        loop {
            let presence = match platform::open(&self.path) {
                Ok(socket) => return self.connection(socket),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => Presence::Busy,
                    io::ErrorKind::NotFound => Presence::Missing,
                    _ => return Err(self.failed(error)),
                },
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.unavailable(Ok(presence)));
            }
            if presence == Presence::Busy
                && self.presence(left.min(WAIT_SLICE)).await.is_ok_and(|found| found != Presence::Missing)
            {
                pause = MISSING_PAUSE;
            } else {
                sleep(pause.min(left)).await;
                pause = (pause * 2).min(MAX_MISSING_PAUSE);
            }
        }
    }

    /// Whether the service offers the pipe, even if all its instances are in use. It does not notice that it
    /// was asked.
    pub async fn is_available(&self) -> bool {
        for look in 1..=LOOKS {
            match self.presence(Duration::ZERO).await {
                Ok(Presence::Missing) if look < LOOKS => sleep(LOOK_PAUSE).await,
                found => return found.is_ok_and(|presence| presence != Presence::Missing),
            }
        }
        false
    }

    /// Whether the pipe is there. The system's wait blocks a thread, of the pool for such.
    async fn presence(&self, wait: Duration) -> io::Result<Presence> {
        let path = Arc::clone(&self.path);
        spawn_blocking(move || platform::wait(&path, wait)).await.map_err(io::Error::other)?
    }

    fn connection(&self, socket: Socket) -> Result<PipeConnection, BackendError> {
        let descriptor = socket.descriptor().map_err(|error| self.failed(error))?;
        let connection = PipeConnection::new(socket, DEFAULT_MAX_MESSAGE);
        Ok(match descriptor {
            Some(descriptor) => connection.with_descriptor(Arc::new(descriptor)),
            None => connection,
        })
    }

    fn unavailable(&self, found: io::Result<Presence>) -> BackendError {
        let backend = self.to_string();
        match found {
            Ok(Presence::Missing) => BackendError::NotListening { backend },
            Ok(Presence::Busy | Presence::Free) => BackendError::Busy { backend },
            Err(source) => BackendError::Io { backend, source },
        }
    }

    fn failed(&self, source: io::Error) -> BackendError {
        BackendError::Io { backend: self.to_string(), source }
    }
}

impl fmt::Display for NativePipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}
