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
use tokio_util::sync::CancellationToken;

use super::counters::Counters;
use super::guessing::Guessing;
use super::log_limit::LogLimit;
use super::sessions::Sessions;
use super::waiting::Waiting;
use crate::backend::{Backend, BackendError, Connected, Connecting};
use crate::connection::{PipeConnection, PipeError};
use crate::platform::Received;

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
    pub(super) sessions: Arc<Sessions>,
    pub(super) stop: CancellationToken,
    pub(super) send_timeout: Duration,
}

/// A served pipe's way to its service.
pub(super) struct Served {
    pub(super) name: Arc<str>,
    pub(super) backend: Backend,
    max_instances: Option<u32>,
    instances: Arc<AtomicU32>,
}

/// One open's share of [`Served::max_instances`], given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Instance(Arc<AtomicU32>);

impl Drop for Instance {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Served {
    pub(super) fn new(name: Arc<str>, backend: Backend, max_instances: Option<u32>) -> Served {
        Served { name, backend, max_instances, instances: Arc::default() }
    }

    /// A share for one more open, if there is one.
    pub(super) fn instance(&self) -> Option<Instance> {
        let limit = self.max_instances.unwrap_or(u32::MAX);
        self.instances
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| (count < limit).then_some(count + 1))
            .ok()
            .map(|_| Instance(Arc::clone(&self.instances)))
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
        result: Result<Connected, BackendError>,
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
    /// A connection to a service that takes a while; given up once `cancelled` is dropped.
    pub(super) fn connect(
        open: OpenId,
        connecting: Connecting,
        cancelled: oneshot::Receiver<()>,
    ) -> Operation {
        Operation::Connect(Box::pin(async move {
            tokio::select! {
                biased;
                _ = cancelled => Done::Nothing,
                result = connecting => Done::Connect { open, result },
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
