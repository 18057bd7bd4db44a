//! One instance of a role, from its startup tasks to its end.

mod backends;
mod command;
mod installed;
mod logs;
mod managers;
mod outcome;
mod probe;
mod publisher;
mod services;
mod signals;
mod storage;
mod wine;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

use std::error::Error;
use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use standpipe_agent::host::Host;
use standpipe_deployment::{Deployment, Role, TASK_GRACE};
use standpipe_pipe::NameError;
use standpipe_pipe::backend::Backend;
use standpipe_process::{self as process, SpawnError, Tree};
use standpipe_system::time::Shown;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use outcome::Outcome;
pub use signals::{forward_signals, hang_up_services};

use crate::environment::{self, InstanceEnvironment};
use crate::exit_code::ExitCode;
use crate::facts::{self, Own};
use crate::notify::Watchdog;
use crate::spawn_hint::spawn_hint;
use crate::startup::Startup;
use crate::state::{EndpointRecord, InstanceLock, InstanceRecord, StateDir, StateError};
use crate::stop::Stop;
use crate::temporary;
use backends::BackendContext;
use installed::Installed;
use publisher::RecordPublisher;
use services::{Event, Member, Services};

/// The variable in which the local runtime tells an instance how often it was started again.
pub(crate) const RECYCLES_VARIABLE: &str = "STANDPIPE_RECYCLES";

/// The variable in which the local runtime tells an instance how often its folder was emptied.
pub(crate) const REIMAGES_VARIABLE: &str = "STANDPIPE_REIMAGES";

/// How often it is looked whether the instance's folder is still there.
const FOLDER_INTERVAL: Duration = Duration::from_secs(2);

/// Which instance to run, and where it keeps its state.
#[derive(Debug, Clone, Copy)]
pub struct InstanceOptions<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// The role.
    pub role: &'a Role,
    /// Its number within the role, from 0.
    pub number: u32,
    /// The deployment's state folder; see [`state::locate`](crate::state::locate).
    pub state_dir: &'a Path,
    /// How long clients may take to finish what they have in flight once a stop is asked for.
    pub drain_timeout: Duration,
}

/// Why an instance could not even begin.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// Its state folder cannot be used, or it runs already.
    #[error(transparent)]
    State(#[from] StateError),
    /// The user that its service should run as cannot be used.
    #[error("role `{role}` cannot run as the user `{user}`")]
    User {
        /// The role.
        role: String,
        /// The user.
        user: String,
        /// Why.
        source: SpawnError,
    },
    /// A pipe's name cannot be used on this machine.
    #[error("the pipe `{name}` of role `{role}` cannot be offered")]
    PipeName {
        /// The role.
        role: String,
        /// The pipe.
        name: String,
        /// Why.
        source: NameError,
    },
    /// The service belongs to a manager that there is none of here.
    #[error("the service `{service}` has no `command`, and this system has no service control manager")]
    NoManager {
        /// The service.
        service: String,
    },
}

impl PrepareError {
    /// The exit code that says it.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::State(error) => error.exit_code(),
            Self::User { .. } => ExitCode::NotPermitted,
            Self::PipeName { .. } | Self::NoManager { .. } => ExitCode::Config,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::State(error) => error.hint(),
            Self::User { source, .. } => spawn_hint(source),
            Self::NoManager { .. } => Some("say how to start it: command = [\"program\", \"argument\"]"),
            Self::PipeName { .. } => None,
        }
    }
}

/// What the part that serves an instance's endpoints needs to know.
#[derive(Debug, Clone)]
pub struct Serving {
    /// Whether the instance can be called now.
    pub ready: watch::Receiver<bool>,
    /// Take nothing new, finish what is in flight, and end.
    pub stop: CancellationToken,
}

/// An instance that is ready to begin: it has its folders, and nobody else runs it.
#[derive(Debug)]
pub struct Instance<'a> {
    options: InstanceOptions<'a>,
    lock: InstanceLock,
    environment: InstanceEnvironment,
    backends: Vec<(String, Backend)>,
    members: Vec<Member>,
    wine: Option<Host>,
    tree: Tree,
    storage: Vec<storage::Limited>,
    record: watch::Sender<InstanceRecord>,
    recycle: CancellationToken,
}

impl<'a> Instance<'a> {
    /// Makes the instance's folders and takes it.
    pub fn prepare(options: InstanceOptions<'a>) -> Result<Self, PrepareError> {
        Self::prepare_with(options, &Own::default())
    }

    /// The same, and its processes learn what is its own.
    pub fn prepare_with(options: InstanceOptions<'a>, own: &Own) -> Result<Self, PrepareError> {
        let InstanceOptions { deployment, role, number, .. } = options;
        let owner = match &role.user {
            None => None,
            Some(user) => process::user_ids(user).map_err(|source| PrepareError::User {
                role: role.name.clone(),
                user: user.clone(),
                source,
            })?,
        };
        let state = StateDir::open(options.state_dir)?;
        let lock = state.instance(&role.name, number).lock(owner)?;
        let folders = lock.make_storage(&role.local_storage, owner)?;
        let environment = InstanceEnvironment {
            facts: facts::variables(deployment, role, number, own, &folders),
            deployment: deployment.name().to_owned(),
            role: role.name.clone(),
            instance: number,
            accounts: role.accounts.clone().unwrap_or_else(|| lock.dir().accounts()),
            pipes: lock.dir().pipes(),
            temporary: temporary::is_own(role).then(|| lock.make_temporary(owner)).transpose()?,
            withheld: environment::withheld(deployment, role),
            path: process::program::search_path(
                std::env::current_exe().ok().as_deref(),
                std::env::var_os("PATH"),
            ),
        };
        let tree = Tree::new().taking_strays();
        let wine = wine::host(role, deployment.folder(), lock.dir().path(), &environment);
        let context = BackendContext {
            role,
            folder: deployment.folder(),
            environment: &environment,
            wine: wine.as_ref(),
            tree: &tree,
            user: owner.map(|(user, _)| user),
        };
        let installed = Installed::new(wine.as_ref());
        let backends = backends::backends(&context)?;
        let members = managers::members(&context, &installed, &backends)?;
        let limited = role.local_storage.iter().zip(folders);
        let storage = limited.map(|(storage, path)| storage::Limited {
            name: storage.name.clone(),
            path,
            size: storage.size,
        });
        Ok(Self {
            options,
            lock,
            environment,
            backends,
            members,
            wine,
            tree,
            storage: storage.collect(),
            record: watch::Sender::new(InstanceRecord::new(&role.name, number)),
            recycle: CancellationToken::new(),
        })
    }

    /// What the instance says about itself, now and whenever that changes.
    pub fn record(&self) -> watch::Receiver<InstanceRecord> {
        self.record.subscribe()
    }

    /// Cancelled, it ends the instance as a stop does, but with an exit code at which whoever runs it starts
    /// it again.
    pub fn recycle(&self) -> CancellationToken {
        self.recycle.clone()
    }

    /// The folder of each local storage, in the order of the file.
    pub fn local_storage(&self) -> impl Iterator<Item = &Path> {
        self.storage.iter().map(|storage| storage.path.as_path())
    }

    /// The file of accounts that may log on to this instance.
    pub fn accounts(&self) -> &Path {
        &self.environment.accounts
    }

    /// Where each of the role's pipes leads on this machine, by name, in the order of the file.
    pub fn backends(&self) -> &[(String, Backend)] {
        &self.backends
    }

    /// Runs the instance to its end: startup tasks, then the service and `serve` together.
    ///
    /// `serve` is called once the tasks are done, and serves `endpoints`, which are only shown here. The
    /// instance is ready while its essential services run and their pipes accept, or always when it has none.
    /// When the end comes it is first unready, then `serve` is asked to stop and waited for, then the
    /// services are stopped, then everything that it or a task left running: asked first, and killed after 5
    /// s, or, when the role has foreground tasks and a stop was asked for, after the service's stop timeout
    /// (10 s without a service). After a clean stop nothing of the instance is left on disk.
    ///
    /// A forced stop cuts all that short. It never changes an outcome that was decided before.
    pub async fn run<S, F>(self, endpoints: Vec<EndpointRecord>, stop: Stop, serve: S) -> Outcome
    where
        S: FnOnce(Serving) -> F,
        F: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let Self { options, lock, environment, members, wine, tree, storage, record, recycle, .. } = self;
        // The process that held the instance before may have been killed. This one holds it now.
        if !process::end_abandoned(environment::PIPES, environment.pipes.as_os_str()).await {
            warn!("processes that an earlier run of the instance left behind cannot be ended");
        }
        let mut publisher = RecordPublisher::new(lock.dir().clone(), &options, endpoints, record);
        let life = Life {
            options,
            environment: &environment,
            members,
            wine: wine.as_ref(),
            tree: &tree,
            stop: &stop,
            recycle: &recycle,
            lock: &lock,
        };
        let mut decided = None;
        let living = async {
            // Boxed: it holds whatever a part of the life needs.
            Box::pin(life.live(&mut publisher, &mut decided, serve)).await;
            if let Some(wine) = &wine {
                wine.stop().await;
            }
        };
        tokio::select! {
            () = living => {}
            () = stop.forced.cancelled() => {}
            () = storage::watch(storage) => {}
        }
        let outcome = decided.unwrap_or(Outcome::Stopped);
        if let Some(wine) = &wine {
            wine.kill().await;
        }
        let is_gone = tree.kill().await;
        let outcome = match outcome {
            // Whoever asked for the stop would believe that it is one.
            Outcome::Stopped if !is_gone => Outcome::StillThere,
            outcome => outcome,
        };
        publisher.end(&outcome);
        // Whoever runs the instance says why it failed.
        if matches!(outcome, Outcome::Stopped)
            && let Err(failed) = lock.remove()
        {
            warn!("{failed}");
        }
        outcome
    }
}

/// Ready when somebody has removed the folder of the instance.
async fn folder_is_gone(lock: &InstanceLock) {
    while lock.is_in_place() {
        tokio::time::sleep(FOLDER_INTERVAL).await;
    }
}

/// What an instance needs while it lives.
struct Life<'a> {
    options: InstanceOptions<'a>,
    environment: &'a InstanceEnvironment,
    members: Vec<Member>,
    wine: Option<&'a Host>,
    tree: &'a Tree,
    stop: &'a Stop,
    recycle: &'a CancellationToken,
    lock: &'a InstanceLock,
}

impl Life<'_> {
    /// Lives to the end. What that end is stands in `decided` from the moment it is known.
    async fn live<S, F>(mut self, publisher: &mut RecordPublisher, decided: &mut Option<Outcome>, serve: S)
    where
        S: FnOnce(Serving) -> F,
        F: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let role = self.options.role;
        let folder = self.options.deployment.folder();
        let mut watchdog = Watchdog::from_environment();
        if let Some(outcome) = watchdog.during(self.start_wine()).await {
            *decided = Some(outcome);
            return;
        }
        let mut startup = Startup::new(folder, self.environment, role.user.as_deref(), self.tree);
        startup.run_windows_programs_in(self.wine);
        startup.keep_done_in(publisher.dir().once());
        let tasks_end = startup.ending();
        {
            let mut preparing = pin!(startup.run(&role.startup));
            let ended = watchdog
                .during(async {
                    tokio::select! {
                        biased;
                        () = self.stop.asked.cancelled() => Some(Outcome::Stopped),
                        prepared = &mut preparing => prepared.err().map(Outcome::TaskFailed),
                    }
                })
                .await;
            if let Some(outcome) = ended {
                // While `preparing` is there: with it goes the task that it waits for.
                watchdog.during(self.end_tasks(decided.insert(outcome), &tasks_end)).await;
                return;
            }
        }

        let (ready, is_ready) = watch::channel(false);
        let stop_serving = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(serve(Serving { ready: is_ready, stop: stop_serving.clone() }));

        let prefix =
            role.wine.as_ref().map(|wine| wine.prefix.clone().unwrap_or_else(|| publisher.dir().wine()));
        let logs = logs::follow(role, prefix.as_deref());
        let mut services = Services::begin(std::mem::take(&mut self.members));
        publisher.report(&services);
        ready.send_replace(services.are_ready());

        let (mut folder_is_gone, mut is_lost) = (pin!(folder_is_gone(self.lock)), false);
        let outcome = loop {
            tokio::select! {
                biased;
                () = self.stop.asked.cancelled() => break Outcome::Stopped,
                () = self.recycle.cancelled() => break Outcome::SettingsChanged,
                event = services.next() => match event {
                    Event::GaveUp { service, why } => break Outcome::GaveUp { service, why },
                    Event::Bug(what) => break Outcome::Bug(what),
                    Event::Changed => {
                        publisher.report(&services);
                        let is = services.are_ready() && !is_lost;
                        ready.send_if_modified(|ready| std::mem::replace(ready, is) != is);
                    }
                },
                Some(ended) = serving.join_next() => break serving_ended(ended),
                () = watchdog.turn() => {}
                () = &mut folder_is_gone, if !is_lost => {
                    is_lost = true;
                    publisher.lost_folder();
                    ready.send_replace(false);
                }
            }
        };

        // Unready first, so that balancers choose others while what is in flight is finished.
        ready.send_replace(false);
        let outcome: &Outcome = decided.insert(outcome);
        publisher.draining(outcome);
        stop_serving.cancel();
        let drained = async { while serving.join_next().await.is_some() {} };
        let mut drained = pin!(tokio::time::timeout(self.options.drain_timeout, drained));
        let mut is_drained = false;
        while !is_drained || !services.are_over() {
            tokio::select! {
                in_time = &mut drained, if !is_drained => {
                    is_drained = true;
                    if in_time.is_err() {
                        warn!("clients were still busy when their time was up");
                    }
                    services.stop();
                }
                // Whatever happens to them now, the outcome is decided.
                _ = services.next(), if !services.are_over() => publisher.report_while_ending(&services),
                () = watchdog.turn() => {}
            }
        }
        for followed in logs {
            watchdog.during(followed.end()).await;
        }
        // The last report may have come with the end.
        publisher.report_while_ending(&services);
        watchdog.during(self.end_tasks(outcome, &tasks_end)).await;
        if matches!(decided, Some(Outcome::Stopped)) && services.are_left_behind() {
            *decided = Some(Outcome::StillThere);
        }
    }

    /// Starts the agent in the role's Wine prefix, if it has one. Returns how the instance ends when there
    /// will be none.
    async fn start_wine(&self) -> Option<Outcome> {
        let wine = self.wine?;
        tokio::select! {
            biased;
            () = self.stop.asked.cancelled() => Some(Outcome::Stopped),
            started = wine.start() => started.err().map(Outcome::WineFailed),
        }
    }

    /// Asks everything that still runs to end, and waits for it, within bounds.
    async fn end_tasks(&self, outcome: &Outcome, tasks_end: &CancellationToken) {
        let role = self.options.role;
        // A failed instance is to be replaced soon.
        let grace = if matches!(outcome, Outcome::Stopped) { role.task_grace() } else { TASK_GRACE };
        tasks_end.cancel();
        self.tree.terminate();
        if tokio::time::timeout(grace, self.tree.gone()).await.is_err() {
            let grace = Shown(grace);
            warn!("startup tasks were still running {grace} after they were asked to end");
        }
    }
}

/// What it means that the serving part ended before its stop was asked for.
fn serving_ended(ended: Result<Result<(), Box<dyn Error + Send + Sync>>, JoinError>) -> Outcome {
    match ended {
        Ok(Ok(())) => Outcome::Bug("serving ended without being asked to".into()),
        Ok(Err(error)) => Outcome::ServingFailed(error),
        Err(panic) => Outcome::Bug(format!("serving ended: {panic}")),
    }
}
