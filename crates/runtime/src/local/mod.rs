//! The local runtime: every instance of a deployment on this machine, each as a process of its own.
//!
//! An instance that ends with a failure is started again after a wait that grows with each failure in a row.
//! After every fifth failure in a row it is *reimaged*: it begins with an empty folder. Some exit codes say
//! that trying again cannot help until a person changes something
//! ([`ExitCode::is_for_good`](crate::ExitCode::is_for_good)). An instance that ends with one of them before
//! it ever ran stays down, and the others go on; after that, it is the machine that changed for a while, and
//! the instance is started again. An instance that exits with 0 was stopped by somebody else, and stays down
//! too.
//!
//! A runtime that is killed takes its instances with it: the system asks them to stop. The next one waits for
//! them, and kills those that do not stop.
//!
//! Other commands ask a running one to restart, update or stop instances, or to have more or fewer of them:
//! see [`control`]. Callers learn of instances that come and go by the file of
//! [`crate::targets`].

pub mod control;
mod director;
mod instances;
mod members;
mod plan;
mod published;
mod walk;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use standpipe_deployment::{Deployment, Role};
use standpipe_process::{self as process, Output};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

use crate::exit_code::ExitCode;
use crate::state::{DeploymentLock, InstanceRecord, StateDir, StateError, check_sockets};
use crate::stop::Stop;
use crate::targets;
use control::{Refusal, Server};
use director::Director;
use walk::Pace;

/// How often the instances' records are looked at.
const VIEW_INTERVAL: Duration = Duration::from_millis(200);

/// How often when nothing has changed for [`SETTLED`].
const REST_INTERVAL: Duration = Duration::from_secs(1);

/// After so long without a change, instances count as at rest.
const SETTLED: Duration = Duration::from_secs(5);

/// How many requests of other commands wait.
const WAITING_REQUESTS: usize = 8;

/// What the local runtime needs to know.
#[derive(Debug, Clone)]
pub struct LocalOptions<'a> {
    /// The deployment.
    pub deployment: Arc<Deployment>,
    /// Its state folder; see [`state::locate`](crate::state::locate).
    pub state_dir: &'a Path,
    /// The folder that the instances' commands run in.
    pub folder: &'a Path,
    /// Where the instances' output goes.
    pub output: Output,
    /// How much longer than its services an instance may take to stop before it is killed with everything it
    /// started.
    pub stop_slack: Duration,
    /// When instances are started again.
    pub recycle: RecyclePolicy,
    /// How long callers have to notice that instances come and go.
    pub pace: WalkPace,
}

/// How long callers have to notice what is in the file of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkPace {
    /// That an instance is no longer there. [`targets::NOTICE`].
    pub notice: Duration,
    /// That an instance is ready. [`targets::SETTLE`].
    pub settle: Duration,
}

impl Default for WalkPace {
    fn default() -> Self {
        Self { notice: targets::NOTICE, settle: targets::SETTLE }
    }
}

impl WalkPace {
    fn with_limit(self, ready: Duration) -> Pace {
        Pace { notice: self.notice, settle: self.settle, ready }
    }
}

/// When an instance that failed is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecyclePolicy {
    /// The wait after the first failure in a row; it doubles with each that follows. 1 s.
    pub backoff_first: Duration,
    /// The longest wait. 1 min.
    pub backoff_cap: Duration,
    /// An instance that lived this long begins a new row. 5 min.
    pub stable_after: Duration,
    /// After so many failures in a row, and again after as many more, it begins with an empty folder. 5.
    pub reimage_after: u32,
}

impl Default for RecyclePolicy {
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_secs(1),
            backoff_cap: Duration::from_mins(1),
            stable_after: Duration::from_mins(5),
            reimage_after: 5,
        }
    }
}

/// What the local runtime asks of the program that it is part of.
pub trait Host {
    /// The command line of an instance's process, which must run that instance as
    /// [`Instance::run`](crate::instance::Instance::run) does and exit with its outcome's code.
    fn command(&self, instance: LocalInstance<'_>) -> Vec<OsString>;

    /// The deployment as its file is now.
    ///
    /// # Errors
    /// What is wrong with the file.
    fn reload(&self) -> Result<Deployment, Refusal>;

    /// All instances run from the file that [`reload`](Self::reload) read last.
    fn updated(&self) {}

    /// Whether the deployment could have so many instances of each role on this machine.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, instances: &BTreeMap<String, u32>) -> Result<(), Refusal>;
}

/// One of the instances to run.
#[derive(Debug, Clone, Copy)]
pub struct LocalInstance<'a> {
    /// Its role.
    pub role: &'a Role,
    /// Its number within the role, from 0.
    pub number: u32,
    /// The loopback address it listens on.
    pub address: IpAddr,
    /// The deployment's state folder, absolute.
    pub state_dir: &'a Path,
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalOutcome {
    /// Whether somebody asked.
    pub asked: bool,
    /// The instances that could not be kept, in the order of the deployment.
    pub failed: Vec<FailedInstance>,
}

/// An instance that stays down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedInstance {
    /// Its name, as in `ServiceWatcher.0`.
    pub name: String,
    /// The exit code that says why.
    pub code: ExitCode,
    /// What went wrong, in words.
    pub reason: String,
}

impl fmt::Display for FailedInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be kept running: {}", self.name, self.reason)
    }
}

impl LocalOutcome {
    /// [`ExitCode::Ok`] if somebody asked, or every instance ended because it was asked to; else that of the
    /// first instance that failed.
    pub fn exit_code(&self) -> ExitCode {
        match self.failed.first() {
            Some(failed) if !self.asked => failed.code,
            _ => ExitCode::Ok,
        }
    }
}

/// A deployment that this process is about to run.
#[derive(Debug)]
pub struct LocalRuntime<'a> {
    options: LocalOptions<'a>,
    state: StateDir,
    lock: DeploymentLock,
}

impl<'a> LocalRuntime<'a> {
    /// Takes the deployment and clears away what an earlier run of it may have left behind. Instances of a
    /// runtime that was killed get the time that they have to stop.
    ///
    /// # Errors
    /// When it runs already, or its state folder cannot be used.
    pub async fn prepare(options: LocalOptions<'a>) -> Result<Self, StateError> {
        let instances = options.deployment.roles().iter();
        let instances = instances.flat_map(|role| (0..role.instances).map(move |number| (role, number)));
        check_sockets(options.state_dir, instances)?;
        let state = StateDir::open(options.state_dir)?;
        let lock = state.lock(options.deployment.name())?;
        // Without this file, an instance that runs is one that somebody runs by hand.
        if state.targets().exists() {
            end_orphans(&state, &options).await?;
        }
        state.clear()?;
        state.make_logs()?;
        Ok(Self { options, state, lock })
    }

    /// Gives the deployment up again before anything of it ran.
    ///
    /// # Errors
    /// When what was made on disk cannot be removed.
    pub fn abandon(self) -> Result<(), StateError> {
        self.lock.remove()
    }

    /// The state folder, absolute.
    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// Runs every instance until a stop is asked for, or until none is left, and does what other commands ask
    /// for.
    ///
    /// `views` always has the latest record of every instance, in the order of the deployment. In the end
    /// every process is gone, and so is what was made on disk.
    pub async fn run(
        self,
        host: &impl Host,
        stop: Stop,
        views: &watch::Sender<Vec<InstanceRecord>>,
    ) -> LocalOutcome {
        let Self { options, state, lock } = self;
        let (sender, mut asked) = mpsc::channel(WAITING_REQUESTS);
        let server = serve(&state, sender);
        let mut director = Director::new(&options, &state, host, stop.clone());
        director.run(&mut asked, views).await;
        if let Err(error) = lock.remove() {
            warn!("{error}");
        }
        info!("everything is stopped");
        let failed = director.end().await;
        drop(asked);
        if let Some(server) = server {
            server.end().await;
        }
        LocalOutcome { asked: stop.asked.is_cancelled(), failed }
    }
}

/// Waits until the instances of a runtime that was killed have stopped, and kills those that do not.
async fn end_orphans(state: &StateDir, options: &LocalOptions<'_>) -> Result<(), StateError> {
    let longest = options.deployment.roles().iter().map(director::stop_timeout).max().unwrap_or_default();
    let mut said = false;
    let gone = async {
        while state.has_running_instances()? {
            if !std::mem::replace(&mut said, true) {
                warn!("the former `standpipe up` was killed; waiting until its instances have stopped");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    if let Ok(gone) = tokio::time::timeout(longest.saturating_add(options.stop_slack), gone).await {
        gone?;
    } else {
        warn!("they do not stop, and are killed");
    }
    // Also what is left of an instance that was killed together with its runtime.
    if !process::end_abandoned(targets::VARIABLE, state.targets().as_os_str()).await {
        warn!("processes that an earlier run of the deployment left behind cannot be ended");
    }
    Ok(())
}

/// Begins to listen to other commands. Without that the deployment runs as well.
fn serve(state: &StateDir, asked: mpsc::Sender<control::Asked>) -> Option<Server> {
    match Server::begin(&state.control(), asked) {
        Ok(server) => Some(server),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            debug!("this system has no control socket");
            None
        }
        Err(error) => {
            warn!("other commands cannot reach this one: {}: {error}", state.control().display());
            None
        }
    }
}
