//! The agent: what is done inside of Wine for a host outside.

mod requests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use standpipe_pipe::connection::PipeConnection;
use standpipe_service::scm::ScmOptions;
use standpipe_service::{BoxFuture, Manager, State};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use self::requests::Statuses;
use crate::channel::{Finish, Outbox, Streams, for_service};
use crate::wire::{Decoder, Disagreement, Failure, FailureKind, Frame, Hello, LogLevel, Malformed, Part};

/// How many pipes may be open at once.
const MAX_STREAMS: usize = 16 * 1024;

/// How long a service may take to stop when the host is gone.
const STOP_TIME: Duration = Duration::from_secs(30);

/// How many bytes are read from the channel at once.
pub(crate) const READ_AT_ONCE: usize = 256 * 1024;

/// What the agent controls: services and pipes of the system that it runs in.
pub trait Machine: Send + Sync + 'static {
    /// What starts, stops and queries a service.
    fn manager(&self, service: &str, options: ScmOptions) -> Arc<dyn Manager>;

    /// Whether the service's program can be run here at all.
    ///
    /// # Errors
    /// Why it cannot, where the system itself would not say so.
    fn check_start(&self, service: &str) -> Result<(), Failure> {
        let _ = service;
        Ok(())
    }

    /// Opens a pipe by its bare name. Waits up to `timeout` while every end of it is in use.
    fn open(&self, pipe: &str, timeout: Duration) -> BoxFuture<'static, Result<PipeConnection, Failure>>;

    /// Whether a pipe could be opened now, without opening it.
    fn is_available(&self, pipe: &str) -> BoxFuture<'static, bool>;

    /// Gives services that are started from now on these variables, and takes those away that were given the
    /// last time and are not among them. Returns whether that changed anything.
    fn set_environment(&self, variables: &[(String, String)]) -> Result<bool, Failure>;
}

/// Why the agent cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The host does not keep to the format.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The host speaks another version.
    #[error(transparent)]
    Version(#[from] Disagreement),
    /// This is not the program for Windows, and only that one can be an agent.
    #[error("the agent runs inside Wine: it is standpipe.exe, the program for Windows")]
    NotWindows,
    /// Threads cannot be started.
    #[error("cannot start threads")]
    Threads(#[source] std::io::Error),
    /// The channel cannot be read or written.
    #[error("cannot {action} the channel")]
    Io {
        /// `read from` or `write to`.
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

/// One agent on one channel.
pub(crate) struct Agent {
    decoder: Decoder,
    is_greeted: bool,
    inner: Arc<Inner>,
}

/// What its tasks share.
struct Inner {
    machine: Box<dyn Machine>,
    runtime: Handle,
    outbox: Arc<Outbox>,
    streams: Streams,
    services: Mutex<HashMap<String, Service>>,
    statuses: Arc<Statuses>,
}

/// A service that the host has named.
struct Service {
    manager: Arc<dyn Manager>,
    is_watched: bool,
    /// Whether it is this agent's to stop.
    was_started: bool,
}

impl Agent {
    /// An agent whose tasks run in `runtime`. It has said hello.
    pub(crate) fn new(machine: impl Machine, runtime: Handle) -> Self {
        let outbox = Arc::new(Outbox::default());
        outbox.send(&Frame::Hello(Hello::of_this_build(std::process::id())));
        let streams = Streams::new(Arc::clone(&outbox));
        let statuses = Arc::new(Statuses::new(Arc::clone(&outbox)));
        let machine = Box::new(machine);
        let inner = Inner { machine, runtime, outbox, streams, services: Mutex::default(), statuses };
        Self { decoder: Decoder::default(), is_greeted: false, inner: Arc::new(inner) }
    }

    /// What is to be written to the channel.
    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.inner.outbox)
    }

    /// Takes bytes from the channel. Never waits.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Result<(), AgentError> {
        let Self { decoder, is_greeted, inner } = self;
        decoder.receive(bytes, |frame| {
            match frame {
                Frame::Hello(hello) => {
                    hello.agree()?;
                    *is_greeted = true;
                }
                _ if !*is_greeted => return Err(Malformed(Part::Choice("program at the other end")).into()),
                frame => Inner::handle(inner, frame)?,
            }
            Ok(())
        })
    }

    /// The host is gone: ends every open, and stops what was started.
    pub(crate) async fn shut_down(self) {
        self.inner.streams.end_all(&Finish::Close);
        let services = std::mem::take(&mut *self.inner.lock_services());
        let mut stopping = JoinSet::new();
        for (name, service) in services {
            if service.was_started {
                stopping.spawn(stop(name, service.manager, Arc::clone(&self.inner.outbox)));
            }
        }
        while stopping.join_next().await.is_some() {}
        self.inner.outbox.close();
    }
}

/// Stops a service, and ends it if it does not stop.
async fn stop(name: String, manager: Arc<dyn Manager>, outbox: Arc<Outbox>) {
    let mut changes = manager.changes();
    manager.stop().await;
    let stopped = async {
        while manager.query().await.state != State::Stopped {
            let _ = tokio::time::timeout(Duration::from_millis(250), changes.changed()).await;
        }
    };
    if tokio::time::timeout(STOP_TIME, stopped).await.is_err() {
        let state = manager.changes().borrow().state;
        let text =
            format!("the service `{name}` is {state} {STOP_TIME:?} after it was to stop, and is killed");
        outbox.send(&Frame::Log { level: LogLevel::Warn, text });
        manager.kill().await;
    }
}

impl Inner {
    fn lock_services(&self) -> std::sync::MutexGuard<'_, HashMap<String, Service>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(inner: &Arc<Self>, frame: Frame) -> Result<(), Malformed> {
        match frame {
            Frame::Request { id, request } => {
                let this = Arc::clone(inner);
                inner.runtime.spawn(async move {
                    let reply = this.answer(request).await;
                    this.outbox.send(&Frame::Reply { id, reply });
                });
                Ok(())
            }
            Frame::Open { stream, pipe, timeout } => {
                Self::open(inner, stream, &pipe, Duration::from_millis(timeout.into()));
                Ok(())
            }
            frame => inner.streams.receive(frame),
        }
    }

    /// Opens a pipe, and then serves it.
    fn open(inner: &Arc<Self>, id: u32, pipe: &str, timeout: Duration) {
        let stream = match inner.streams.count() {
            MAX_STREAMS.. => None,
            _ => inner.streams.add(id),
        };
        let Some(stream) = stream else {
            let text = "too many pipes are open at once".to_owned();
            let failure = Failure { kind: FailureKind::Busy, code: 0, text };
            return inner.outbox.send(&Frame::Refused { stream: id, failure });
        };
        let opening = inner.machine.open(pipe, timeout);
        let this = Arc::clone(inner);
        inner.runtime.spawn(async move {
            let opened = tokio::select! {
                opened = opening => opened,
                // The host has given it up.
                _ = stream.finished() => return this.streams.remove(id),
            };
            let opened = opened.and_then(|connection| Ok((descriptor_of(&connection)?, connection)));
            match opened {
                Ok((descriptor, connection)) => {
                    this.outbox.send(&Frame::Opened { stream: id, mode: connection.mode(), descriptor });
                    for_service(&stream, connection).await;
                }
                Err(failure) => this.outbox.send(&Frame::Refused { stream: id, failure }),
            }
            this.streams.remove(id);
        });
    }
}

/// The bytes of a pipe's security descriptor; none where it has none. One that cannot be passed on closes the
/// pipe: the host has to check it.
fn descriptor_of(connection: &PipeConnection) -> Result<Vec<u8>, Failure> {
    let Some(descriptor) = connection.descriptor() else { return Ok(Vec::new()) };
    descriptor.to_bytes().map_err(|error| {
        let text = format!("the pipe's security descriptor cannot be passed on: {error}");
        Failure { kind: FailureKind::NotPermitted, code: 0, text }
    })
}

pub use crate::platform::serve_on_standard_handles;

/// Serves a host on a channel, up to the channel's end; then stops the services that it has started.
///
/// # Errors
/// When the host breaks the format or speaks another version.
pub async fn serve(channel: impl AsyncRead + AsyncWrite, machine: impl Machine) -> Result<(), AgentError> {
    let mut agent = Agent::new(machine, Handle::current());
    let outbox = agent.outbox();
    let (mut reader, mut writer) = tokio::io::split(channel);
    let writing = async {
        let mut buffer = Vec::new();
        while let Some(bytes) = outbox.take(buffer).await {
            writer.write_all(&bytes).await?;
            writer.flush().await?;
            buffer = bytes;
        }
        std::io::Result::Ok(())
    };
    let reading = async {
        let mut buffer = Vec::with_capacity(READ_AT_ONCE);
        loop {
            buffer.clear();
            let read = reader.read_buf(&mut buffer).await;
            let read = read.map_err(|source| AgentError::Io { action: "read from", source })?;
            if read == 0 {
                return Ok(());
            }
            agent.receive(&buffer)?;
        }
    };
    let ended = {
        tokio::pin!(reading);
        let mut writing = std::pin::pin!(writing);
        tokio::select! {
            ended = &mut reading => ended,
            written = &mut writing => {
                written.map_err(|source| AgentError::Io { action: "write to", source })
            }
        }
    };
    agent.shut_down().await;
    ended
}
