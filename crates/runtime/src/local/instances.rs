//! Looks after one instance: starts its process, and starts it again.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use standpipe_backoff::{Backoff, next_random};
use standpipe_process::{self as process, Ask, Exit, Orphaned, Output, Process, ProcessSpec, SpawnError};
use standpipe_system::time::Shown;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{FailedInstance, RecyclePolicy, VIEW_INTERVAL};
use crate::exit_code::ExitCode;
use crate::instance::{RECYCLES_VARIABLE, REIMAGES_VARIABLE};
use crate::state::{InstanceDir, InstanceRecord, Stage, instance_name, now};
use crate::stop::Stop;
use crate::targets;

/// How an instance ended for good.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was asked to.
    Stopped,
    /// It stays down.
    Failed(FailedInstance),
}

/// What became of one process of the instance.
enum ProcessEnd {
    Asked,
    Ended(Exit),
    NotStarted(SpawnError),
}

/// What is needed to keep an instance.
pub(super) struct KeeperOptions {
    /// Its record before it wrote one itself.
    pub(super) unknown: InstanceRecord,
    pub(super) command: Vec<OsString>,
    pub(super) folder: PathBuf,
    pub(super) output: Output,
    pub(super) dir: InstanceDir,
    /// The file that says which instances there are.
    pub(super) targets: PathBuf,
    pub(super) stop_timeout: Duration,
    pub(super) policy: RecyclePolicy,
}

pub(super) struct Keeper {
    name: String,
    options: KeeperOptions,
    recycles: u32,
    reimages: u32,
    /// Whether it was seen running.
    has_run: bool,
}

impl Keeper {
    pub(super) fn new(options: KeeperOptions) -> Self {
        let name = instance_name(&options.unknown.role, options.unknown.instance);
        Self { name, options, recycles: 0, reimages: 0, has_run: false }
    }

    /// Keeps the instance until a stop is asked for or it is down for good.
    pub(super) async fn keep(mut self, stop: Stop) -> End {
        let mut seed = RandomState::new().hash_one(&self.name);
        let mut failures_in_a_row = 0u32;
        loop {
            let began = Instant::now();
            let exit = match self.live_once(&stop).await {
                ProcessEnd::Asked | ProcessEnd::Ended(Exit::Code(0)) => return End::Stopped,
                ProcessEnd::Ended(exit) => exit,
                ProcessEnd::NotStarted(error) if error.is_fatal() => {
                    return self.fail(ExitCode::Bug, error.to_string());
                }
                ProcessEnd::NotStarted(error) => {
                    warn!("{} could not be started: {error}", self.name);
                    Exit::Unknown
                }
            };
            let code = match exit {
                Exit::Code(code) => ExitCode::from_number(code),
                Exit::Signal(_) | Exit::WindowsError(_) | Exit::ServiceCode(_) | Exit::Unknown => None,
            };
            let reason = self.last_words(exit);
            // One that ran once was right, and only the machine is not as it was.
            if let Some(code) = code.filter(|code| !self.has_run && code.is_for_good()) {
                return self.fail(code, reason);
            }
            if began.elapsed() >= self.options.policy.stable_after {
                failures_in_a_row = 0;
            }
            failures_in_a_row = failures_in_a_row.saturating_add(1);
            let wait = self.rest(exit, failures_in_a_row, &mut seed);
            let when = if wait.is_zero() { "at once".to_owned() } else { format!("in {}", Shown(wait)) };
            warn!("{} ended with {exit}; starting it again {when}", self.name);
            self.recycles = self.recycles.saturating_add(1);
            self.note(Stage::Waiting, &reason);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.asked.cancelled() => return End::Stopped,
            }
            if failures_in_a_row.is_multiple_of(self.options.policy.reimage_after) {
                self.reimage(failures_in_a_row, &reason);
            }
        }
    }

    /// How long to wait before the next start. One that ran and was killed had nothing to say against going
    /// on.
    fn rest(&self, exit: Exit, failures_in_a_row: u32, seed: &mut u64) -> Duration {
        if failures_in_a_row == 1 && self.has_run && matches!(exit, Exit::Signal(_)) {
            return Duration::ZERO;
        }
        let RecyclePolicy { backoff_first: first, backoff_cap: longest, .. } = self.options.policy;
        Backoff { first, longest }.jittered(failures_in_a_row, next_random(seed))
    }

    /// Empties the instance's folder: what is in it may be what makes it fail.
    fn reimage(&mut self, failures: u32, reason: &str) {
        warn!("{} failed {failures} times in a row; it begins with an empty folder", self.name);
        self.reimages = self.reimages.saturating_add(1);
        let record = self.options.dir.read().ok().flatten();
        if let Err(error) = self.options.dir.empty() {
            warn!("{error}");
        }
        if let Some(record) = record {
            // `ps` goes on showing it.
            self.note_on(record, Stage::Waiting, reason);
        }
    }

    async fn live_once(&mut self, stop: &Stop) -> ProcessEnd {
        let mut process = match process::spawn(&self.spec()).await {
            Ok(process) => process,
            Err(error) => return ProcessEnd::NotStarted(error),
        };
        info!(pid = process.pid(), "started {}", self.name);
        let ended = loop {
            tokio::select! {
                exit = process.wait() => break Some(exit),
                () = stop.asked.cancelled() => break None,
                () = tokio::time::sleep(VIEW_INTERVAL), if !self.has_run => self.has_run = self.says_that_it_runs(),
            }
        };
        // One that was killed did not take it back.
        self.has_run = self.has_run || self.says_that_it_runs();
        if let Some(exit) = ended {
            // Whatever it did not end itself.
            process.tree().kill().await;
            return ProcessEnd::Ended(exit);
        }
        self.end(&mut process, stop).await;
        ProcessEnd::Asked
    }

    /// Asks the instance alone: it stops what it started, in its own order.
    async fn end(&self, process: &mut Process, stop: &Stop) {
        let politely = tokio::select! {
            (_, politely) = process.stop(Ask::Process, self.options.stop_timeout) => politely,
            () = stop.forced.cancelled() => false,
        };
        if !politely {
            process.tree().kill().await;
            process.wait().await;
            warn!("{} was killed", self.name);
        }
    }

    fn spec(&self) -> ProcessSpec {
        ProcessSpec {
            name: self.name.clone(),
            command: self.options.command.clone(),
            folder: self.options.folder.clone(),
            environment: vec![
                (RECYCLES_VARIABLE.into(), self.recycles.to_string().into()),
                (REIMAGES_VARIABLE.into(), self.reimages.to_string().into()),
                (targets::VARIABLE.into(), self.options.targets.clone().into()),
            ],
            withheld: Vec::new(),
            user: None,
            limited: false,
            // It binds ports and starts what is elevated.
            may_gain_rights: true,
            takes_strays: false,
            // It has a service to stop.
            orphaned: Orphaned::Terminate,
            output: self.options.output,
            within: None,
        }
    }

    fn says_that_it_runs(&self) -> bool {
        self.options.dir.read().ok().flatten().is_some_and(|record| record.stage == Stage::Running)
    }

    /// Why the instance ended: in its own words if it left any.
    fn last_words(&self, exit: Exit) -> String {
        let record = self.options.dir.read().ok().flatten();
        record
            .filter(|record| record.stage == Stage::Failed)
            .and_then(|record| record.last_error)
            .unwrap_or_else(|| format!("its process ended with {exit}"))
    }

    fn fail(&self, code: ExitCode, reason: String) -> End {
        self.note(Stage::Failed, &reason);
        let failed = FailedInstance { name: self.name.clone(), code, reason };
        warn!("{failed}");
        End::Failed(failed)
    }

    /// Writes the record of the instance, which has no process now that could.
    fn note(&self, stage: Stage, reason: &str) {
        let known = self.options.dir.read().ok().flatten();
        self.note_on(known.unwrap_or_else(|| self.options.unknown.clone()), stage, reason);
    }

    fn note_on(&self, mut record: InstanceRecord, stage: Stage, reason: &str) {
        record.stage = stage;
        record.ready = false;
        record.pid = None;
        record.services_ended();
        record.recycles = self.recycles;
        record.reimages = self.reimages;
        record.last_error = Some(reason.to_owned());
        record.since = now();
        if let Err(error) = self.options.dir.make().and_then(|()| self.options.dir.write(&record)) {
            warn!("{error}");
        }
    }
}
