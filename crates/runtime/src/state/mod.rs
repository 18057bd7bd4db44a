//! What a running deployment keeps on disk: one folder, with a folder for each instance.
//!
//! ```text
//! DIR/.standpipe               says that the folder is one of these
//! DIR/lock                     held by the local runtime while it runs
//! DIR/control                  where the local runtime listens to other commands
//! DIR/targets.json             which instances there are, and where; see [`targets`](crate::targets)
//! DIR/logs/up.log              the last log lines of the local runtime, and in `.log.1` those before
//! DIR/logs/ServiceWatcher.0.log  the same of an instance
//! DIR/ServiceWatcher.0/.standpipe-instance
//! DIR/ServiceWatcher.0/lock    held by the instance while it runs
//! DIR/ServiceWatcher.0/state.json
//! DIR/ServiceWatcher.0/accounts.toml
//! DIR/ServiceWatcher.0/pipes/simple
//! DIR/ServiceWatcher.0/tmp     TMPDIR of a role with a .NET service
//! DIR/ServiceWatcher.0/storage local storage that is emptied when the instance starts
//! DIR/ServiceWatcher.0/kept    local storage that is kept
//! DIR/ServiceWatcher.0/once.json  which startup tasks were done that are to be done once
//! ```
//!
//! Nobody else can read it, and it is gone after a clean stop, save what is kept. Only what has these names,
//! in folders with these marks, is ever removed.

mod folders;
mod lock;
mod logs;
mod marker;
mod once;
mod record;
mod remains;
mod running;
mod storage;
mod whole_file;

#[cfg(test)]
mod tests;

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use standpipe_system::folder::{self, Untrusted};
use standpipe_system::machine::MAX_SOCKET_PATH;
use thiserror::Error;

pub use logs::{Log, former_log, log_of, logs, own_log};
pub(crate) use once::{Done, add_done, read_done};
pub use record::{EndpointRecord, InstanceRecord, ServiceRecord, Stage, now, read_all, read_one};
pub use running::{RunningDeployment, running};

use standpipe_deployment::{Backend, Role, is_role_name};
use standpipe_pipe::listener::dotnet_socket;

use crate::exit_code::ExitCode;
use crate::local::control::SOCKET;
use crate::targets::Targets;
use crate::{platform, temporary};
use lock::Lock;

/// What went wrong with the state of a deployment.
#[derive(Debug, Error)]
pub enum StateError {
    /// It runs already.
    #[error("{what} runs already{}", pid.map_or_else(String::new, |pid| format!(", as process {pid}")))]
    Running {
        /// The deployment or the instance.
        what: String,
        /// The process that runs it, if it says so.
        pid: Option<u32>,
    },
    /// A folder that must be this user's alone is not.
    #[error("the folder `{}` cannot be trusted: {reason}", folder.display())]
    Untrusted {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: Untrusted,
    },
    /// A folder holds something, and Standpipe did not make it.
    #[error("the folder `{}` holds something else than the state of a deployment", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// The system has no room for the path of a pipe's socket.
    #[error("the path `{}` of a pipe's socket has {} bytes, and {MAX_SOCKET_PATH} is the limit", path.display(), path.as_os_str().len())]
    SocketPath {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as words that fit between *cannot* and the path.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateError {
    /// The exit code that says it: whether it may pass, somebody has to allow it, or another folder has to be
    /// named.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Foreign { .. } | Self::SocketPath { .. } => ExitCode::Config,
            Self::Untrusted { .. } => ExitCode::NotPermitted,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                ExitCode::NotPermitted
            }
            Self::Running { .. } | Self::Io { .. } => ExitCode::Temporary,
        }
    }

    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Running { .. } => Some("stop it first, or keep this one in another folder"),
            Self::Untrusted { .. } => {
                Some("use a folder that is this user's alone, or that is not there yet")
            }
            Self::Foreign { .. } => Some("use an empty folder, or one that is not there yet"),
            Self::SocketPath { .. } => Some("use a folder with a shorter path"),
            Self::Io { .. } => None,
        }
    }

    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }
}

/// Where the state of the deployment `name` is: `given` if it is, else a folder of that name in this user's
/// [default folder](standpipe_system::folder::default_folder).
///
/// `variable` reads the environment.
pub fn locate(
    name: &str,
    given: Option<&Path>,
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> PathBuf {
    given.map_or_else(|| folder::default_folder(variable).join(name), Path::to_path_buf)
}

/// Whether the sockets of the pipes of `instances` (role and number) have room in the state folder `dir`.
///
/// # Errors
/// [`StateError::SocketPath`] for the first that has not; [`StateError::Io`] when the current folder is not
/// known.
pub fn check_sockets<'a>(
    dir: &Path,
    instances: impl IntoIterator<Item = (&'a Role, u32)>,
) -> Result<(), StateError> {
    let path = std::path::absolute(dir).map_err(StateError::io("find", dir))?;
    let state = StateDir { path };
    for (role, number) in instances {
        let instance = state.instance(&role.name, number);
        for pipe in &role.pipes {
            let path = match &pipe.backend {
                Backend::Instance => instance.pipes().join(&pipe.name),
                Backend::Dotnet(name) if temporary::is_own(role) && !name.starts_with('/') => {
                    dotnet_socket(&instance.temporary(), name)
                }
                _ => continue,
            };
            if path.as_os_str().len() > MAX_SOCKET_PATH {
                return Err(StateError::SocketPath { path });
            }
        }
    }
    Ok(())
}

/// The state folder of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// The folder at `path`, made if it is not there. It is this user's, and nobody else can change what is
    /// in it.
    ///
    /// # Errors
    /// When it cannot be made, or is there and cannot be trusted, or holds what Standpipe did not put there.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        let path = std::path::absolute(path).map_err(StateError::io("find", path))?;
        // Another deployment may be taking the folder of all of them away, as the last that was in it.
        for _ in 0..3 {
            if let Some(parent) = path.parent() {
                folders::make_parents(parent)?;
            }
            match folders::make_private(&path) {
                Err(StateError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                made => {
                    made?;
                    marker::DEPLOYMENT.claim(&path)?;
                    return Ok(Self { path });
                }
            }
        }
        Err(StateError::io("make the folder", &path)(io::ErrorKind::NotFound.into()))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the whole deployment `name`, for as long as the result lives.
    ///
    /// # Errors
    /// [`StateError::Running`] when somebody else has it.
    pub fn lock(&self, name: &str) -> Result<DeploymentLock, StateError> {
        let lock = Lock::take(&self.path.join("lock"), &format!("the deployment `{name}`"))?;
        Ok(DeploymentLock { dir: self.clone(), lock })
    }

    /// Removes what instances that ended badly left behind, those among them that the deployment has no more.
    ///
    /// # Errors
    /// [`StateError::Running`] when one of them has not ended.
    pub fn clear(&self) -> Result<(), StateError> {
        self.instances()?.iter().try_for_each(InstanceDir::clear)
    }

    /// The file that says which instances there are; see [`targets`](crate::targets).
    pub fn targets(&self) -> PathBuf {
        self.path.join("targets.json")
    }

    /// The socket at which a running local runtime listens; see [`control`](crate::local::control).
    pub(crate) fn control(&self) -> PathBuf {
        self.path.join(SOCKET)
    }

    /// Whether a process runs an instance of the deployment.
    pub(crate) fn has_running_instances(&self) -> Result<bool, StateError> {
        Ok(self.instances()?.iter().any(InstanceDir::is_running))
    }

    /// The folders of instances that there are.
    fn instances(&self) -> Result<Vec<InstanceDir>, StateError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(StateError::io("read", &self.path))? {
            let entry = entry.map_err(StateError::io("read", &self.path))?;
            let path = entry.path();
            // Anything else is not ours.
            let is_instance = entry.file_type().is_ok_and(|kind| kind.is_dir())
                && parse_instance_name(&entry.file_name()).is_some()
                && marker::INSTANCE.is_on(&path);
            if is_instance {
                found.push(InstanceDir { path, parent: self.path.clone() });
            }
        }
        Ok(found)
    }

    /// Makes the folder for [logs].
    pub(crate) fn make_logs(&self) -> Result<(), StateError> {
        logs::make(&self.path)
    }

    /// Replaces [that file](Self::targets).
    pub(crate) fn write_targets(&self, targets: &Targets) -> Result<(), StateError> {
        whole_file::write_json(&self.targets(), targets)
    }

    /// The folder of one instance.
    pub fn instance(&self, role: &str, number: u32) -> InstanceDir {
        InstanceDir { path: self.path.join(instance_name(role, number)), parent: self.path.clone() }
    }
}

/// Whether the folder of a deployment is there, and this user's alone.
///
/// # Errors
/// When it cannot be trusted, or cannot be looked at.
pub fn check_folder(dir: &Path) -> Result<(), StateError> {
    folders::check(dir)
}

/// Whether a local runtime runs the deployment whose state folder is `dir`.
pub fn is_run(dir: &Path) -> bool {
    Lock::is_taken(&dir.join("lock"))
}

/// Says in the state folder `dir` why an instance could not begin; see [`InstanceDir::write_last_words`].
///
/// # Errors
/// When it cannot be written.
pub fn write_last_words(dir: &Path, role: &str, number: u32, reason: &str) -> Result<(), StateError> {
    let path = std::path::absolute(dir).map_err(StateError::io("find", dir))?;
    StateDir { path }.instance(role, number).write_last_words(role, number, reason)
}

/// What an instance is called: the role and its number, as in `ServiceWatcher.0`.
pub fn instance_name(role: &str, number: u32) -> String {
    format!("{role}.{number}")
}

/// The role and the number in the name of an instance's folder.
fn parse_instance_name(name: &OsStr) -> Option<(&str, u32)> {
    let (role, digits) = name.to_str()?.split_once('.')?;
    let number: u32 = digits.parse().ok()?;
    // Not `00` or `+1`: what is not written as we write it is not ours.
    (is_role_name(role) && number.to_string() == digits).then_some((role, number))
}

fn is_instance_name(path: &Path) -> bool {
    path.file_name().and_then(parse_instance_name).is_some()
}

/// A deployment that this process runs.
#[derive(Debug)]
pub struct DeploymentLock {
    dir: StateDir,
    lock: Lock,
}

impl DeploymentLock {
    /// Removes what instances and the local runtime made; the folder too, unless something else is in it.
    /// Instances must have ended.
    pub fn remove(self) -> Result<(), StateError> {
        for instance in self.dir.instances()? {
            if !instance.is_running() {
                instance.remove()?;
            }
        }
        // While the lock is held, so that the next holder makes everything anew.
        logs::remove(&self.dir.path)?;
        for name in [SOCKET, "targets.json", "targets.json.new", "lock"] {
            remove_file(&self.dir.path.join(name))?;
        }
        // Windows before 10, and Wine, remove an open file once it is closed, and its folder not before.
        drop(self.lock);
        remove_deployment(&self.dir.path)
    }
}

/// The folder of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDir {
    path: PathBuf,
    parent: PathBuf,
}

impl InstanceDir {
    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of accounts that may log on, unless the role names another.
    pub fn accounts(&self) -> PathBuf {
        self.path.join("accounts.toml")
    }

    /// The Wine prefix of the instance, unless the role names another. It stays when the instance ends.
    pub fn wine(&self) -> PathBuf {
        self.path.join(remains::PREFIX)
    }

    /// The folder of the sockets of the service's pipes.
    pub fn pipes(&self) -> PathBuf {
        self.path.join("pipes")
    }

    /// The folder for temporary files of a role whose .NET service makes its sockets there.
    pub fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Makes the folders and takes the instance, for as long as the result lives. `owner` is the user (with
    /// its group) that the service runs as, when it is not this process's own: it gets the folder of pipes.
    ///
    /// # Errors
    /// [`StateError::Running`] when another process runs this instance.
    pub fn lock(&self, owner: Option<(u32, u32)>) -> Result<InstanceLock, StateError> {
        self.make()?;
        let lock = Lock::take(&self.path.join("lock"), &format!("the instance {}", self.name()))?;
        // What an instance that ended badly left behind.
        remains::remove_pipes(&self.pipes())?;
        remains::remove_temporary(&self.temporary())?;
        if owner.is_some() && self.pipes().is_dir() {
            // The service left something else there. It was given to its user the last time.
            platform::take_back(&self.pipes()).map_err(StateError::io("take back", &self.pipes()))?;
        }
        folders::make_private(&self.pipes())?;
        if let Some(owner) = owner {
            platform::hand_over(&self.pipes(), owner).map_err(StateError::io("give away", &self.pipes()))?;
            // Up to the folder of all deployments, which is made for one user too.
            for above in self.path.ancestors().take(3) {
                if above.starts_with(&self.parent) || folders::is_default_parent(above) {
                    platform::let_through(above).map_err(StateError::io("open up", above))?;
                }
            }
        }
        Ok(InstanceLock { dir: self.clone(), lock })
    }

    /// Makes the folder, if it is not there.
    pub(crate) fn make(&self) -> Result<(), StateError> {
        folders::make_private(&self.path)?;
        marker::INSTANCE.claim(&self.path)
    }

    /// Writes what `ps` reads, all of it or nothing.
    pub fn write(&self, record: &InstanceRecord) -> Result<(), StateError> {
        record.write(&self.record())
    }

    /// Says why the instance could not begin. Nothing is written when the deployment has no folder here,
    /// or when another process runs this instance.
    pub fn write_last_words(&self, role: &str, number: u32, reason: &str) -> Result<(), StateError> {
        if !marker::DEPLOYMENT.is_on(&self.parent) || !is_instance_name(&self.path) {
            return Ok(());
        }
        self.make()?;
        let lock = match Lock::take(&self.path.join("lock"), &format!("the instance {}", self.name())) {
            Err(StateError::Running { .. }) => return Ok(()),
            lock => lock?,
        };
        let known = self.read().ok().flatten();
        let record = InstanceRecord {
            pid: None,
            stage: Stage::Failed,
            ready: false,
            last_error: Some(reason.to_owned()),
            since: now(),
            ..known.unwrap_or_else(|| InstanceRecord::new(role, number))
        };
        let written = self.write(&record);
        drop(lock);
        written
    }

    /// What the instance wrote last; `None` when it wrote nothing.
    pub fn read(&self) -> Result<Option<InstanceRecord>, StateError> {
        InstanceRecord::read(&self.path.join(record::FILE))
    }

    /// Whether a process runs this instance.
    pub fn is_running(&self) -> bool {
        Lock::is_taken(&self.path.join("lock"))
    }

    /// Removes what an instance that ended badly left behind.
    ///
    /// # Errors
    /// [`StateError::Running`] when it has not ended.
    pub(crate) fn clear(&self) -> Result<(), StateError> {
        if self.is_running() {
            let what = format!("the instance {}", self.name());
            return Err(StateError::Running { what, pid: self.read()?.and_then(|record| record.pid) });
        }
        self.remove()
    }

    /// Removes everything in the folder, whoever put it there, and the folder.
    ///
    /// # Errors
    /// [`StateError::Running`] when the instance has not ended.
    pub(crate) fn empty(&self) -> Result<(), StateError> {
        if !marker::INSTANCE.is_on(&self.path) {
            return Ok(());
        }
        self.clear()?;
        // What is left is of its service: a Wine prefix, files.
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StateError::io("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    /// The file that says which startup tasks were done that are to be done once.
    pub(crate) fn once(&self) -> PathBuf {
        self.path.join(once::FILE)
    }

    /// The file that says how the instance is.
    pub(crate) fn record(&self) -> PathBuf {
        self.path.join(record::FILE)
    }

    fn name(&self) -> String {
        self.path.file_name().map(OsStr::to_string_lossy).unwrap_or_default().into_owned()
    }

    fn remove(&self) -> Result<(), StateError> {
        remains::remove_instance(&self.path)
    }
}

/// An instance that this process runs.
#[derive(Debug)]
pub struct InstanceLock {
    dir: InstanceDir,
    lock: Lock,
}

impl InstanceLock {
    /// Its folder.
    pub fn dir(&self) -> &InstanceDir {
        &self.dir
    }

    /// Whether the folder is still the one that was taken: nobody has removed it.
    pub(crate) fn is_in_place(&self) -> bool {
        self.lock.is_at(&self.dir.path.join("lock"))
    }

    /// Makes the folder for temporary files, for `owner` alone as in [`InstanceDir::lock`].
    pub(crate) fn make_temporary(&self, owner: Option<(u32, u32)>) -> Result<PathBuf, StateError> {
        let path = self.dir.temporary();
        folders::make_private(&path)?;
        if let Some(owner) = owner {
            platform::hand_over(&path, owner).map_err(StateError::io("give away", &path))?;
        }
        Ok(path)
    }

    /// Removes the instance's folder; the deployment's too, if this was the last thing in it.
    pub fn remove(self) -> Result<(), StateError> {
        let Self { dir, lock } = self;
        if cfg!(windows) {
            // There an open file cannot be removed for sure. Whoever takes the lock meanwhile keeps it, as
            // its file is open then.
            drop(lock);
            dir.remove()?;
        } else {
            dir.remove()?;
            drop(lock);
        }
        remove_deployment(&dir.parent)
    }
}

fn remove_file(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StateError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a deployment's folder if nothing is in it, and then the folder of all deployments likewise.
fn remove_deployment(path: &Path) -> Result<(), StateError> {
    marker::DEPLOYMENT.remove_alone(path)?;
    match path.parent().filter(|above| folders::is_default_parent(above)) {
        Some(above) => remove_if_empty(above),
        None => Ok(()),
    }
}

fn remove_if_empty(path: &Path) -> Result<(), StateError> {
    match fs::remove_dir(path) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
            Err(StateError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
