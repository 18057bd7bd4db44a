//! The lines that processes write, on their way to the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Dispatch, Span, info, warn};

/// How many lines may wait to be logged, those of all processes together.
const WAITING_LINES: usize = 1024;

enum Message {
    Line {
        to: Arc<Source>,
        text: String,
    },
    /// Everything before it is logged once this is answered.
    Barrier(oneshot::Sender<()>),
}

/// One stream of one process.
pub(crate) struct Source {
    name: String,
    stream: &'static str,
    span: Span,
    dispatch: Dispatch,
    /// Lines that could not wait.
    dropped: AtomicU64,
}

impl Source {
    /// The stream of the process `name`, logged as this task logs.
    pub(crate) fn new(stream: &'static str, name: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            stream,
            span: Span::current(),
            dispatch: tracing::dispatcher::get_default(Clone::clone),
            dropped: AtomicU64::new(0),
        })
    }

    /// Logs a line soon, or counts it as dropped when too many wait.
    pub(crate) fn log(self: &Arc<Self>, text: &str) {
        let Some(queue) = log_queue() else { return };
        let message = Message::Line { to: Arc::clone(self), text: text.to_owned() };
        if let Err(TrySendError::Full(_)) = queue.try_send(message) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, text: &str) {
        tracing::dispatcher::with_default(&self.dispatch, || {
            self.span.in_scope(|| {
                let dropped = self.dropped.swap(0, Ordering::Relaxed);
                if dropped > 0 {
                    warn!(process = self.name, stream = self.stream, "{dropped} lines were dropped");
                }
                info!(target: "standpipe::output", process = self.name, stream = self.stream, "{text}");
            });
        });
    }
}

/// Waits until everything is logged that was handed over before.
pub(crate) async fn logged() {
    let (answer, answered) = oneshot::channel();
    // With the queue full, the log is not keeping up anyway.
    if log_queue().is_some_and(|queue| queue.try_send(Message::Barrier(answer)).is_ok()) {
        let _ = tokio::time::timeout(Duration::from_secs(1), answered).await;
    }
}

/// The way to the thread that writes the lines to the log, whose destination may block. `None` when there can
/// be no such thread: then only the tail of the output is kept.
fn log_queue() -> Option<&'static SyncSender<Message>> {
    static QUEUE: OnceLock<Option<SyncSender<Message>>> = OnceLock::new();
    QUEUE
        .get_or_init(|| {
            let (queue, messages) = sync_channel(WAITING_LINES);
            let write = move || {
                for message in messages {
                    match message {
                        Message::Line { to, text } => to.write(&text),
                        Message::Barrier(answer) => drop(answer.send(())),
                    }
                }
            };
            std::thread::Builder::new().name("standpipe-output".into()).spawn(write).ok().map(|_| queue)
        })
        .as_ref()
}
