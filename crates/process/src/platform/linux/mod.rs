//! Processes on Linux: sessions, process handles, parent-death signals and /proc.

mod capture;
mod groups;
mod inheritance;
mod procfs;
mod spawner;
mod tree;
mod user;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
    setsid,
};
use tokio::process::Command;

pub use self::tree::Tree;
pub(crate) use self::tree::end_abandoned;

use self::capture::Capture;
use self::spawner::{Note, Spawned};
use self::user::Identity;
use crate::error::SpawnError;
use crate::exit::Exit;
use crate::spec::{Orphaned, Output, ProcessSpec};
use crate::tail::Tail;

/// A process, its tree and its output.
#[derive(Debug)]
pub(crate) struct Child {
    process: tokio::process::Child,
    tree: Tree,
    /// The tree that it also belongs to.
    within: Option<Tree>,
    tail: Tail,
    capture: Option<Capture>,
    exit: Option<Exit>,
    /// Declared after `process`: the note must outlive it.
    note: Note,
}

impl Child {
    pub(crate) fn pid(&self) -> u32 {
        self.note.pid.cast_unsigned()
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Asks the process itself to end.
    pub(crate) fn terminate(&self) {
        // Not waited for yet, so its number is still its own.
        if self.exit.is_none()
            && let Some(pid) = Pid::from_raw(self.note.pid)
        {
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
    }

    pub(crate) async fn wait(&mut self) -> Exit {
        let exit = if let Some(exit) = self.exit {
            exit
        } else {
            let exit = self.process.wait().await.map_or(Exit::Unknown, exit_of);
            self.tree.settle(self.note.pid);
            self.within.iter().for_each(|tree| tree.settle(self.note.pid));
            *self.exit.insert(exit)
        };
        if let Some(capture) = &mut self.capture {
            capture.drain().await;
            self.capture = None;
        }
        exit
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.exit.is_none() {
            self.tree.kill_now();
        }
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Unknown,
    }
}

pub(crate) fn user_ids(user: &str) -> Result<Option<(u32, u32)>, SpawnError> {
    Ok(Identity::find(user)?.map(|identity| identity.ids()))
}

/// What is known of a process before it is started.
struct Launch<'a> {
    named: &'a OsString,
    arguments: &'a [OsString],
    program: PathBuf,
    identity: Option<Identity>,
}

fn launch_of(spec: &ProcessSpec) -> Result<Launch<'_>, SpawnError> {
    let Some((named, arguments)) = spec.command.split_first() else { return Err(SpawnError::EmptyCommand) };
    std::fs::metadata(&spec.folder)
        .and_then(|meta| if meta.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) })
        .map_err(|source| SpawnError::Folder { folder: spec.folder.clone(), source })?;
    let path = spec.environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
    let path = path.or_else(|| std::env::var_os("PATH"));
    let program = crate::program::find(named, &spec.folder, path.as_deref())?;
    let identity = spec.user.as_deref().map(Identity::find).transpose()?.flatten();
    Ok(Launch { named, arguments, program, identity })
}

pub(crate) fn check(spec: &ProcessSpec) -> Result<(), SpawnError> {
    launch_of(spec).map(|_| ())
}

pub(crate) async fn spawn(spec: &ProcessSpec) -> Result<Child, SpawnError> {
    start(spec, None, None).await
}

pub(crate) async fn spawn_on(
    spec: &ProcessSpec,
    socket: OwnedFd,
    error: Option<OwnedFd>,
) -> Result<Child, SpawnError> {
    start(spec, Some(socket), error).await
}

async fn start(
    spec: &ProcessSpec,
    socket: Option<OwnedFd>,
    error: Option<OwnedFd>,
) -> Result<Child, SpawnError> {
    let Launch { named, arguments, program, identity } = launch_of(spec)?;
    let tree = spec.within.as_ref().map_or_else(Tree::new, Tree::branch);
    let tree = if spec.takes_strays { tree.taking_strays() } else { tree };
    let tail = Tail::default();
    let mut command = Command::new(&program);
    command.arg0(named).args(arguments).current_dir(&spec.folder).stdin(Stdio::null()).kill_on_drop(true);
    for name in &spec.withheld {
        command.env_remove(name);
    }
    if let Some(identity) = &identity {
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"XDG_"))
        {
            command.env_remove(name);
        }
        command.envs(identity.variables());
    }
    command.envs(spec.environment.iter().map(|(name, value)| (name, value))).env(tree::MARK, tree.mark());
    let failed = |source: io::Error| explain(source, &program, spec.user.as_deref());
    let is_connected = socket.is_some();
    if let Some(socket) = socket {
        command.stdin(socket.try_clone().map_err(failed)?).stdout(socket);
    }
    let capture = match (spec.output, error) {
        (_, Some(error)) => {
            command.stderr(error);
            None
        }
        (Output::Inherit, None) => None,
        (Output::Log, None) => {
            let mut capture = Capture::default();
            if !is_connected {
                command.stdout(capture.open("stdout", &spec.name, &tail).map_err(failed)?);
            }
            command.stderr(capture.open("stderr", &spec.name, &tail).map_err(failed)?);
            Some(capture)
        }
    };
    prepare(&mut command, spec, identity);

    let Spawned { child, note } = spawner::spawn(command).await.map_err(failed)?;
    tree.add_root(note.pid);
    if let Some(within) = &spec.within {
        within.add_root(note.pid);
    }
    let within = spec.within.clone();
    Ok(Child { process: child, tree, within, tail, capture, exit: None, note })
}

/// What happens in the new process before it becomes the program.
fn prepare(command: &mut Command, spec: &ProcessSpec, identity: Option<Identity>) {
    let parent = getpid();
    let may_gain_rights = spec.may_gain_rights;
    let farewell = match spec.orphaned {
        Orphaned::Kill => Some(Signal::KILL),
        Orphaned::Terminate => Some(Signal::TERM),
        Orphaned::Notices => None,
    };
    let descriptors = standpipe_system::machine::first_descriptor_limit();
    let set_up = move || {
        // A session of its own: signals from a terminal go to standpipe alone, which decides.
        setsid()?;
        if let Some(current) = descriptors {
            // The limit of whoever started us: programs may use `select`, or close all that they could have.
            let limit = getrlimit(Resource::Nofile);
            setrlimit(Resource::Nofile, Rlimit { current: Some(current), ..limit })?;
        }
        inheritance::end_at_exec()?;
        if let Some(identity) = &identity {
            identity.assume()?;
        }
        if !may_gain_rights {
            inheritance::end_rights()?;
        }
        // After the change of identity, which would clear it.
        set_parent_process_death_signal(farewell)?;
        if getppid() != Some(parent) {
            return Err(rustix::io::Errno::SRCH.into());
        }
        Ok(())
    };
    #[expect(unsafe_code, reason = "the only way to act between fork and exec")]
    // SAFETY: the closure makes system calls and nothing else: it takes no lock and allocates nothing.
    unsafe {
        command.pre_exec(set_up);
    }
}

/// What an error of fork or exec means.
fn explain(source: io::Error, program: &std::path::Path, user: Option<&str>) -> SpawnError {
    let program = program.to_path_buf();
    match (source.kind(), user) {
        (io::ErrorKind::PermissionDenied, Some(user)) if source.raw_os_error() == Some(1) => {
            SpawnError::NotRoot { user: user.to_owned() }
        }
        (io::ErrorKind::PermissionDenied, _) => SpawnError::Denied { program },
        // The program was found, so what is missing is its interpreter.
        (io::ErrorKind::NotFound | io::ErrorKind::InvalidInput, _) => {
            SpawnError::NotAProgram { program, source }
        }
        _ if source.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
            SpawnError::NotAProgram { program, source }
        }
        _ if source.raw_os_error() == Some(rustix::io::Errno::TOOBIG.raw_os_error()) => {
            SpawnError::TooLong { program }
        }
        _ => SpawnError::System { program, source },
    }
}
