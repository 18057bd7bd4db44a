//! The queue of log lines: what logs never waits for the reader of the log.
//!
//! One thread writes to the standard streams. When nobody reads them (a stuck collector, Ctrl-S on a
//! terminal), only that thread stands still: lines wait, up to a limit, and beyond it they are dropped and
//! counted. A thread that belongs to no async runtime, such as the one that passes on the lines of services,
//! may be held back for as long as the reader is merely slow, so that nothing is lost to a burst.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::view::Shown;

/// How many bytes of log lines may wait.
const LIMIT: usize = 1024 * 1024;

/// What a waiting line costs beside its bytes.
const OVERHEAD: usize = 64;

/// How much is written at once.
const BATCH: usize = 64 * 1024;

/// A reader that has taken nothing for so long does not count as slow, but as stuck.
const PATIENCE: Duration = Duration::from_secs(1);

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The way to the standard streams. Clones share it.
#[derive(Clone)]
pub(crate) struct LogQueue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    work: Condvar,
    /// Something was written.
    progress: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Stream, Vec<u8>)>,
    /// Of the lines that wait or are being written.
    bytes: usize,
    /// What the live view is to show next, in lines that fit into the terminal, and how wide that is.
    view: Option<(Vec<String>, usize)>,
    is_writing: bool,
    /// How many writes have ended.
    writes: u64,
    /// Whether the write under way has taken longer than [`PATIENCE`].
    is_stuck: bool,
    /// Lines that were dropped since the last report of it.
    dropped: u64,
}

impl State {
    fn takes(&self, cost: usize) -> bool {
        // A line that is larger than the limit may go alone.
        self.dropped == 0 && (self.bytes + cost <= LIMIT || self.waiting.is_empty() && !self.is_writing)
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.view.is_none() && !self.is_writing
    }
}

impl LogQueue {
    /// The queue of this process, to its own standard streams.
    ///
    /// # Errors
    ///
    /// There can be no thread more.
    pub(crate) fn of_process() -> io::Result<Self> {
        static QUEUE: OnceLock<LogQueue> = OnceLock::new();
        if let Some(queue) = QUEUE.get() {
            return Ok(queue.clone());
        }
        let queue = Self::start(io::stdout(), io::stderr())?;
        Ok(QUEUE.get_or_init(|| queue).clone())
    }

    /// A queue to these streams.
    fn start(out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> io::Result<Self> {
        let queue = Self(Arc::new(Shared {
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
        }));
        let shared = Arc::clone(&queue.0);
        let write = move || write_for_ever(&shared, out, err);
        std::thread::Builder::new().name("standpipe-log".into()).spawn(write)?;
        Ok(queue)
    }

    /// Has a line written soon, or drops and counts it.
    pub(crate) fn push(&self, stream: Stream, line: Vec<u8>) {
        let cost = line.len() + OVERHEAD;
        let mut state = self.0.lock();
        if !state.takes(cost) && tokio::runtime::Handle::try_current().is_err() {
            state = self.0.wait_while(state, PATIENCE, |state| !state.takes(cost) && !state.is_stuck);
        }
        if state.takes(cost) {
            state.bytes += cost;
            state.waiting.push_back((stream, line));
            self.0.work.notify_one();
        } else {
            state.dropped += 1;
        }
    }

    /// Has these lines shown at the bottom of the terminal, which has `width` columns, instead of those
    /// before.
    pub(super) fn show(&self, lines: Vec<String>, width: usize) {
        self.0.lock().view = Some((lines, width));
        self.0.work.notify_one();
    }

    /// Waits until everything is written, or until nothing was for `patience`; without one, for ever.
    pub(crate) fn flush(&self, patience: Option<Duration>) {
        let state = self.0.lock();
        let patience = patience.unwrap_or(Duration::MAX);
        drop(self.0.wait_while(state, patience, |state| !state.is_idle()));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while `condition` holds, and until nothing was written for `patience`: then the reader is stuck.
    fn wait_while<'s>(
        &self,
        mut state: MutexGuard<'s, State>,
        patience: Duration,
        condition: impl Fn(&State) -> bool,
    ) -> MutexGuard<'s, State> {
        let (mut since, mut writes) = (Instant::now(), state.writes);
        while condition(&state) {
            let left = patience.saturating_sub(since.elapsed());
            if left.is_zero() {
                state.is_stuck = true;
                break;
            }
            state = self.progress.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            if state.writes != writes {
                (since, writes) = (Instant::now(), state.writes);
            }
        }
        state
    }
}

/// The thread that writes.
fn write_for_ever(shared: &Shared, mut out: impl Write, mut err: impl Write) {
    let mut shown = Shown::default();
    loop {
        let (stream, bytes, cost, view) = {
            let mut state = shared.lock();
            while state.waiting.is_empty() && state.view.is_none() {
                state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.is_writing = true;
            let (stream, bytes, cost) = next_batch(&mut state.waiting);
            (stream, bytes, cost, state.view.take())
        };
        // There is nowhere to say that a stream is gone.
        let _ = match stream {
            Stream::Out => patiently(&mut out, &bytes),
            Stream::Err => patiently(&mut err, &shown.scroll(&bytes, terminal_width)),
        };
        if let Some((lines, width)) = view {
            let _ = patiently(&mut err, &shown.show(lines, width));
        }
        let mut state = shared.lock();
        state.bytes -= cost;
        state.is_writing = false;
        state.is_stuck = false;
        state.writes += 1;
        let dropped = if state.bytes <= LIMIT / 2 { std::mem::take(&mut state.dropped) } else { 0 };
        drop(state);
        shared.progress.notify_all();
        if dropped > 0 {
            tracing::warn!(dropped, "log lines were dropped, as nobody took them");
        }
    }
}

/// How many columns the terminal at stderr has now.
fn terminal_width() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(usize::MAX, |(width, _)| usize::from(width.0))
}

/// Takes lines for the same stream off the queue: their bytes, and what they cost in it.
fn next_batch(waiting: &mut VecDeque<(Stream, Vec<u8>)>) -> (Stream, Vec<u8>, usize) {
    let stream = waiting.front().map_or(Stream::Err, |(stream, _)| *stream);
    let (mut bytes, mut cost) = (Vec::new(), 0);
    while bytes.len() < BATCH
        && let Some((_, line)) = waiting.pop_front_if(|(next, _)| *next == stream)
    {
        cost += line.len() + OVERHEAD;
        bytes.extend_from_slice(&line);
    }
    (stream, bytes, cost)
}

/// Writes everything, also to a stream that another process has made one that does not block.
fn patiently(to: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    }
    to.flush()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// A stream whose reader takes a write each time it is told to.
    struct Reader {
        turns: mpsc::Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without the one who gives the turns, everything is taken.
            let _ = self.turns.recv();
            self.taken.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A queue, what gives its reader turns, and what the reader has taken.
    fn queue() -> (LogQueue, mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (turn, turns) = mpsc::channel();
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let queue = LogQueue::start(io::sink(), Reader { turns, taken: Arc::clone(&taken) }).unwrap();
        (queue, turn, taken)
    }

    fn line(number: usize) -> Vec<u8> {
        format!("{number:0>1023}\n").into_bytes()
    }

    #[tokio::test]
    async fn a_task_never_waits_for_a_reader_that_takes_nothing() {
        let (queue, turn, taken) = queue();
        for number in 0..4000 {
            queue.push(Stream::Err, line(number));
        }
        assert!(queue.0.lock().bytes <= LIMIT);
        let dropped = queue.0.lock().dropped;
        assert!(dropped > 2900, "{dropped}");
        drop(turn);
        queue.flush(None);
        let kept = taken.lock().unwrap().len() as u64 / 1024;
        assert_eq!(kept + dropped, 4000);
        queue.push(Stream::Err, b"again\n".to_vec());
        queue.flush(None);
        assert!(taken.lock().unwrap().ends_with(b"again\n"));
    }

    #[test]
    fn a_thread_of_its_own_is_held_back_by_a_slow_reader_and_loses_nothing() {
        let (queue, turn, taken) = queue();
        let pushing = queue.clone();
        let pushed = std::thread::spawn(move || (0..4000).for_each(|n| pushing.push(Stream::Err, line(n))));
        while !pushed.is_finished() {
            turn.send(()).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(turn);
        queue.flush(None);
        assert_eq!(*taken.lock().unwrap(), (0..4000).flat_map(line).collect::<Vec<u8>>());
    }

    #[test]
    fn a_stuck_reader_is_waited_for_once() {
        let (queue, _turn, _) = queue();
        let start = Instant::now();
        for number in 0..4000 {
            queue.push(Stream::Err, line(number));
        }
        queue.flush(Some(Duration::from_millis(10)));
        assert!(start.elapsed() < 10 * PATIENCE, "{:?}", start.elapsed());
        assert!(queue.0.lock().dropped > 2900);
    }
}
