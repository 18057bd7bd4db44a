//! The local runtime: every instance of a deployment on this machine, each as a process of its own.
//!
//! An instance that ends with a failure is started again after a wait that grows with each failure in a row.
//! Some exit codes say that trying again cannot help until a person changes something
//! ([`ExitCode::is_for_good`](crate::ExitCode::is_for_good)). An instance that ends with one of them before
//! it ever ran stays down, and the others go on; after that, it is the machine that changed for a while, and
//! the instance is started again. An instance that exits with 0 was stopped by somebody else, and stays down
//! too.

mod instances;
mod published;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use standpipe_deployment::{Deployment, Role, local_address};
use standpipe_process::Output;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tracing::{info, warn};

use crate::exit_code::ExitCode;
use crate::state::{DeploymentLock, InstanceDir, InstanceRecord, Stage, StateDir, StateError, check_sockets};
use crate::stop::Stop;
use instances::{End, Keeper};
use published::Published;

/// How often the instances' records are read for the live view.
const VIEW_INTERVAL: Duration = Duration::from_millis(200);

/// What the local runtime needs to know.
#[derive(Debug, Clone, Copy)]
pub struct LocalOptions<'a> {
    /// The deployment.
    pub deployment: &'a Deployment,
    /// Its state folder; see [`state::locate`](crate::state::locate).
    pub state_dir: &'a Path,
    /// The folder that the instances' commands run in.
    pub folder: &'a Path,
    /// Where the instances' output goes.
    pub output: Output,
    /// How long an instance may take to stop before it is killed with everything it started.
    pub stop_timeout: Duration,
    /// When instances are started again.
    pub recycle: RecyclePolicy,
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
}

impl Default for RecyclePolicy {
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_secs(1),
            backoff_cap: Duration::from_mins(1),
            stable_after: Duration::from_mins(5),
        }
    }
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
    /// Takes the deployment and clears away what an earlier run of it may have left behind.
    ///
    /// # Errors
    /// When it runs already, or its state folder cannot be used.
    pub fn prepare(options: LocalOptions<'a>) -> Result<Self, StateError> {
        let instances = options.deployment.roles().iter();
        let instances = instances.flat_map(|role| (0..role.instances).map(move |number| (role, number)));
        check_sockets(options.state_dir, instances)?;
        let state = StateDir::open(options.state_dir)?;
        let lock = state.lock(options.deployment.name())?;
        state.clear()?;
        Ok(Self { options, state, lock })
    }

    /// Gives the deployment up again before anything of it ran.
    ///
    /// # Errors
    /// When what was made on disk cannot be removed.
    pub fn abandon(self) -> Result<(), StateError> {
        self.lock.remove(&[])
    }

    /// The state folder, absolute.
    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    /// Runs every instance until a stop is asked for, or until none is left. `command` makes the command line
    /// of an instance's process, which must run that instance as
    /// [`Instance::run`](crate::instance::Instance::run) does and exit with its outcome's code.
    ///
    /// `views` always has the latest record of every instance, in the order of the deployment. In the end
    /// every process is gone, and so is what was made on disk.
    pub async fn run(
        self,
        command: impl Fn(LocalInstance<'_>) -> Vec<OsString>,
        stop: Stop,
        views: &watch::Sender<Vec<InstanceRecord>>,
    ) -> LocalOutcome {
        let mut view = View::new(&self);
        view.refresh(views);
        let mut published = Published::new(&self.state);
        published.publish(self.options.deployment, &view.records);
        let mut keeping = JoinSet::new();
        for (role, number, dir) in self.instances() {
            let address = local_address(number);
            let command = command(LocalInstance { role, number, address, state_dir: self.state.path() });
            let unknown = InstanceRecord::new(&role.name, number);
            let keeper = Keeper::new(&self.options, unknown, command, dir, self.state.targets());
            let (place, stop) = (keeping.len(), stop.clone());
            keeping.spawn(async move { (place, keeper.keep(stop).await) });
        }
        let mut ends = Vec::new();
        let mut ticks = tokio::time::interval(VIEW_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !keeping.is_empty() {
            tokio::select! {
                Some(ended) = keeping.join_next() => match ended {
                    Ok((place, End::Failed(failed))) => ends.push((place, failed)),
                    Ok((_, End::Stopped)) => {}
                    Err(panic) => warn!("an instance is no longer looked after: {panic}"),
                },
                _ = ticks.tick() => {}
            }
            view.refresh(views);
            published.publish(self.options.deployment, &view.records);
        }
        ends.sort_by_key(|(place, _)| *place);
        let dirs: Vec<InstanceDir> = self.instances().map(|(_, _, dir)| dir).collect();
        if let Err(error) = self.lock.remove(&dirs) {
            warn!("{error}");
        }
        info!("everything is stopped");
        LocalOutcome {
            asked: stop.asked.is_cancelled(),
            failed: ends.into_iter().map(|(_, failed)| failed).collect(),
        }
    }

    /// Every instance: its role, its number and its folder.
    fn instances(&self) -> impl Iterator<Item = (&'a Role, u32, InstanceDir)> + use<'a, '_> {
        self.options.deployment.roles().iter().flat_map(move |role| {
            (0..role.instances).map(move |number| (role, number, self.state.instance(&role.name, number)))
        })
    }
}

/// The latest record of every instance.
struct View {
    dirs: Vec<InstanceDir>,
    records: Vec<InstanceRecord>,
}

impl View {
    fn new(runtime: &LocalRuntime<'_>) -> Self {
        let (dirs, records) = runtime
            .instances()
            .map(|(role, number, dir)| (dir, InstanceRecord::new(&role.name, number)))
            .unzip();
        Self { dirs, records }
    }

    fn refresh(&mut self, views: &watch::Sender<Vec<InstanceRecord>>) {
        for (dir, record) in self.dirs.iter().zip(&mut self.records) {
            match dir.read() {
                Ok(Some(latest)) => *record = latest,
                // It had a record and took it away: it stopped, and cleaned up behind itself.
                Ok(None) if record.pid.is_some() => {
                    record.stage = Stage::Stopped;
                    record.ready = false;
                    record.pid = None;
                    record.services_ended();
                    record.since = crate::state::now();
                }
                // Nothing yet, or being replaced.
                Ok(None) | Err(_) => {}
            }
        }
        views.send_if_modified(|current| {
            let changed = *current != self.records;
            current.clone_from(&self.records);
            changed
        });
    }
}
