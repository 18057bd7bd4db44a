//! What an instance says about itself, for `standpipe ps` and the live view.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use standpipe_system::error::with_causes;

use super::StateError;
use super::whole_file::{overwrite_json, write_json};
use crate::targets::Targets;

/// The state of a service that does not run.
const STOPPED: &str = "Stopped";

/// The state of a service that runs.
const RUNNING: &str = "Running";

/// A longer file was not written by an instance.
const LONGEST: u64 = 256 * 1024;

/// The file in an instance's folder.
pub(super) const FILE: &str = "state.json";

/// How far an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Its startup tasks run.
    Preparing,
    /// Its service is being started, or started again.
    Starting,
    /// It does what it is for.
    Running,
    /// It takes nothing new and finishes what it has.
    Draining,
    /// It ended because somebody asked.
    Stopped,
    /// It ended because it could not go on.
    Failed,
    /// It failed, and the local runtime waits before it starts it again.
    Waiting,
    /// What it wrote about itself cannot be read.
    Unknown,
}

impl Stage {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// An endpoint of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EndpointRecord {
    /// Its name in the deployment file.
    pub name: String,
    /// What is spoken there: `smb` or `http`.
    pub protocol: String,
    /// Where it listens, as `address:port`.
    pub address: String,
}

/// The state of one service of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ServiceRecord {
    /// Its name.
    pub name: String,
    /// Whether the instance is ready only while it is.
    pub essential: bool,
    /// What it is doing, by the name of its state.
    pub state: String,
    /// Its process, while there is one.
    pub pid: Option<u32>,
    /// Whether it runs and its pipes accept.
    pub ready: bool,
    /// How often it was started again since the instance began.
    pub restarts: u32,
    /// How often it failed since the instance began, by the kind of failure; kinds that did not occur are
    /// left out.
    #[serde(default)]
    pub failures: BTreeMap<String, u32>,
    /// How long it rests before it is started again, in milliseconds; 0 when it does not rest.
    #[serde(default)]
    pub rest: u64,
    /// How it failed last, while that matters.
    pub last_error: Option<String>,
}

impl ServiceRecord {
    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.state == RUNNING
    }

    /// A service that was not started yet.
    pub fn new(name: &str, essential: bool) -> Self {
        Self {
            name: name.to_owned(),
            essential,
            state: STOPPED.to_owned(),
            pid: None,
            ready: false,
            restarts: 0,
            failures: BTreeMap::new(),
            rest: 0,
            last_error: None,
        }
    }
}

/// The state of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstanceRecord {
    /// Its role.
    pub role: String,
    /// Its number within the role, from 0.
    pub instance: u32,
    /// The part of its role that it is updated with, from 0.
    #[serde(default)]
    pub update_domain: u32,
    /// The process that runs it; `None` when there is none.
    pub pid: Option<u32>,
    /// How far it is.
    pub stage: Stage,
    /// What its service is doing, by the name of its state, if it has a service. Of several services, the
    /// first that does not run counts.
    pub service: Option<String>,
    /// The process of its service, while there is one. With several services there is none.
    pub service_pid: Option<u32>,
    /// Its services, each after those that it depends on.
    #[serde(default)]
    pub services: Vec<ServiceRecord>,
    /// Whether it can be called.
    pub ready: bool,
    /// How often its services were started again since the instance began.
    pub restarts: u32,
    /// How often the local runtime started the instance again.
    pub recycles: u32,
    /// How often the local runtime emptied its folder, as it had failed several times in a row.
    #[serde(default)]
    pub reimages: u32,
    /// Where it listens.
    pub endpoints: Vec<EndpointRecord>,
    /// A digest of the role's settings that its process began with, which tells them from others.
    #[serde(default)]
    pub settings: Option<String>,
    /// What went wrong last, while it matters.
    pub last_error: Option<String>,
    /// Since when it has been like this (stage, readiness and service), in seconds since 1970-01-01 UTC.
    pub since: u64,
}

/// The seconds since 1970-01-01 UTC.
pub fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_secs())
}

impl InstanceRecord {
    /// An instance about which nothing is known yet.
    pub fn new(role: &str, instance: u32) -> Self {
        Self {
            role: role.to_owned(),
            instance,
            update_domain: 0,
            pid: None,
            stage: Stage::Preparing,
            service: None,
            service_pid: None,
            services: Vec::new(),
            ready: false,
            restarts: 0,
            recycles: 0,
            reimages: 0,
            endpoints: Vec::new(),
            settings: None,
            last_error: None,
            since: now(),
        }
    }

    /// What its services together mean for the instance.
    pub(crate) fn sum_up_services(&mut self) {
        let services = &self.services;
        let not_running = services.iter().find(|service| service.state != RUNNING);
        self.service = not_running.or(services.first()).map(|service| service.state.clone());
        self.restarts = services.iter().fold(0, |sum, service| sum.saturating_add(service.restarts));
        let failed = || services.iter().find_map(|service| Some((service, service.last_error.as_ref()?)));
        (self.service_pid, self.last_error) = match &services[..] {
            [only] => (only.pid, only.last_error.clone()),
            _ => (None, failed().map(|(service, error)| format!("{}: {error}", service.name))),
        };
    }

    /// Notes that no service runs any more.
    pub(crate) fn services_ended(&mut self) {
        for service in &mut self.services {
            STOPPED.clone_into(&mut service.state);
            service.pid = None;
            service.ready = false;
            service.rest = 0;
        }
        self.service_pid = None;
        self.service = self.service.take().map(|_| STOPPED.to_owned());
    }

    /// Writes it over what is there, for when the disk is full.
    pub(crate) fn overwrite(&self, path: &Path) -> io::Result<()> {
        overwrite_json(path, self)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), StateError> {
        write_json(path, self)
    }

    pub(super) fn read(path: &Path) -> Result<Option<Self>, StateError> {
        let read = || -> io::Result<Self> {
            let mut text = Vec::new();
            fs::File::open(path)?.take(LONGEST).read_to_end(&mut text)?;
            Ok(serde_json::from_slice(&text)?)
        };
        match read() {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::io("read", path)(error)),
        }
    }
}

/// The state of every instance in a deployment's folder, by role and number. One that the local runtime is
/// about to start is being prepared; one whose process is gone without having said so is reported as failed;
/// one whose file cannot be read as unknown, with the reason.
///
/// # Errors
/// When the folder cannot be read. A folder that is not there holds no instance.
pub fn read_all(dir: &Path) -> Result<Vec<InstanceRecord>, StateError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StateError::io("read", dir)(error)),
    };
    let mut records = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StateError::io("read", dir))?;
        let (name, path) = (entry.file_name(), entry.path());
        let Some((role, number)) = super::parse_instance_name(&name) else { continue };
        if !path.is_dir() {
            continue;
        }
        match InstanceRecord::read(&path.join(FILE)) {
            Ok(Some(record)) => records.push(checked(record, &path)),
            Ok(None) => {}
            Err(error) => records.push(InstanceRecord {
                stage: Stage::Unknown,
                last_error: Some(with_causes(&error).to_string()),
                ..InstanceRecord::new(role, number)
            }),
        }
    }
    records.extend(expected(dir, &records));
    records.sort_by(|one, other| (&one.role, one.instance).cmp(&(&other.role, other.instance)));
    Ok(records)
}

/// What one instance says about itself in the deployment's folder; `None` if it says nothing.
///
/// # Errors
/// When its file cannot be read.
pub fn read_one(dir: &Path, role: &str, number: u32) -> Result<Option<InstanceRecord>, StateError> {
    InstanceRecord::read(&dir.join(super::instance_name(role, number)).join(FILE))
}

/// The instances that the running local runtime has, and that said nothing yet.
fn expected(dir: &Path, known: &[InstanceRecord]) -> Vec<InstanceRecord> {
    if !super::lock::Lock::is_taken(&dir.join("lock")) {
        return Vec::new();
    }
    let Ok(targets) = Targets::read(&dir.join("targets.json")) else { return Vec::new() };
    let all = targets.roles.iter().flat_map(|(role, all)| all.iter().map(move |target| (role, target)));
    let known: HashSet<(&str, u32)> = known.iter().map(|one| (one.role.as_str(), one.instance)).collect();
    all.filter(|(role, target)| !known.contains(&(role.as_str(), target.instance)))
        .map(|(role, target)| InstanceRecord {
            update_domain: target.update_domain,
            ..InstanceRecord::new(role, target.instance)
        })
        .collect()
}

/// What a record means when nobody runs the instance any more.
fn checked(mut record: InstanceRecord, dir: &Path) -> InstanceRecord {
    let claims_to_run =
        matches!(record.stage, Stage::Preparing | Stage::Starting | Stage::Running | Stage::Draining);
    if claims_to_run && !super::lock::Lock::is_taken(&dir.join("lock")) {
        record.stage = Stage::Failed;
        record.ready = false;
        record.pid = None;
        record.services_ended();
        record.last_error = Some("its process ended without a word".to_owned());
    }
    record
}
