//! The manager that runs a service as a process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use standpipe_process::{Process, ProcessSpec, SpawnError, spawn};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::manager::{Manager, StartError, StartRefused};
use crate::probe::{BoxFuture, NotReady, Probe};
use crate::state::{State, Status};
use crate::watcher::Refusal;

/// The first wait between two probes of a starting service; it doubles up to [`SLOWEST_PROBE`].
const FIRST_PROBE: Duration = Duration::from_millis(10);
/// The longest wait between two probes of a starting service.
const SLOWEST_PROBE: Duration = Duration::from_millis(250);

/// Runs a service as a process of its own.
///
/// The service is `StartPending` from the moment its process exists, and `Running` from the moment its probe
/// succeeds. When the process ends, whatever it started is ended too, and then it is `Stopped`. The process
/// must stay: one that puts itself into the background counts as ended.
#[derive(Clone)]
pub struct ProcessManager {
    spec: Arc<ProcessSpec>,
    probe: Arc<dyn Probe>,
    status: watch::Sender<Status>,
    /// How far the current process is wanted to end; there is one while the status is not `Stopped`.
    ending: Arc<Mutex<watch::Sender<Ending>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ending {
    NotAsked,
    Asked,
    Forced,
}

impl ProcessManager {
    /// A manager for the service that `spec` runs and `probe` knows to be usable. It is stopped.
    pub fn new(spec: ProcessSpec, probe: impl Probe) -> Self {
        Self {
            spec: Arc::new(spec),
            probe: Arc::new(probe),
            status: watch::Sender::new(Status::of(State::Stopped)),
            ending: Arc::new(Mutex::new(watch::Sender::new(Ending::NotAsked))),
        }
    }

    async fn start_process(&self) -> Result<(), StartError> {
        let mut was_stopped = false;
        self.status.send_if_modified(|status| {
            was_stopped = status.state == State::Stopped;
            if was_stopped {
                *status = Status::of(State::StartPending);
            }
            was_stopped
        });
        if !was_stopped {
            return Err(StartError::NotStopped);
        }
        let ending = watch::Sender::new(Ending::NotAsked);
        let asked = ending.subscribe();
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = ending;
        match spawn(&self.spec).await {
            Ok(process) => {
                self.status.send_modify(|status| status.pid = Some(process.pid()));
                tokio::spawn(self.clone().follow(process, asked));
                Ok(())
            }
            Err(error) => {
                self.status.send_replace(Status::of(State::Stopped));
                Err(StartRefused::from(error).into())
            }
        }
    }

    /// Follows a process from its start to its end.
    async fn follow(self, mut process: Process, mut asked: watch::Receiver<Ending>) {
        let mut carried_out = Ending::NotAsked;
        let exit = {
            let become_ready = self.become_ready();
            tokio::pin!(become_ready);
            let mut starting = true;
            loop {
                tokio::select! {
                    exit = process.wait() => break exit,
                    () = &mut become_ready, if starting => {
                        starting = false;
                        self.advance(State::StartPending, State::Running);
                    }
                    Ok(ending) = next_ending(&mut asked, carried_out) => {
                        carried_out = ending;
                        starting = false;
                        self.status.send_modify(|status| {
                            status.state = State::StopPending;
                            status.detail = None;
                        });
                        match ending {
                            Ending::NotAsked => {}
                            Ending::Asked => process.tree().terminate(),
                            Ending::Forced => { process.tree().kill().await; }
                        }
                    }
                }
            }
        };
        self.end_tree(&process, &mut asked, carried_out).await;
        self.status.send_replace(Status { exit: Some(exit), ..Status::of(State::Stopped) });
    }

    /// Probes until it succeeds, and keeps the reason why it does not.
    async fn become_ready(&self) {
        let mut wait = FIRST_PROBE;
        while let Err(reason) = self.probe.check().await {
            self.status.send_if_modified(|status| {
                let detail = Some(reason.reason);
                let changed = status.detail != detail;
                status.detail = detail;
                changed
            });
            sleep(wait).await;
            wait = (wait * 2).min(SLOWEST_PROBE);
        }
    }

    /// The process itself has ended; what it started may have been asked to end too, and gets the rest of
    /// the time it was given. If nobody asked, it ends now.
    async fn end_tree(&self, process: &Process, asked: &mut watch::Receiver<Ending>, carried_out: Ending) {
        if carried_out == Ending::Asked {
            // What was being started when everything was asked may not have heard.
            process.tree().terminate();
            tokio::select! {
                () = process.tree().gone() => return,
                // Forced now, or nobody is left that could force it.
                _ = asked.wait_for(|ending| *ending > carried_out) => {}
            }
        }
        process.tree().kill().await;
    }

    fn advance(&self, from: State, to: State) {
        self.status.send_if_modified(|status| {
            let holds = status.state == from;
            if holds {
                status.state = to;
                status.detail = None;
            }
            holds
        });
    }

    fn ask(&self, ending: Ending) {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner).send_if_modified(|current| {
            let further = ending > *current;
            *current = ending.max(*current);
            further
        });
    }
}

/// The next request that goes further than what was done.
async fn next_ending(
    asked: &mut watch::Receiver<Ending>,
    carried_out: Ending,
) -> Result<Ending, watch::error::RecvError> {
    asked.wait_for(|ending| *ending > carried_out).await.map(|ending| *ending)
}

impl From<SpawnError> for StartRefused {
    fn from(error: SpawnError) -> Self {
        let refusal = match (error.is_fatal(), error.is_permission()) {
            (false, _) => Refusal::ForNow,
            (true, false) => Refusal::ForGood,
            (true, true) => Refusal::NotPermitted,
        };
        Self::new(refusal, error)
    }
}

impl Manager for ProcessManager {
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(self.start_process())
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.ask(Ending::Asked) })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.ask(Ending::Forced) })
    }

    fn query(&self) -> BoxFuture<'_, Status> {
        Box::pin(async { self.status.borrow().clone() })
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        self.probe.check()
    }

    fn changes(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
