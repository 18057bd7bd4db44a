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
use crate::watcher::{Action, Input, Phase, Policy, Verdict, Watcher};

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
    /// The last failure in words, while it is remembered.
    pub last_failure: Option<String>,
}

impl Report {
    /// Before anything is known.
    pub const fn initial() -> Self {
        Self {
            phase: Phase::Looking,
            state: State::Stopped,
            ready: false,
            pid: None,
            starts: 0,
            failures: 0,
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
            last_failure: watcher.failures().last().map(|failure| failure.kind.to_string()),
        }
    }
}

/// What a look at the service brought.
type Look = (Status, Option<Result<(), NotReady>>);

/// Starts a service and keeps it running, until `stop` ends or the watcher gives up.
///
/// `name` is the service's in log lines. Every change goes to `reports`. `seed` fixes the jitter of the
/// waits. When the returned future is dropped, the service is left to its manager.
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
    let mut look: Option<BoxFuture<'_, Look>> = None;
    loop {
        while let Some(action) = watcher.poll_action() {
            let outcome = match action {
                // One look at a time: the one under way answers this one too.
                Action::Check => {
                    look.get_or_insert_with(|| Box::pin(look_at(manager)));
                    continue;
                }
                Action::Start => {
                    // What a look saw before the start must not be taken for the start's outcome.
                    look = None;
                    changes.mark_unchanged();
                    info!(service = name, "starting the service");
                    match manager.start().await {
                        Ok(()) => Input::Observed(manager.query().await),
                        Err(refused) => Input::StartRefused {
                            refusal: refused.refusal(),
                            reason: with_causes(&refused).to_string(),
                        },
                    }
                }
                Action::Stop => {
                    info!(service = name, "stopping the service");
                    manager.stop().await;
                    Input::Observed(manager.query().await)
                }
                Action::Kill => {
                    warn!(service = name, "the service did not stop in time: killing it");
                    manager.kill().await;
                    Input::Observed(manager.query().await)
                }
            };
            tell(name, &mut watcher, began.elapsed(), outcome, reports);
        }
        if let Some(verdict) = watcher.verdict() {
            return verdict;
        }
        let timeout = watcher.next_timeout().and_then(|at| began.checked_add(at));
        let inputs = tokio::select! {
            biased;
            () = &mut stop, if !stop_asked => {
                stop_asked = true;
                (Input::StopRequested, None)
            }
            Ok(()) = changes.changed() => (Input::Observed(changes.borrow_and_update().clone()), None),
            (status, probed) = pending_look(&mut look) => {
                look = None;
                let probed = probed.map(|answer| Input::Probed(answer.map_err(|missed| missed.reason)));
                (Input::Observed(status), probed)
            }
            () = sleep_until(timeout) => (Input::Tick, None),
        };
        let now = began.elapsed();
        tell(name, &mut watcher, now, inputs.0, reports);
        if let Some(probed) = inputs.1 {
            tell(name, &mut watcher, now, probed, reports);
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

async fn pending_look(look: &mut Option<BoxFuture<'_, Look>>) -> Look {
    match look {
        Some(look) => look.await,
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
    let report = Report::of(watcher);
    reports.send_if_modified(|current| {
        let changed = *current != report;
        *current = report;
        changed
    });
}

#[cfg(test)]
mod tests;
