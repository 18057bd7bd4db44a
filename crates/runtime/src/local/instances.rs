//! Looks after one instance: starts its process, and starts it again.

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use standpipe_backoff::{Backoff, next_random};
use standpipe_process::{self as process, Ask, Exit, Orphaned, Output, Process, ProcessSpec, SpawnError};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{FailedInstance, LocalOptions, RecyclePolicy, VIEW_INTERVAL};
use crate::exit_code::ExitCode;
use crate::instance::RECYCLES_VARIABLE;
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

pub(super) struct Keeper {
    name: String,
    /// Its record before it wrote one itself.
    unknown: InstanceRecord,
    command: Vec<OsString>,
    folder: PathBuf,
    output: Output,
    dir: InstanceDir,
    /// The file that says which instances there are.
    targets: PathBuf,
    stop_timeout: Duration,
    policy: RecyclePolicy,
    recycles: u32,
    /// Whether it was seen running.
    has_run: bool,
}

impl Keeper {
    pub(super) fn new(
        options: &LocalOptions<'_>,
        unknown: InstanceRecord,
        command: Vec<OsString>,
        dir: InstanceDir,
        targets: PathBuf,
    ) -> Self {
        Self {
            name: instance_name(&unknown.role, unknown.instance),
            unknown,
            command,
            folder: options.folder.to_path_buf(),
            output: options.output,
            dir,
            targets,
            stop_timeout: options.stop_timeout,
            policy: options.recycle,
            recycles: 0,
            has_run: false,
        }
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
            if began.elapsed() >= self.policy.stable_after {
                failures_in_a_row = 0;
            }
            failures_in_a_row = failures_in_a_row.saturating_add(1);
            let RecyclePolicy { backoff_first: first, backoff_cap: longest, .. } = self.policy;
            let wait = Backoff { first, longest }.jittered(failures_in_a_row, next_random(&mut seed));
            warn!("{} ended with {exit}; starting it again in {wait:.1?}", self.name);
            self.recycles = self.recycles.saturating_add(1);
            self.note(Stage::Waiting, &reason);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.asked.cancelled() => return End::Stopped,
            }
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
            (_, politely) = process.stop(Ask::Process, self.stop_timeout) => politely,
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
            command: self.command.clone(),
            folder: self.folder.clone(),
            environment: vec![
                (RECYCLES_VARIABLE.into(), self.recycles.to_string().into()),
                (targets::VARIABLE.into(), self.targets.clone().into()),
            ],
            withheld: Vec::new(),
            user: None,
            limited: false,
            // It has a service to stop.
            orphaned: Orphaned::Terminate,
            output: self.output,
            within: None,
        }
    }

    fn says_that_it_runs(&self) -> bool {
        self.dir.read().ok().flatten().is_some_and(|record| record.stage == Stage::Running)
    }

    /// Why the instance ended: in its own words if it left any.
    fn last_words(&self, exit: Exit) -> String {
        let record = self.dir.read().ok().flatten();
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
        let known = self.dir.read().ok().flatten();
        let mut record = known.unwrap_or_else(|| self.unknown.clone());
        record.stage = stage;
        record.ready = false;
        record.pid = None;
        record.services_ended();
        record.recycles = self.recycles;
        record.last_error = Some(reason.to_owned());
        record.since = now();
        if let Err(error) = self.dir.make().and_then(|()| self.dir.write(&record)) {
            warn!("{error}");
        }
    }
}
