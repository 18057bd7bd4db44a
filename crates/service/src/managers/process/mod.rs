//! The manager that runs a service as a process.

mod notified;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use standpipe_process::{self as process, Exit, Process, ProcessSpec, SpawnError, spawn};
use tokio::sync::watch;
use tokio::time::sleep;

use self::notified::Told;
use crate::manager::{Manager, StartError, StartRefused};
use crate::platform::{self, NotifySocket};
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
    /// Where the service tells how it is, if it does.
    notifies_at: Option<Arc<Path>>,
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
            notifies_at: None,
        }
    }

    /// The same for a service that tells how it is with `sd_notify`, at a socket that is made at this path
    /// for it and its user. It is `Running` once it has said `READY=1` and its probe succeeds, and
    /// `EXTEND_TIMEOUT_USEC=` counts as progress. On Windows there is no such socket, and nothing changes.
    #[must_use]
    pub fn notifying_at(mut self, socket: impl Into<PathBuf>) -> Self {
        if platform::NotifySocket::IS_KNOWN {
            let socket: PathBuf = socket.into();
            let mut spec = (*self.spec).clone();
            spec.environment.push(("NOTIFY_SOCKET".into(), socket.clone().into()));
            self.spec = Arc::new(spec);
            self.notifies_at = Some(socket.into());
        }
        self
    }

    /// Makes the socket at which the service tells how it is.
    fn listen(&self) -> Result<Option<NotifySocket>, StartRefused> {
        let Some(path) = &self.notifies_at else { return Ok(None) };
        let owner = self.spec.user.as_deref().map(process::user_ids).transpose()?.flatten();
        let socket = NotifySocket::bind(path, owner).map_err(|error| {
            let text =
                format!("the socket `{}` for its notifications cannot be made: {error}", path.display());
            StartRefused::new(Refusal::ForNow, text)
        })?;
        Ok(Some(socket))
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
        let started = async {
            self.probe.clear().await;
            let socket = self.listen()?;
            Ok((spawn(&self.spec).await?, socket))
        };
        match started.await {
            Ok((process, socket)) => {
                self.status.send_modify(|status| status.pid = Some(process.pid()));
                tokio::spawn(self.clone().follow(process, asked, socket));
                Ok(())
            }
            Err(refused) => {
                self.status.send_replace(Status::of(State::Stopped));
                let refused: StartRefused = refused;
                Err(refused.into())
            }
        }
    }

    /// Follows a process from its start to its end.
    async fn follow(
        self,
        mut process: Process,
        mut asked: watch::Receiver<Ending>,
        mut socket: Option<NotifySocket>,
    ) {
        let mut carried_out = Ending::NotAsked;
        let (said_ready, mut says_ready) = watch::channel(socket.is_none());
        let exit = {
            let become_ready = async {
                // The sender lives as long as this.
                let _ = says_ready.wait_for(|ready| *ready).await;
                self.become_ready().await;
            };
            tokio::pin!(become_ready);
            let mut starting = true;
            loop {
                tokio::select! {
                    exit = process.wait() => break exit,
                    () = &mut become_ready, if starting => {
                        starting = false;
                        self.advance(State::StartPending, State::Running);
                    }
                    told = next_told(&mut socket) => {
                        self.learn(&told);
                        said_ready.send_if_modified(|ready| !std::mem::replace(ready, *ready || told.ready));
                    }
                    Ok(ending) = next_ending(&mut asked, carried_out) => {
                        carried_out = ending;
                        starting = false;
                        self.status.send_modify(|status| {
                            // What it said of its start says nothing of its stop.
                            if status.state != State::StopPending {
                                (status.checkpoint, status.wait_hint) = (0, Duration::ZERO);
                            }
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
        let detail = last_words(&process, exit, carried_out).await;
        self.end_tree(&process, &mut asked, carried_out).await;
        self.status.send_replace(Status { exit: Some(exit), detail, ..Status::of(State::Stopped) });
    }

    /// Takes in what the service said of itself.
    fn learn(&self, told: &Told) {
        self.status.send_if_modified(|status| {
            if let Some(extend) = told.extend {
                status.checkpoint = status.checkpoint.saturating_add(1);
                status.wait_hint = extend;
            }
            if let Some(words) = told.status.as_ref().filter(|_| status.state == State::StartPending) {
                status.detail = Some(words.clone());
            }
            told.extend.is_some() || told.status.is_some()
        });
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

/// What a process that ended by itself has left to say about it.
async fn last_words(process: &Process, exit: Exit, carried_out: Ending) -> Option<String> {
    if carried_out != Ending::NotAsked {
        return None;
    }
    let has_left_some = async || tokio::time::timeout(Duration::ZERO, process.tree().gone()).await.is_err();
    if exit.is_success() && has_left_some().await {
        return Some(
            "it went into the background, where nobody can watch it: a service has to stay in the foreground"
                .to_owned(),
        );
    }
    let lines = process.tail().lines();
    let last = lines.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty())?;
    Some(format!("it wrote last: {last}"))
}

/// What the service says next; nothing ever, when it has no way to.
async fn next_told(socket: &mut Option<NotifySocket>) -> Told {
    match socket {
        Some(socket) => Told::parse(&socket.next().await),
        None => std::future::pending().await,
    }
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
