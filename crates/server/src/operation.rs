//! What a connection shares with others, and what it seldom waits for beside the network and its services'
//! words: services that take an open or have no room, and pipes to come up.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use standpipe_smb::server::budget::{AccountBudget, SHORT_MESSAGE};
use standpipe_smb::server::{Config, OpenId, PipeId, PipeMode, ServiceEnd, WaitId};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use crate::budget::{Budget, has_room};
use crate::counters::Counters;
use crate::guessing::Guessing;
use crate::log_limit::{Kind, LogLimit};
use crate::queue::Queue;
use crate::sessions::Sessions;
use crate::turns::Waiter;
use standpipe_pipe::Mode;
use standpipe_pipe::backend::{Backend, BackendError, Connected, Connecting};
use standpipe_pipe::connection::Received;
use standpipe_pipe::connection::{PipeConnection, PipeError};

/// How long a service may leave what was written unread before the log tells of it.
const STALL_TIME: Duration = Duration::from_secs(10);

/// How long a read waits that found no room in the budget.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(20);

/// How often it is looked at what services have left unread.
const LOOK_PAUSE: Duration = Duration::from_millis(250);

/// How long the descriptor counts that a service was seen to have. One that lets more callers in is noticed
/// after this time; one that lets fewer in is noticed at once, as everybody who is connected is checked
/// again.
const DESCRIPTOR_COUNTS: Duration = Duration::from_secs(3);

/// What all connections of a server share; nothing in it is locked for longer than a few instructions.
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    pub(crate) budget: Arc<Budget>,
    /// The pipe that every name opens which no pipe has.
    #[cfg(feature = "conformance")]
    pub(crate) other_names: Option<PipeId>,
    /// In the order of [`Config::pipes`].
    pub(crate) served: Vec<Served>,
    pub(crate) readiness: watch::Receiver<bool>,
    pub(crate) next_connection: AtomicU64,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: LogLimit,
    pub(crate) guessing: Arc<Guessing>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) stop: CancellationToken,
    pub(crate) send_timeout: Duration,
}

/// A served pipe's way to its service.
pub(crate) struct Served {
    pub(crate) name: Arc<str>,
    pub(crate) backend: Backend,
    pub(crate) queue: Arc<Queue>,
    /// The service's end as it was seen last, and when, if it has a descriptor of its own.
    seen: Mutex<Option<(Instant, ServiceEnd)>>,
}

impl Served {
    pub(crate) fn new(name: Arc<str>, backend: Backend, max_instances: Option<u32>) -> Self {
        Self { name, backend, queue: Arc::new(Queue::new(max_instances)), seen: Mutex::default() }
    }

    /// Remembers the service's end for a while.
    pub(crate) fn remember(&self, end: &ServiceEnd) {
        let seen = end.descriptor.is_some().then(|| (Instant::now(), end.clone()));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// The service's end as it was a moment ago. A caller whom its descriptor denies is refused by that: each
    /// look at the descriptor takes an instance of the pipe, which may be the only one.
    pub(crate) fn seen(&self) -> Option<ServiceEnd> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, end) = seen.as_ref()?;
        (when.elapsed() < DESCRIPTOR_COUNTS).then(|| end.clone())
    }
}

/// What the protocol has to know of a service's end.
pub(crate) fn service_end(connection: &PipeConnection) -> ServiceEnd {
    let mode = match connection.mode() {
        Mode::Message => PipeMode::Message,
        Mode::Byte => PipeMode::Byte,
    };
    ServiceEnd { mode, descriptor: connection.descriptor().map(Arc::clone) }
}

impl Shared {
    /// The longest message taken from a service, in bytes.
    pub(crate) fn max_message(&self) -> usize {
        self.config.limits.max_transfer as usize
    }

    pub(crate) fn is_ready(&self) -> bool {
        *self.readiness.borrow()
    }

    pub(crate) fn served(&self, pipe: PipeId) -> Option<&Served> {
        self.served.get(pipe.0)
    }

    /// Whether an open of the pipe would find its service listening now.
    async fn is_listening(&self, served: &Served) -> bool {
        self.is_ready() && served.backend.is_available().await
    }

    /// Tells the clients that wait for a pipe when their turn has come; never ends.
    pub(crate) async fn attend(&self, served: &Served) {
        served.queue.attend(|| self.is_listening(served)).await;
    }
}

/// A connected service, and the budget in which what it writes is counted.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: PipeConnection,
    pub(crate) budget: Option<Arc<AccountBudget>>,
}

impl Link {
    /// Fetches what the service wrote; `None` when nothing has room for it.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        longest: usize,
    ) -> Poll<Option<Result<Received, PipeError>>> {
        if let Some(budget) = &self.budget
            && budget.memory.left() < longest
        {
            // Only now is the message's length asked for.
            match ready!(self.connection.poll_length(cx)) {
                Some(length) if !has_room(budget, length) => return Poll::Ready(None),
                Some(_) => {}
                // Bytes come into the room that there is.
                None => buffer.reserve_exact(SHORT_MESSAGE),
            }
        }
        self.connection.poll_receive(cx, buffer).map(Some)
    }
}

/// What is looked at again after a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// Whether there is room for what this open's service wrote.
    Read(OpenId),
    /// Whether there is room for what the client sends.
    Receive,
    /// How much services have left unread.
    Unread,
}

/// Something that is under way.
pub(crate) enum Operation {
    Connect(Pin<Box<dyn Future<Output = Done> + Send>>),
    Wait(Pin<Box<dyn Future<Output = Done> + Send>>),
    Pause(Again, Pin<Box<Sleep>>),
    Write {
        open: OpenId,
        link: Arc<Link>,
        bytes: Vec<u8>,
        sent: usize,
        /// Tells when it takes long; `None` once it has told.
        stall: Option<Box<Stall>>,
    },
}

/// Tells the log when a service leaves what was written to it unread. The client is not told: its request
/// goes on, as it would on Windows, and can be cancelled.
pub(crate) struct Stall {
    shared: Arc<Shared>,
    pipe: PipeId,
    peer: SocketAddr,
    due: Pin<Box<Sleep>>,
}

impl Stall {
    pub(crate) fn new(shared: Arc<Shared>, pipe: PipeId, peer: SocketAddr) -> Self {
        Self { shared, pipe, peer, due: Box::pin(tokio::time::sleep(STALL_TIME)) }
    }

    fn tell(&self) {
        if let (Some(served), Some(line)) =
            (self.shared.served(self.pipe), self.shared.log.line(Kind::Service))
        {
            let (peer, pipe, backend) = (self.peer, &*served.name, &served.backend);
            let suppressed = line.suppressed;
            tracing::warn!(%peer, pipe, %backend, suppressed, "a service does not read what is written to it");
        }
    }
}

/// What came of it.
pub(crate) enum Done {
    Connect {
        open: OpenId,
        pipe: PipeId,
        result: Result<Connected, BackendError>,
    },
    Wait {
        wait: WaitId,
        available: bool,
    },
    Again(Again),
    /// It was cancelled.
    Nothing,
    Write {
        open: OpenId,
        result: Result<(), PipeError>,
    },
}

impl Future for Operation {
    type Output = Done;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        match self.get_mut() {
            Self::Connect(future) | Self::Wait(future) => future.as_mut().poll(cx),
            Self::Pause(again, sleep) => sleep.as_mut().poll(cx).map(|()| Done::Again(*again)),
            Self::Write { open, link, bytes, sent, stall } => {
                if let Poll::Ready(result) = link.connection.poll_send(cx, bytes, sent) {
                    return Poll::Ready(Done::Write { open: *open, result });
                }
                if let Some(waiting) = stall
                    && waiting.due.as_mut().poll(cx).is_ready()
                {
                    waiting.tell();
                    *stall = None;
                }
                Poll::Pending
            }
        }
    }
}

impl Operation {
    /// Looks again after a while.
    pub(crate) fn pause(again: Again) -> Self {
        let time = match again {
            Again::Read(_) | Again::Receive => NO_ROOM_PAUSE,
            Again::Unread => LOOK_PAUSE,
        };
        Self::Pause(again, Box::pin(tokio::time::sleep(time)))
    }

    /// A connection to a service that takes a while; given up once `cancelled` is dropped.
    pub(crate) fn connect(
        open: OpenId,
        pipe: PipeId,
        connecting: Connecting,
        cancelled: oneshot::Receiver<()>,
    ) -> Self {
        Self::Connect(Box::pin(async move {
            tokio::select! {
                biased;
                _ = cancelled => Done::Nothing,
                result = connecting => Done::Connect { open, pipe, result },
            }
        }))
    }

    /// Waits until the pipe can be opened or `timeout` is over, or until `cancelled` is dropped because
    /// nobody wants to know any more.
    pub(crate) fn wait(
        shared: Arc<Shared>,
        wait: WaitId,
        pipe: PipeId,
        timeout: Duration,
        waiter: Waiter,
        cancelled: oneshot::Receiver<()>,
    ) -> Self {
        Self::Wait(Box::pin(async move {
            let available = async {
                let Some(served) = shared.served(pipe) else {
                    return std::future::pending().await;
                };
                // Nothing is kept for a client that need not wait: many only ask whether the pipe is there.
                if !(served.queue.is_free() && shared.is_listening(served).await) {
                    served.queue.wait(&waiter).await;
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
