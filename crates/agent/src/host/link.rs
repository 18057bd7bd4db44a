//! The host's end of a channel: requests, opens, and the changes that the agent tells of.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use standpipe_pipe::connection::PipeConnection;
use standpipe_security::SecurityDescriptor;
use standpipe_service::Status;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{oneshot, watch};
use tracing::{Instrument, debug, error, info, warn};

use crate::channel::{Finish, Outbox, Stream, Streams, for_client};
use crate::inside::READ_AT_ONCE;
use crate::wire::{
    Decoder, Disagreement, Failure, FailureKind, Frame, Hello, LogLevel, Malformed, Part, Reply, Request,
};

/// Why a channel is over, or never began.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The agent does not keep to the format.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The agent speaks another version.
    #[error(transparent)]
    Version(#[from] Disagreement),
    /// The channel cannot be read or written.
    #[error("the channel to the agent cannot be used")]
    Io(#[from] io::Error),
    /// The agent ended.
    #[error("the agent inside Wine has ended")]
    Ended,
}

/// The agent is gone; nothing is known of what was asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the agent inside Wine is gone: {0}")]
pub(crate) struct Gone(pub(crate) Arc<str>);

/// Why a pipe could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(transparent)]
    Gone(#[from] Gone),
    #[error("{}", .0.text)]
    Failed(Failure),
}

/// What an agent tells of services, by their names.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Mutex<HashMap<String, watch::Sender<Status>>>);

impl Statuses {
    /// The place where a service's status is kept.
    pub(crate) fn of(&self, service: &str) -> watch::Sender<Status> {
        let mut statuses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || watch::Sender::new(Status::of(standpipe_service::State::Stopped));
        statuses.entry(service.to_owned()).or_insert_with(unknown).clone()
    }

    pub(crate) fn set(&self, service: &str, status: Status) {
        self.of(service).send_if_modified(|known| {
            let changed = *known != status;
            *known = status;
            changed
        });
    }
}

type Opened = Result<(standpipe_pipe::Mode, Vec<u8>), Failure>;

/// One channel to an agent.
#[derive(Debug)]
pub(crate) struct Link {
    outbox: Arc<Outbox>,
    streams: Streams,
    statuses: Arc<Statuses>,
    next: AtomicU32,
    waiting: Mutex<Waiting>,
    /// Why it is over, once it is.
    over: watch::Sender<Option<Arc<str>>>,
    greeted: watch::Sender<bool>,
}

/// What waits for an answer.
#[derive(Debug, Default)]
struct Waiting {
    requests: HashMap<u32, oneshot::Sender<Reply>>,
    opens: HashMap<u32, oneshot::Sender<Opened>>,
    is_over: bool,
}

impl Link {
    /// A channel on `io`, once both ends have said hello.
    pub(crate) async fn begin(
        io: impl AsyncRead + AsyncWrite + Send + 'static,
        statuses: Arc<Statuses>,
    ) -> Result<Arc<Self>, Arc<str>> {
        let outbox = Arc::new(Outbox::default());
        outbox.send(&Frame::Hello(Hello::of_this_build(std::process::id())));
        let link = Arc::new(Self {
            streams: Streams::new(Arc::clone(&outbox)),
            outbox,
            statuses,
            next: AtomicU32::new(1),
            waiting: Mutex::default(),
            over: watch::Sender::new(None),
            greeted: watch::Sender::new(false),
        });
        tokio::spawn(Arc::clone(&link).run(io).in_current_span());
        let (mut greeted, mut over) = (link.greeted.subscribe(), link.over.subscribe());
        tokio::select! {
            biased;
            Ok(_) = greeted.wait_for(|greeted| *greeted) => Ok(link),
            reason = over.wait_for(Option::is_some) => {
                Err(reason.ok().and_then(|reason| reason.clone()).unwrap_or_else(|| "it ended".into()))
            }
        }
    }

    /// Moves frames until the channel is over.
    async fn run(self: Arc<Self>, io: impl AsyncRead + AsyncWrite) {
        let (mut reader, mut writer) = tokio::io::split(io);
        let writing = async {
            let mut buffer = Vec::new();
            while let Some(bytes) = self.outbox.take(buffer).await {
                writer.write_all(&bytes).await?;
                buffer = bytes;
            }
            // The agent takes the end of its input for a good-bye.
            writer.shutdown().await
        };
        let reading = async {
            let mut decoder = Decoder::default();
            let mut buffer = Vec::with_capacity(READ_AT_ONCE);
            loop {
                buffer.clear();
                if reader.read_buf(&mut buffer).await? == 0 {
                    return Err::<(), _>(LinkError::Ended);
                }
                decoder.receive(&buffer, |frame| self.receive(frame))?;
            }
        };
        tokio::pin!(reading, writing);
        let mut writes = true;
        let error = loop {
            tokio::select! {
                Err(error) = &mut reading => break error,
                written = &mut writing, if writes => match written {
                    Ok(()) => writes = false,
                    Err(error) => break error.into(),
                },
            }
        };
        let mut reason = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            reason = format!("{reason}: {source}");
        }
        self.end(&reason.into());
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that waits for the agent ends in an error.
    fn end(&self, reason: &Arc<str>) {
        self.over.send_replace(Some(Arc::clone(reason)));
        self.outbox.close();
        let waiting = {
            let mut waiting = self.lock();
            waiting.is_over = true;
            (std::mem::take(&mut waiting.requests), std::mem::take(&mut waiting.opens))
        };
        drop(waiting);
        let text = Gone(Arc::clone(reason)).to_string();
        self.streams.end_all(&Finish::Reset(Failure { kind: FailureKind::ForNow, code: 0, text }));
    }

    fn receive(&self, frame: Frame) -> Result<(), LinkError> {
        match frame {
            Frame::Hello(hello) => {
                hello.agree()?;
                debug!(program = hello.program, pid = hello.pid, "the agent inside Wine has begun");
                self.greeted.send_replace(true);
            }
            _ if !*self.greeted.borrow() => {
                return Err(Malformed(Part::Choice("program at the other end")).into());
            }
            Frame::Reply { id, reply } => {
                let asked = self.lock().requests.remove(&id);
                if let Some(asked) = asked {
                    let _ = asked.send(reply);
                }
            }
            Frame::Opened { stream, mode, descriptor } => self.answer_open(stream, Ok((mode, descriptor))),
            Frame::Refused { stream, failure } => self.answer_open(stream, Err(failure)),
            Frame::Changed { service, status } => self.statuses.set(&service, status),
            Frame::Log { level, text } => match level {
                LogLevel::Debug => debug!("{text}"),
                LogLevel::Info => info!("{text}"),
                LogLevel::Warn => warn!("{text}"),
                LogLevel::Error => error!("{text}"),
            },
            frame => self.streams.receive(frame)?,
        }
        Ok(())
    }

    fn answer_open(&self, stream: u32, opened: Opened) {
        let asked = self.lock().opens.remove(&stream);
        if let Some(asked) = asked {
            let _ = asked.send(opened);
        }
    }

    fn gone(&self) -> Gone {
        Gone(self.over.borrow().clone().unwrap_or_else(|| "it ended".into()))
    }

    /// Asks the agent for something.
    pub(crate) async fn request(&self, request: Request) -> Result<Reply, Gone> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (asked, answered) = oneshot::channel();
        {
            let mut waiting = self.lock();
            if waiting.is_over {
                drop(waiting);
                return Err(self.gone());
            }
            waiting.requests.insert(id, asked);
        }
        // Whoever does not wait any more leaves nothing behind.
        let _forget = OnDrop(|| {
            self.lock().requests.remove(&id);
        });
        self.outbox.send(&Frame::Request { id, request });
        answered.await.map_err(|_| self.gone())
    }

    /// Opens a pipe. What goes with the open is dropped once the service's pipe is closed again.
    pub(crate) async fn open(
        self: &Arc<Self>,
        pipe: &str,
        timeout: Duration,
        with: impl Send + 'static,
    ) -> Result<PipeConnection, OpenError> {
        let (id, stream, answered) = self.begin_open(pipe, timeout)?;
        let unwanted = OnDrop(|| {
            self.lock().opens.remove(&id);
            self.streams.remove(id);
            self.outbox.send(&Frame::Close { stream: id });
        });
        let (mode, descriptor) = match answered.await {
            Ok(Ok(opened)) => opened,
            Ok(Err(failure)) => {
                std::mem::forget(unwanted);
                self.streams.remove(id);
                return Err(OpenError::Failed(failure));
            }
            Err(_) => return Err(self.gone().into()),
        };
        let (client, ours) = PipeConnection::pair(mode);
        let client = if descriptor.is_empty() {
            client
        } else {
            let descriptor = SecurityDescriptor::from_bytes(&descriptor).map_err(|error| {
                let text = format!("the pipe's security descriptor cannot be read: {error}");
                OpenError::Failed(Failure { kind: FailureKind::NotPermitted, code: 0, text })
            })?;
            client.with_descriptor(Arc::new(descriptor))
        };
        std::mem::forget(unwanted);
        let this = Arc::clone(self);
        tokio::spawn(async move {
            for_client(&stream, ours).await;
            this.streams.remove(id);
            drop(with);
        });
        Ok(client)
    }

    fn begin_open(
        &self,
        pipe: &str,
        timeout: Duration,
    ) -> Result<(u32, Arc<Stream>, oneshot::Receiver<Opened>), Gone> {
        let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        let (asked, answered) = oneshot::channel();
        loop {
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(stream) = self.streams.add(id) else { continue };
            {
                let mut waiting = self.lock();
                if waiting.is_over {
                    drop(waiting);
                    self.streams.remove(id);
                    return Err(self.gone());
                }
                waiting.opens.insert(id, asked);
            }
            self.outbox.send(&Frame::Open { stream: id, pipe: pipe.to_owned(), timeout });
            return Ok((id, stream, answered));
        }
    }

    /// Says good-bye: the agent stops what it has started, and ends.
    pub(crate) fn close(&self) {
        self.outbox.close();
    }

    /// Waits until the channel is over, and says why.
    pub(crate) async fn over(&self) -> Arc<str> {
        let mut over = self.over.subscribe();
        let reason = over.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or_else(|| "it ended".into())
    }
}

/// Does something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
