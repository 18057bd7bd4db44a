//! The lines that processes write, on their way to the log.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tracing::{Dispatch, Span, info, warn};

/// How many bytes of lines may wait to be logged, those of all processes together.
const LIMIT: usize = 4 * 1024 * 1024;

/// Beyond so many, what writes them is held back: it is not read until fewer wait. What is left in the pipes
/// of processes that have ended, and so cannot be held back, fits in between this and the limit.
const SOFT_LIMIT: usize = 1024 * 1024;

/// What a waiting line costs beside its bytes.
const OVERHEAD: usize = 64;

/// A log that has taken nothing for so long does not count as slow, but as stuck: what it does not take is
/// dropped then, as a process must not wait for it for ever.
const PATIENCE: Duration = Duration::from_secs(1);

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
        if !queue.push(self, text) {
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

/// Waits until the log has room for what is read next, unless it is stuck.
#[cfg(target_os = "linux")]
pub(crate) async fn room() {
    if let Some(queue) = log_queue() {
        queue.room().await;
    }
}

/// The same for a thread of its own, which has to go on soon to notice the end of its process.
#[cfg(windows)]
pub(crate) fn hold_back() {
    let Some(queue) = log_queue() else { return };
    let start = std::time::Instant::now();
    while queue.is_full() && start.elapsed() < Duration::from_millis(50) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until everything is logged that was handed over before, or until the log is stuck.
pub(crate) async fn logged() {
    let Some(queue) = log_queue() else { return };
    let (answer, mut answered) = oneshot::channel();
    if queue.messages.send(Message::Barrier(answer)).is_err() {
        return;
    }
    let mut logged = queue.logged.load(Ordering::Relaxed);
    while tokio::time::timeout(PATIENCE, &mut answered).await.is_err() {
        let now = queue.logged.load(Ordering::Relaxed);
        if now == logged {
            return;
        }
        logged = now;
    }
}

/// The way to the thread that writes the lines to the log, whose destination may block.
struct Queue {
    messages: Sender<Message>,
    /// How many bytes wait, with what they cost.
    waiting: AtomicUsize,
    /// How many lines were logged so far.
    logged: AtomicU64,
    #[cfg(target_os = "linux")]
    /// How many were when the log was found to be stuck; it is while it stays at that.
    stuck_at: AtomicU64,
    /// Fewer than [`SOFT_LIMIT`] wait again.
    has_room: Notify,
}

impl Queue {
    /// Hands a line over, unless too many wait.
    fn push(&self, to: &Arc<Source>, text: &str) -> bool {
        let cost = text.len() + OVERHEAD;
        if self.waiting.fetch_add(cost, Ordering::Relaxed) + cost > LIMIT {
            self.waiting.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        self.messages.send(Message::Line { to: Arc::clone(to), text: text.to_owned() }).is_ok()
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > SOFT_LIMIT
    }

    #[cfg(target_os = "linux")]
    async fn room(&self) {
        while self.is_full() {
            let logged = self.logged.load(Ordering::Relaxed);
            if self.stuck_at.load(Ordering::Relaxed) == logged {
                return;
            }
            let has_room = self.has_room.notified();
            tokio::pin!(has_room);
            has_room.as_mut().enable();
            if !self.is_full() {
                return;
            }
            let waited = tokio::time::timeout(PATIENCE, has_room).await;
            if waited.is_err() && self.logged.load(Ordering::Relaxed) == logged {
                self.stuck_at.store(logged, Ordering::Relaxed);
            }
        }
    }

    /// A line has left the queue and is in the log.
    fn took(&self, cost: usize) {
        let before = self.waiting.fetch_sub(cost, Ordering::Relaxed);
        self.logged.fetch_add(1, Ordering::Relaxed);
        if before > SOFT_LIMIT && before - cost <= SOFT_LIMIT {
            self.has_room.notify_waiters();
        }
    }
}

/// The queue, or `None` when there can be no thread for it: then only the tail of the output is kept.
fn log_queue() -> Option<&'static Queue> {
    static QUEUE: OnceLock<Option<Queue>> = OnceLock::new();
    QUEUE
        .get_or_init(|| {
            let (sender, messages) = channel();
            let write = move || {
                for message in messages {
                    match message {
                        Message::Line { to, text } => {
                            to.write(&text);
                            if let Some(Some(queue)) = QUEUE.get() {
                                queue.took(text.len() + OVERHEAD);
                            }
                        }
                        Message::Barrier(answer) => drop(answer.send(())),
                    }
                }
            };
            std::thread::Builder::new().name("standpipe-output".into()).spawn(write).ok()?;
            Some(Queue {
                messages: sender,
                waiting: AtomicUsize::new(0),
                logged: AtomicU64::new(0),
                #[cfg(target_os = "linux")]
                stuck_at: AtomicU64::new(u64::MAX),
                has_room: Notify::new(),
            })
        })
        .as_ref()
}
