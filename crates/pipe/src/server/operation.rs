//! What a connection waits for beside the network: services that read and write, and pipes to come up.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use standpipe_smb::server::{Config, OpenId, PipeId, WaitId};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::guessing::Guessing;
use super::log_limit::LogLimit;
use super::waiting::Waiting;
use crate::backend::{Backend, BackendError};
use crate::connection::{PipeConnection, PipeError};
use crate::platform::Received;
use standpipe_security::Grant;

/// How long a service may leave its queue of new clients full, and how long to wait before trying again: twice
/// as long each time.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(2);
const MAX_BUSY_PAUSE: Duration = Duration::from_millis(200);

/// What all connections of a server share; nothing in it is locked for longer than a few instructions.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    /// In the order of [`Config::pipes`].
    pub(super) served: Vec<Served>,
    pub(super) readiness: watch::Receiver<bool>,
    pub(super) waiting: Waiting,
    pub(super) counters: Arc<Counters>,
    pub(super) log: LogLimit,
    pub(super) guessing: Arc<Guessing>,
    pub(super) stop: CancellationToken,
    pub(super) send_timeout: Duration,
}

/// A served pipe's way to its service.
pub(super) struct Served {
    backend: Backend,
    max_instances: Option<u32>,
    instances: Arc<AtomicU32>,
}

/// One open's share of [`Served::max_instances`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Instance(Arc<AtomicU32>);

impl Drop for Instance {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Served {
    pub(super) fn new(backend: Backend, max_instances: Option<u32>) -> Served {
        Served { backend, max_instances, instances: Arc::default() }
    }

    /// A share for one more open, if there is one.
    pub(super) fn instance(&self) -> Option<Instance> {
        let limit = self.max_instances.unwrap_or(u32::MAX);
        self.instances
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < limit).then_some(count + 1))
            .ok()
            .map(|_| Instance(Arc::clone(&self.instances)))
    }

    pub(super) fn connect(&self, grant: Grant) -> Result<PipeConnection, BackendError> {
        self.backend.connect(grant)
    }

    /// Waits for a place in the service's queue of new clients, for a while.
    async fn connect_when_free(&self, grant: Grant) -> Result<PipeConnection, BackendError> {
        let started = Instant::now();
        let mut pause = BUSY_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            match self.connect(grant) {
                Err(BackendError::Busy { .. }) if started.elapsed() < BUSY_TIMEOUT => {
                    pause = (pause * 2).min(MAX_BUSY_PAUSE);
                }
                result => return result,
            }
        }
    }
}

impl Shared {
    /// The longest message taken from a service, in bytes.
    pub(super) fn max_message(&self) -> usize {
        self.config.limits.max_transfer as usize
    }

    pub(super) fn is_ready(&self) -> bool {
        *self.readiness.borrow()
    }

    pub(super) fn served(&self, pipe: PipeId) -> Option<&Served> {
        self.served.get(pipe.0)
    }

    /// Whether an open of the pipe would find its service now.
    pub(super) fn is_available(&self, pipe: PipeId) -> bool {
        self.is_ready()
            && self.served(pipe).is_some_and(|served| {
                let limit = served.max_instances.unwrap_or(u32::MAX);
                served.instances.load(Ordering::Relaxed) < limit && served.backend.is_available()
            })
    }
}

/// Something that is under way.
pub(super) enum Operation {
    Connect(Pin<Box<dyn Future<Output = Done> + Send>>),
    Wait(Pin<Box<dyn Future<Output = Done> + Send>>),
    Read { open: OpenId, connection: Arc<PipeConnection>, buffer: Vec<u8> },
    Write { open: OpenId, connection: Arc<PipeConnection>, bytes: Vec<u8>, sent: usize },
}

/// What came of it.
pub(super) enum Done {
    Connect {
        open: OpenId,
        instance: Instance,
        result: Result<PipeConnection, BackendError>,
    },
    Wait {
        wait: WaitId,
        available: bool,
    },
    /// It was cancelled.
    Nothing,
    Read {
        open: OpenId,
        buffer: Vec<u8>,
        result: Result<Received, PipeError>,
    },
    Write {
        open: OpenId,
        result: Result<(), PipeError>,
    },
}

impl Future for Operation {
    type Output = Done;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        match self.get_mut() {
            Operation::Connect(future) | Operation::Wait(future) => future.as_mut().poll(cx),
            Operation::Read { open, connection, buffer } => {
                let result = ready!(connection.poll_receive(cx, buffer));
                Poll::Ready(Done::Read { open: *open, buffer: mem::take(buffer), result })
            }
            Operation::Write { open, connection, bytes, sent } => {
                let result = ready!(connection.poll_send(cx, bytes, sent));
                Poll::Ready(Done::Write { open: *open, result })
            }
        }
    }
}

impl Operation {
    /// Connects to a service whose queue of new clients is full; gives up, and gives the instance back, once
    /// `cancelled` is dropped.
    pub(super) fn connect(
        shared: Arc<Shared>,
        open: OpenId,
        pipe: PipeId,
        grant: Grant,
        instance: Instance,
        cancelled: oneshot::Receiver<()>,
    ) -> Operation {
        Operation::Connect(Box::pin(async move {
            let Some(served) = shared.served(pipe) else {
                return Done::Nothing;
            };
            tokio::select! {
                biased;
                _ = cancelled => Done::Nothing,
                result = served.connect_when_free(grant) => Done::Connect { open, instance, result },
            }
        }))
    }

    /// Waits until the pipe can be opened or `timeout` is over, or until `cancelled` is dropped because nobody
    /// wants to know any more.
    pub(super) fn wait(
        shared: Arc<Shared>,
        wait: WaitId,
        pipe: PipeId,
        timeout: Duration,
        cancelled: oneshot::Receiver<()>,
    ) -> Operation {
        Operation::Wait(Box::pin(async move {
            let available = async {
                if !shared.is_available(pipe) {
                    shared.waiting.wait(pipe).await;
                }
            };
            tokio::select! {
                biased;
                _ = cancelled => Done::Nothing,
                result = tokio::time::timeout(timeout, available) => {
                    Done::Wait { wait, available: result.is_ok() }
                }
            }
        }))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use standpipe_security::{AccessMask, SecurityDescriptor, Token, check_pipe_client};
    use tokio::net::{UnixListener, UnixSocket};

    use super::*;
    use crate::{Mode, PipeName};

    /// A service that accepts nobody, whose queue is full, and what it was filled with.
    fn busy_service(folder: &std::path::Path) -> (Served, UnixListener, Vec<PipeConnection>) {
        let name: PipeName = "simple".parse().unwrap();
        let socket = UnixSocket::new_stream().unwrap();
        socket.bind(folder.join(name.as_str())).unwrap();
        let listener = socket.listen(0).unwrap();
        let served = Served::new(Backend::local(folder, &name, Mode::Byte), None);
        let mut queued = Vec::new();
        while let Ok(connection) = served.connect(grant()) {
            queued.push(connection);
        }
        (served, listener, queued)
    }

    fn grant() -> Grant {
        let descriptor: SecurityDescriptor = "D:(A;;GA;;;AN)".parse().unwrap();
        check_pipe_client(&descriptor, &Token::anonymous(), AccessMask::GENERIC_READ).result.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_never_accepts_is_busy_after_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let (served, _listener, _queued) = busy_service(folder.path());
        let started = Instant::now();
        let result = served.connect_when_free(grant()).await;
        assert!(matches!(result, Err(BackendError::Busy { .. })), "{result:?}");
        assert!(started.elapsed() >= BUSY_TIMEOUT && started.elapsed() < BUSY_TIMEOUT * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_accepts_at_last_is_connected() {
        let folder = tempfile::tempdir().unwrap();
        let (served, listener, queued) = busy_service(folder.path());
        let connecting = tokio::spawn(async move { served.connect_when_free(grant()).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!connecting.is_finished());
        for _ in 0..queued.len() {
            listener.accept().await.unwrap();
        }
        connecting.await.unwrap().unwrap();
    }
}
