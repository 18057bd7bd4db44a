//! Startup tasks: commands that run before a role does.
//!
//! On Windows a task that is not elevated runs as Standpipe's user without the rights of an administrator;
//! batch files are tasks like others; a package, as in `["./setup.msi"]`, is installed by `msiexec` without
//! asking; and an installer that ends with 3010 or 1641 has done its work, and
//! asks for a restart of Windows.
//!
//! They run in the order of the file. A *simple* task is waited for, and its failure keeps the role from
//! starting. A *background* task is started and left alone; it ends with the instance at the latest. A
//! *foreground* task is left alone too, and is given longer than others to end when the instance does.

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
#[cfg(test)]
#[cfg(windows)]
mod windows_tests;

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use standpipe_agent::host::Host;
use standpipe_deployment::{StartupTask, TASK_GRACE, TaskKind};
use standpipe_process::{
    self as process, Ask, Exit, Orphaned, Output, Process, ProcessSpec, SpawnError, Tree,
};
use standpipe_system::time::Shown;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::environment::{self, InstanceEnvironment};
use crate::spawn_hint::spawn_hint;
use crate::state::{self, Done};

/// A startup task that failed. Its text ends with the last line that it wrote.
#[derive(Debug, Error)]
#[error("startup task {number} `{command}` {reason}{}", last_line(output))]
pub struct TaskFailure {
    /// Its place in the file, from 1.
    pub number: usize,
    /// Its command line.
    pub command: String,
    /// What went wrong.
    pub reason: TaskFailureReason,
    /// The last lines it wrote, oldest first.
    pub output: Vec<String>,
    /// Why it could not be started.
    #[source]
    pub cause: Option<SpawnError>,
}

fn last_line(output: &[String]) -> String {
    let last = output.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty());
    last.map(|line| format!(" (it wrote last: {line})")).unwrap_or_default()
}

/// What can go wrong with a startup task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskFailureReason {
    /// It could not be started.
    Start,
    /// It ended, but not well.
    Exit {
        /// How it ended.
        exit: Exit,
        /// How long it ran.
        took: Duration,
    },
    /// It took longer than it may.
    TimedOut {
        /// How long it may take.
        timeout: Duration,
    },
}

impl fmt::Display for TaskFailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("could not be started"),
            Self::Exit { exit, took } => write!(f, "failed with {exit} after {}", Shown(*took)),
            Self::TimedOut { timeout } => {
                write!(f, "was stopped because it took longer than its timeout of {}", Shown(*timeout))
            }
        }
    }
}

impl TaskFailure {
    /// What to do about it, where there is something to do.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.reason {
            TaskFailureReason::Start => spawn_hint(self.cause.as_ref()?),
            TaskFailureReason::TimedOut { .. } => Some("give the task a longer `timeout`"),
            TaskFailureReason::Exit { .. } => None,
        }
    }
}

/// The tasks of one instance, and those of them that still run.
#[derive(Debug)]
pub(crate) struct Startup<'a> {
    folder: &'a Path,
    environment: &'a InstanceEnvironment,
    user: Option<&'a str>,
    tree: &'a Tree,
    /// Where programs of Windows run, on another system.
    wine: Option<&'a Host>,
    /// Which tasks have been done that are to be done once.
    done: Option<PathBuf>,
    /// One for each background and foreground task.
    followed: JoinSet<()>,
    ending: CancellationToken,
}

impl<'a> Startup<'a> {
    /// Tasks that run in `folder`, within `tree`; those that are not elevated as `user`, if there is one.
    pub(crate) fn new(
        folder: &'a Path,
        environment: &'a InstanceEnvironment,
        user: Option<&'a str>,
        tree: &'a Tree,
    ) -> Self {
        Self {
            folder,
            environment,
            user,
            tree,
            wine: None,
            done: None,
            followed: JoinSet::new(),
            ending: CancellationToken::new(),
        }
    }

    /// Keeps in a file which tasks have been done that are to be done once. Without it they are done each
    /// time.
    pub(crate) fn keep_done_in(&mut self, file: PathBuf) {
        self.done = Some(file);
    }

    /// Runs the tasks that are programs of Windows in a Wine prefix.
    pub(crate) fn run_windows_programs_in(&mut self, wine: Option<&'a Host>) {
        self.wine = wine;
    }

    /// To be cancelled before the tasks are asked to end: from then on it is no news that they do.
    pub(crate) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Runs the tasks up to the first that fails. Dropped before it is done, it kills the task that it waits
    /// for.
    pub(crate) async fn run(&mut self, tasks: &[StartupTask]) -> Result<(), TaskFailure> {
        for (index, task) in tasks.iter().enumerate() {
            self.run_one(index + 1, task).await?;
        }
        Ok(())
    }

    async fn run_one(&mut self, number: usize, task: &StartupTask) -> Result<(), TaskFailure> {
        let command = shown(task);
        let once =
            task.once.as_ref().map(|version| Done { command: command.clone(), version: version.clone() });
        if let (Some(once), Some(file)) = (&once, &self.done)
            && state::read_done(file).contains(once)
        {
            info!(
                task = number,
                "startup task `{command}` was done before: its `once` is `{}`", once.version
            );
            return Ok(());
        }
        info!(task = number, "startup task `{command}`");
        let began = Instant::now();
        let failed =
            |reason, output, cause| TaskFailure { number, command: command.clone(), reason, output, cause };
        let not_started = |error| failed(TaskFailureReason::Start, Vec::new(), Some(error));
        let spec = self.spec(task).map_err(not_started)?;
        let mut process = process::spawn(&spec).await.map_err(not_started)?;
        let timeout = task.timeout;
        match task.kind {
            TaskKind::Simple => {
                let ended = outcome(&mut process, timeout, began).await;
                let exit = ended.map_err(|reason| failed(reason, process.tail().lines(), None))?;
                let took = Shown(began.elapsed());
                info!(task = number, "startup task `{command}` done with {exit} after {took}");
                note_restart(number, exit);
                if let (Some(once), Some(file)) = (once, &self.done)
                    && let Err(error) = state::add_done(file, once)
                {
                    warn!(task = number, "the task runs again next time: {error}");
                }
                return Ok(());
            }
            TaskKind::Background | TaskKind::Foreground => {
                self.followed.spawn(follow(process, timeout, number, command, self.ending()));
            }
        }
        Ok(())
    }

    fn spec(&self, task: &StartupTask) -> Result<ProcessSpec, SpawnError> {
        let words = environment::words(&task.command);
        let spec = ProcessSpec {
            name: environment::short_name(&task.command),
            command: if cfg!(windows) { installed(words, self.folder) } else { words },
            folder: self.folder.to_path_buf(),
            environment: self.environment.variables(&task.environment_from, &task.environment),
            withheld: self.environment.withheld.clone(),
            // Standpipe's own identity is the most that it can give.
            user: self.user.filter(|_| !task.elevated).map(str::to_owned),
            limited: !task.elevated,
            may_gain_rights: task.elevated,
            takes_strays: false,
            orphaned: Orphaned::Kill,
            output: Output::Log,
            within: Some(self.tree.clone()),
        };
        match self.wine {
            Some(wine) if task.in_wine => wine.inside(spec),
            _ => Ok(spec),
        }
    }
}

/// How Windows runs a command: one that is a package of the Windows Installer is installed quietly.
fn installed(command: Vec<OsString>, folder: &Path) -> Vec<OsString> {
    let Some((program, arguments)) = command.split_first() else { return command };
    let is_package = Path::new(program).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("msi"));
    if !is_package {
        return command;
    }
    // It knows `/` as the beginning of an option only.
    let package = folder.join(program).to_string_lossy().replace('/', r"\").replace(r"\.\", r"\");
    let mut installer: Vec<OsString> =
        vec!["msiexec.exe".into(), "/i".into(), package.into(), "/qn".into(), "/norestart".into()];
    installer.extend(arguments.iter().cloned());
    installer
}

/// Waits for the end of a task, or for its timeout, which is its end too.
async fn outcome(
    process: &mut Process,
    timeout: Option<Duration>,
    began: Instant,
) -> Result<Exit, TaskFailureReason> {
    let ended = match timeout {
        None => Some(process.wait().await),
        Some(timeout) => tokio::time::timeout(timeout, process.wait()).await.ok(),
    };
    match (ended, timeout) {
        (Some(exit), _) if exit.is_success() || asks_for_restart(exit) => Ok(exit),
        (Some(exit), _) => Err(TaskFailureReason::Exit { exit, took: began.elapsed() }),
        (None, timeout) => {
            process.stop(Ask::Tree, TASK_GRACE).await;
            Err(TaskFailureReason::TimedOut { timeout: timeout.unwrap_or_default() })
        }
    }
}

/// Whether an installer ended with one of the codes that say that it is done, and that Windows has to be
/// started again, or is about to be ([MsiExec.exe and InstMsi.exe error
/// messages](https://learn.microsoft.com/en-us/windows/win32/msi/error-codes)). No program on Unix can.
const fn asks_for_restart(exit: Exit) -> bool {
    matches!(exit, Exit::Code(3010 | 1641))
}

fn note_restart(number: usize, exit: Exit) {
    if asks_for_restart(exit) {
        warn!(task = number, %exit, "what the startup task installed may need a restart of Windows");
    }
}

/// Follows a task that nobody waits for: its failure does not concern the role, but somebody may want to
/// know.
async fn follow(
    mut process: Process,
    timeout: Option<Duration>,
    number: usize,
    command: String,
    ending: CancellationToken,
) {
    let began = Instant::now();
    match outcome(&mut process, timeout, began).await {
        Ok(exit) => {
            let took = Shown(began.elapsed());
            info!(task = number, "startup task `{command}` done with {exit} after {took}");
            note_restart(number, exit);
        }
        Err(_) if ending.is_cancelled() => info!(task = number, "startup task `{command}` ended"),
        Err(reason) => {
            let failure =
                TaskFailure { number, command, reason, output: process.tail().lines(), cause: None };
            warn!(task = number, "{failure}");
        }
    }
}

/// The command line, as a person would type it, without the password of `net user NAME PASSWORD`.
fn shown(task: &StartupTask) -> String {
    let program = environment::short_name(&task.command).to_ascii_lowercase();
    let words = task.command.arguments.iter().map(String::as_str).collect::<Vec<_>>();
    let adds_user = matches!(program.as_str(), "net" | "net.exe" | "net1" | "net1.exe");
    let hidden = match words.as_slice() {
        [what, _, password, ..] if adds_user && what.eq_ignore_ascii_case("user") => {
            (!password.starts_with('/') && *password != "*").then_some(2)
        }
        _ => None,
    };
    let mut line = task.command.program.as_os_str().to_string_lossy().into_owned();
    for (place, argument) in words.into_iter().enumerate() {
        if hidden == Some(place) {
            line.push_str(" ***");
        } else if argument.is_empty()
            || argument.contains(|c: char| c.is_whitespace() || "'\"\\$".contains(c))
        {
            let _ = write!(line, " {argument:?}");
        } else {
            let _ = write!(line, " {argument}");
        }
    }
    line
}
