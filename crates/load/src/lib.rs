#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

mod histogram;
mod message;
mod pipes;
mod process;
mod report;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use standpipe_system::error::with_causes;
use standpipe_transport::deadline::sleep_until;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};

pub use histogram::Histogram;
pub use message::{Expect, Message};
pub use pipes::{Kind, PipeCaller, PipeLoad};
pub use process::{ServerProcess, Usage};
pub use report::{Latency, Report, ServerUse};

/// Connections that one thread makes at a time.
const CONNECTING: usize = 16;
/// How long calls that are under way at the end may still take.
const LAST_CALLS: Duration = Duration::from_secs(10);
/// How long a caller pauses after an error, so that a server that refuses everything is not flooded.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);

/// What is called, and how.
pub trait Workload: Clone + Send + 'static {
    /// One after another, what calls.
    type Caller: Caller;
    /// Why a connection cannot be made.
    type Error: std::error::Error + Send + 'static;

    /// Makes one connection and gives its callers.
    fn connect(&self, connection: usize) -> impl Future<Output = Result<Vec<Self::Caller>, Self::Error>>;
}

/// Makes one call after another.
pub trait Caller: 'static {
    /// Makes a call. After a failure, the next one makes whatever it needs anew.
    fn call(&mut self) -> impl Future<Output = Result<(), CallError>>;
}

/// Why a call does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The reply is not that to the request.
    #[error("a reply does not answer its request")]
    WrongReply,
    /// There was no reply.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// How much load, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// How many connections; at least one.
    pub connections: usize,
    /// Threads that they are divided among; at least one.
    pub threads: usize,
    /// How long callers call before it counts.
    pub warm_up: Duration,
    /// How long it counts.
    pub duration: Duration,
    /// Whether callers do nothing for all of [`Self::duration`] and then make one call each, as a proof that
    /// they were there.
    pub idle: bool,
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing is connected yet.
    Before,
    /// Everything is connected, and warm.
    Start,
    /// From here on nothing counts any more; everything is still connected.
    End,
}

/// What came of a load.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Calls with the right reply.
    pub calls: u64,
    /// Calls with the wrong reply, also while it did not count.
    pub wrong: u64,
    /// Calls without a reply, also while it did not count; those that never ended are among them.
    pub errors: u64,
    /// What the first error said.
    pub first_error: Option<String>,
    /// How long it counted.
    pub elapsed: Duration,
    /// How long each of [`Self::calls`] took.
    pub latencies: Histogram,
}

/// Why there was no load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError<E: std::error::Error + 'static> {
    /// A connection could not be made.
    #[error("could not make connection {number} of {all}")]
    Connect {
        /// Which one, from 1.
        number: usize,
        /// Of how many.
        all: usize,
        /// Why.
        source: E,
    },
    /// There are no threads to call from.
    #[error("could not start threads")]
    Threads(#[source] io::Error),
}

/// Connects, loads as `plan` says, and counts. `at` is called at each [`Moment`] in between, such as to look
/// at what the server has used.
pub fn run<W: Workload>(
    workload: &W,
    plan: &Plan,
    mut at: impl FnMut(Moment),
) -> Result<Outcome, LoadError<W::Error>> {
    let shared = Shared { phase: Arc::new(AtomicU8::new(CONNECT)), begun: watch::channel(false).0 };
    let (reports, received) = mpsc::channel();
    let count = plan.threads.clamp(1, plan.connections.max(1));
    at(Moment::Before);
    let mut threads = Vec::new();
    for number in 0..count {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(LoadError::Threads)?;
        let share = Share { workload: workload.clone(), plan: plan.clone(), number, of: count };
        let (phase, begun, reports) = (Arc::clone(&shared.phase), shared.begun.subscribe(), reports.clone());
        let body = move || share.run(&runtime, &phase, begun, &reports);
        threads.push(thread::Builder::new().name("load".to_owned()).spawn(body).map_err(LoadError::Threads)?);
    }
    drop(reports);

    let mut failure = None;
    let mut connected = 0;
    while connected < count {
        match received.recv() {
            Ok(Said::Connected) => connected += 1,
            Ok(Said::Failed(error)) => {
                failure = Some(error);
                break;
            }
            Ok(Said::Ended(_)) | Err(mpsc::RecvError) => break,
        }
    }
    let mut outcome = Outcome::default();
    if failure.is_none() && connected == count {
        shared.enter(if plan.idle { COUNT } else { WARM_UP });
        thread::sleep(plan.warm_up);
        at(Moment::Start);
        let start = Instant::now();
        shared.enter(COUNT);
        thread::sleep(plan.duration);
        shared.enter(COOL_DOWN);
        outcome.elapsed = start.elapsed();
        at(Moment::End);
    }
    shared.enter(END);
    for report in received {
        if let Said::Ended(tally) = report {
            tally.add_to(&mut outcome);
        }
    }
    for thread in threads {
        if thread.join().is_err() {
            outcome.errors += 1;
        }
    }
    match failure {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

/// The phases, as [`Shared::phase`] holds them.
const CONNECT: u8 = 0;
const WARM_UP: u8 = 1;
const COUNT: u8 = 2;
/// Nothing counts any more, but everything is still there to be looked at.
const COOL_DOWN: u8 = 3;
const END: u8 = 4;

/// How the threads are told how far the load is.
struct Shared {
    phase: Arc<AtomicU8>,
    /// For those who wait; who calls looks at the phase after each call.
    begun: watch::Sender<bool>,
}

impl Shared {
    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.begun.send_replace(true);
    }
}

/// What a thread says.
enum Said<E: std::error::Error + 'static> {
    Connected,
    Failed(LoadError<E>),
    Ended(Tally),
}

/// What was counted.
#[derive(Default)]
struct Tally {
    wrong: u64,
    errors: u64,
    first_error: Option<String>,
    latencies: Histogram,
}

impl Tally {
    fn add_to(self, outcome: &mut Outcome) {
        outcome.calls += self.latencies.count();
        outcome.wrong += self.wrong;
        outcome.errors += self.errors;
        outcome.latencies.merge(&self.latencies);
        if outcome.first_error.is_none() {
            outcome.first_error = self.first_error;
        }
    }

    fn failed(&mut self, error: &CallError) {
        match error {
            CallError::WrongReply => self.wrong += 1,
            CallError::Failed(_) => self.errors += 1,
        }
        self.first_error.get_or_insert_with(|| with_causes(error).to_string());
    }
}

/// One thread's part.
struct Share<W> {
    workload: W,
    plan: Plan,
    number: usize,
    of: usize,
}

impl<W: Workload> Share<W> {
    fn run(
        self,
        runtime: &Runtime,
        phase: &Arc<AtomicU8>,
        mut begun: watch::Receiver<bool>,
        reports: &mpsc::Sender<Said<W::Error>>,
    ) {
        // Nobody listens any more only when the load was given up.
        let report = |report| {
            let _ = reports.send(report);
        };
        LocalSet::new().block_on(runtime, async move {
            let callers = match self.connect().await {
                Ok(callers) => callers,
                Err(error) => return report(Said::Failed(error)),
            };
            report(Said::Connected);
            // Ends also when the other end is gone.
            let _ = begun.wait_for(|begun| *begun).await;
            let mut calling = JoinSet::new();
            for caller in callers {
                calling.spawn_local(call(caller, Arc::clone(phase), begun.clone(), self.plan.idle));
            }
            let mut all = Tally::default();
            let mut outcome = Outcome::default();
            let mut deadline = None;
            loop {
                let ended = tokio::select! {
                    ended = calling.join_next() => ended,
                    _ = begun.changed(), if deadline.is_none() => {
                        if phase.load(Ordering::Relaxed) == END {
                            deadline = Some(tokio::time::Instant::now() + LAST_CALLS);
                        }
                        continue;
                    }
                    () = sleep_until(deadline) => {
                        all.errors += calling.len() as u64;
                        break;
                    }
                };
                match ended {
                    Some(Ok(tally)) => tally.add_to(&mut outcome),
                    Some(Err(_)) => all.errors += 1,
                    None => break,
                }
            }
            all.errors += outcome.errors;
            all.wrong += outcome.wrong;
            all.latencies = outcome.latencies;
            all.first_error = outcome.first_error;
            report(Said::Ended(all));
        });
    }

    async fn connect(&self) -> Result<Vec<W::Caller>, LoadError<W::Error>> {
        let all = self.plan.connections;
        let connections = (self.number..all).step_by(self.of);
        let made = stream::iter(connections.map(|number| async move {
            self.workload.connect(number).await.map_err(|source| LoadError::Connect {
                number: number + 1,
                all,
                source,
            })
        }));
        let mut made = std::pin::pin!(made.buffer_unordered(CONNECTING));
        let mut callers = Vec::new();
        while let Some(connection) = made.next().await {
            callers.extend(connection?);
        }
        Ok(callers)
    }
}

/// One caller, until the end.
async fn call<C: Caller>(
    mut caller: C,
    phase: Arc<AtomicU8>,
    mut begun: watch::Receiver<bool>,
    idle: bool,
) -> Tally {
    let mut tally = Tally::default();
    while idle && phase.load(Ordering::Relaxed) != END && begun.changed().await.is_ok() {}
    loop {
        let start = Instant::now();
        let result = caller.call().await;
        let now = phase.load(Ordering::Relaxed);
        match result {
            Ok(()) if now == COUNT || idle => tally.latencies.record(start.elapsed()),
            Ok(()) => {}
            Err(error) => {
                tally.failed(&error);
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
        if now == END {
            return tally;
        }
    }
}

#[cfg(test)]
mod tests;
