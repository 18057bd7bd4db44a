//! The shell around the watcher: carries out its actions, tells it what happens, and reports.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use standpipe_system::error::with_causes;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::manager::Manager;
use crate::probe::{BoxFuture, NotReady};
use crate::state::{State, Status};
use crate::watcher::{Action, FailureCounts, Input, Phase, Policy, Verdict, Watcher};

/// How a supervised service is doing, for the parts that show or serve it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the watcher is about.
    pub phase: Phase,
    /// The service as it was last seen; `Stopped` before the first look.
    pub state: State,
    /// Whether it runs and answered when it was last asked.
    pub ready: bool,
    /// Its process, while it has one.
    pub pid: Option<u32>,
    /// How often a start was asked for; restarts are one less.
    pub starts: u32,
    /// How many failures there were since the last stable run.
    pub failures: u32,
    /// How often it failed in all, by kind.
    pub failure_counts: FailureCounts,
    /// How long it rests before its next start; zero unless it rests.
    pub rest: Duration,
    /// The last failure in words, while it is remembered.
    pub last_failure: Option<String>,
}

impl Report {
    /// Before anything is known.
    pub fn initial() -> Self {
        Self {
            phase: Phase::Looking,
            state: State::Stopped,
            ready: false,
            pid: None,
            starts: 0,
            failures: 0,
            failure_counts: FailureCounts::default(),
            rest: Duration::ZERO,
            last_failure: None,
        }
    }

    fn of(watcher: &Watcher) -> Self {
        let seen = watcher.last_seen();
        Self {
            phase: watcher.phase(),
            state: seen.map_or(State::Stopped, |status| status.state),
            ready: watcher.is_ready(),
            pid: seen.and_then(|status| status.pid),
            starts: watcher.starts(),
            failures: u32::try_from(watcher.failures().len()).unwrap_or(u32::MAX),
            failure_counts: watcher.failure_counts(),
            rest: watcher.rest(),
            last_failure: watcher.failures().last().map(|failure| failure.kind.to_string()),
        }
    }
}

/// What a look at the service brought.
type Look = (Status, Option<Result<(), NotReady>>);

/// What the supervisor asked of the manager and has no answer to yet. It waits for none of it: whoever wants
/// the service stopped does not either.
struct UnderWay<'a> {
    manager: &'a dyn Manager,
    /// One look at a time: the one under way answers the next one too.
    look: Option<BoxFuture<'a, Look>>,
    /// A start. The manager may take its time for it, as the service control manager does.
    start: Option<BoxFuture<'a, Input>>,
    /// A stop or a kill.
    end: Option<BoxFuture<'a, Status>>,
    kills: bool,
}

/// What the supervisor learned.
enum Learned {
    StopWanted,
    Started(Input),
    Ended(Status),
    Changed(Status),
    Looked(Look),
    TimeOver,
}

/// Starts a service and keeps it running, until `stop` ends or the watcher gives up.
///
/// `name` is the service's in log lines. Every change goes to `reports`. `seed` fixes the jitter of the
/// waits. When the returned future is dropped, the service is left to its manager.
///
/// A stop does not wait for a start that is under way. The service is stopped once it is seen stopped and
/// that start is over, or once it was killed.
pub async fn supervise(
    name: &str,
    manager: &dyn Manager,
    policy: Policy,
    seed: u64,
    stop: impl Future<Output = ()>,
    reports: &watch::Sender<Report>,
) -> Verdict {
    let began = Instant::now();
    let mut changes = manager.changes();
    let mut watcher = Watcher::new(Duration::ZERO, policy, seed);
    let mut stop = pin!(stop);
    let mut stop_asked = false;
    let mut under_way = UnderWay { manager, look: None, start: None, end: None, kills: false };
    loop {
        while let Some(action) = watcher.poll_action() {
            if action == Action::Start {
                changes.mark_unchanged();
            }
            under_way.begin(name, action);
            // Whoever reads the reports sees that it was asked for.
            publish(&watcher, reports);
        }
        if let Some(verdict) = watcher.verdict() {
            return verdict;
        }
        // While a start is under way, what is seen is not yet its outcome.
        let is_starting = under_way.start.is_some();
        let timeout = watcher.next_timeout().and_then(|at| began.checked_add(at));
        let learned = tokio::select! {
            biased;
            () = &mut stop, if !stop_asked => Learned::StopWanted,
            outcome = answer(&mut under_way.start) => Learned::Started(outcome),
            status = answer(&mut under_way.end) => Learned::Ended(status),
            Ok(()) = changes.changed(), if !is_starting => Learned::Changed(changes.borrow_and_update().clone()),
            look = answer(&mut under_way.look), if !is_starting => Learned::Looked(look),
            () = sleep_until(timeout), if !is_starting || stop_asked => Learned::TimeOver,
        };
        let (input, probed) = match learned {
            Learned::StopWanted => {
                stop_asked = true;
                (Some(Input::StopRequested), None)
            }
            Learned::Started(outcome) => (under_way.started(outcome, stop_asked), None),
            Learned::Ended(status) => (under_way.ended(status), None),
            Learned::Changed(status) => (Some(Input::Observed(status)), None),
            Learned::Looked((status, probed)) => {
                under_way.look = None;
                (Some(Input::Observed(status)), probed)
            }
            Learned::TimeOver => (Some(Input::Tick), None),
        };
        let now = began.elapsed();
        let probed = probed.map(|answer| Input::Probed(answer.map_err(|missed| missed.reason)));
        for input in input.into_iter().chain(probed) {
            tell(name, &mut watcher, now, input, reports);
        }
    }
}

impl UnderWay<'_> {
    /// Asks the manager for what the watcher wants.
    fn begin(&mut self, name: &str, action: Action) {
        let manager = self.manager;
        match action {
            Action::Check => {
                self.look.get_or_insert_with(|| Box::pin(look_at(manager)));
            }
            Action::Start => {
                info!(service = name, "starting the service");
                // What was seen before the start must not be taken for its outcome.
                (self.look, self.end) = (None, None);
                self.start = Some(Box::pin(start(manager)));
            }
            Action::Stop => {
                info!(service = name, "stopping the service");
                self.stop();
            }
            Action::Kill => {
                warn!(service = name, "the service did not stop in time: killing it");
                self.kills = true;
                self.end = Some(Box::pin(async move {
                    manager.kill().await;
                    manager.query().await
                }));
            }
        }
    }

    fn stop(&mut self) {
        let manager = self.manager;
        self.kills = false;
        self.end = Some(Box::pin(async move {
            manager.stop().await;
            manager.query().await
        }));
    }

    /// A start is over. One that was overtaken by a stop may have started the service after it.
    fn started(&mut self, outcome: Input, stop_asked: bool) -> Option<Input> {
        self.start = None;
        if !stop_asked {
            return Some(outcome);
        }
        if !self.kills {
            self.stop();
        }
        None
    }

    /// A stop or a kill was taken.
    fn ended(&mut self, status: Status) -> Option<Input> {
        self.end = None;
        if std::mem::take(&mut self.kills) {
            // Whatever a start that is still under way waits for, there is nothing left of it.
            self.start = None;
        }
        // A start may still come to something, although nothing of it is seen yet.
        self.start.is_none().then_some(Input::Observed(status))
    }
}

async fn start(manager: &dyn Manager) -> Input {
    match manager.start().await {
        Ok(()) => Input::Observed(manager.query().await),
        Err(refused) => {
            Input::StartRefused { refusal: refused.refusal(), reason: with_causes(&refused).to_string() }
        }
    }
}

async fn look_at(manager: &dyn Manager) -> Look {
    let status = manager.query().await;
    if status.state != State::Running {
        return (status, None);
    }
    let answer = manager.probe().await;
    // The probe may take its time, and what was seen before it may be out of date.
    (manager.query().await, Some(answer))
}

/// What comes of something that may not be under way.
async fn answer<T>(under_way: &mut Option<BoxFuture<'_, T>>) -> T {
    match under_way {
        Some(under_way) => under_way.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Hands the watcher an input, logs what came of it, and publishes it.
fn tell(name: &str, watcher: &mut Watcher, now: Duration, input: Input, reports: &watch::Sender<Report>) {
    let before = (watcher.phase(), watcher.failures().len());
    watcher.handle(now, input);
    if watcher.failures().len() > before.1
        && let Some(failure) = watcher.failures().last()
    {
        warn!(service = name, failures = watcher.failures().len(), "the service {}", failure.kind);
    }
    match watcher.phase() {
        same if same == before.0 => {}
        Phase::Running => info!(service = name, "the service is running"),
        Phase::GaveUp => error!(service = name, "the service cannot be kept running"),
        Phase::Stopped => info!(service = name, "the service is stopped"),
        Phase::Looking | Phase::Starting | Phase::Clearing | Phase::Resting | Phase::Stopping => {}
    }
    publish(watcher, reports);
}

fn publish(watcher: &Watcher, reports: &watch::Sender<Report>) {
    let report = Report::of(watcher);
    reports.send_if_modified(|current| {
        let changed = *current != report;
        *current = report;
        changed
    });
}

#[cfg(test)]
mod tests;
