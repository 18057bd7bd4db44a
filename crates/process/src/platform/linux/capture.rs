//! Reads what processes write, without ever making them wait for the log.

use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};

use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};
use tracing::{Dispatch, Span, info, warn};

use super::lines::Lines;
use crate::tail::Tail;

/// How many lines may wait to be logged, those of all processes together.
const WAITING_LINES: usize = 1024;

/// The largest capacity a pipe gets by default limits (`/proc/sys/fs/pipe-max-size`): what a process that has
/// ended can have left in it.
const MAX_PIPE: usize = 1024 * 1024;

enum Message {
    Line {
        to: Arc<Source>,
        text: String,
    },
    /// Everything before it is logged once this is answered.
    Barrier(oneshot::Sender<()>),
}

/// One stream of one process.
struct Source {
    name: String,
    stream: &'static str,
    span: Span,
    dispatch: Dispatch,
    /// Lines that could not wait.
    dropped: AtomicU64,
}

/// The readers of one process's output.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// Turns true when the process has ended.
    ended: watch::Sender<bool>,
    /// Answered by each reader once it has read what was written until then.
    drained: Vec<oneshot::Receiver<()>>,
}

impl Capture {
    /// A stream to hand to a process, read into `tail` and the log under `name`.
    pub(super) fn open(&mut self, stream: &'static str, name: &str, tail: &Tail) -> io::Result<Stdio> {
        let (sender, receiver) = pipe::pipe()?;
        let (done, is_done) = oneshot::channel();
        self.drained.push(is_done);
        let source = Source {
            name: name.to_owned(),
            stream,
            span: Span::current(),
            dispatch: tracing::dispatcher::get_default(Clone::clone),
            dropped: AtomicU64::new(0),
        };
        tokio::spawn(read(receiver, Arc::new(source), tail.clone(), self.ended.subscribe(), done));
        Ok(sender.into_blocking_fd()?.into())
    }

    /// To call when the process has ended: waits until what it wrote is read and logged. Descendants that
    /// hold the streams open go on being read.
    pub(super) async fn drain(&mut self) {
        self.ended.send_replace(true);
        while let Some(reader) = self.drained.last_mut() {
            // A reader that is gone has read to the end.
            let _ = reader.await;
            self.drained.pop();
        }
        let (answer, answered) = oneshot::channel();
        // With the queue full, the log is not keeping up anyway.
        if log_queue().is_some_and(|queue| queue.try_send(Message::Barrier(answer)).is_ok()) {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), answered).await;
        }
    }
}

async fn read(
    receiver: pipe::Receiver,
    source: Arc<Source>,
    tail: Tail,
    mut ended: watch::Receiver<bool>,
    done: oneshot::Sender<()>,
) {
    let mut lines = Lines::default();
    let mut buffer = vec![0; 16 * 1024];
    let mut take = |line: &str| {
        tail.push(line);
        log(&source, line);
    };
    let mut done = Some(done);
    loop {
        tokio::select! {
            ready = receiver.readable() => {
                if ready.is_err() {
                    break;
                }
                match receiver.try_read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => lines.feed(&buffer[..count], &mut take),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
            Ok(_) = ended.wait_for(|ended| *ended), if done.is_some() => {
                let mut left = MAX_PIPE;
                // Read past what the runtime knows: it may not have been told yet of the last bytes.
                while let Ok(count @ 1..) = rustix::io::read(&receiver, &mut buffer[..]) {
                    lines.feed(&buffer[..count], &mut take);
                    left = left.saturating_sub(count);
                    if left == 0 {
                        break;
                    }
                }
                if !lines.is_empty() {
                    lines.finish(&mut take);
                }
                done.take().map(|done| done.send(()));
            }
        }
    }
    if !lines.is_empty() {
        lines.finish(&mut take);
    }
}

fn log(to: &Arc<Source>, text: &str) {
    let Some(queue) = log_queue() else { return };
    let message = Message::Line { to: Arc::clone(to), text: text.to_owned() };
    if let Err(TrySendError::Full(_)) = queue.try_send(message) {
        to.dropped.fetch_add(1, Ordering::Relaxed);
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

impl Source {
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
