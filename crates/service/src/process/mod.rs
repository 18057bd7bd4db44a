//! Processes whose whole tree ends with them, and whose output is kept.
//!
//! Works on Linux. Elsewhere, [`spawn`] says that it is not yet supported.

pub(crate) mod manager;
mod tail;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as imp;
#[cfg(test)]
#[cfg(target_os = "linux")]
pub(crate) use linux::tests as testing;
#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(not(target_os = "linux"))]
use unsupported as imp;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

pub use imp::Tree;
pub use tail::Tail;

use crate::manager::StartError;
use crate::state::Exit;

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct ProcessSpec {
    /// A name for log lines, such as the service's or the task's.
    pub name: String,
    /// The program and its arguments. A program without a `/` is looked for in PATH; one with, and not
    /// absolute, is taken relative to `folder`.
    pub command: Vec<OsString>,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// Variables set on top of those of this process.
    pub environment: Vec<(OsString, OsString)>,
    /// Variables of this process that it does not get, unless `environment` sets them.
    pub withheld: Vec<OsString>,
    /// The user to run it as; `None` for the one that this process has. Another user's `HOME`, `USER`, `LOGNAME`
    /// and `SHELL` are its own, and it gets none of the `XDG_` variables, which lead to folders of this process's.
    pub user: Option<String>,
    /// What happens to it when this process is gone without having stopped it.
    pub orphaned: Orphaned,
    /// Where its output goes.
    pub output: Output,
    /// The tree it also belongs to, beside its own: what is left of it can be ended with that tree.
    pub within: Option<Tree>,
}

/// Which processes a polite stop is addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Only the process itself: it stops what it started.
    Process,
    /// Every process of the tree.
    Tree,
}

/// What happens to a process when the one that started it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphaned {
    /// It is killed.
    Kill,
    /// It is asked to stop, because it has children of its own to stop.
    Terminate,
}

/// Where the output of a process goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Each line becomes a log event, under the name of the process; the last lines are kept. The process is
    /// never held up: when lines come faster than they can be logged, some are counted and dropped.
    Log,
    /// It shares the output of this process.
    Inherit,
}

/// A running process. Dropped before it has ended, it is killed with everything it started.
#[derive(Debug)]
pub struct Process {
    inner: imp::Child,
}

impl Process {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.inner.pid()
    }

    /// It and everything it started.
    pub fn tree(&self) -> &Tree {
        self.inner.tree()
    }

    /// The last lines of its output.
    pub fn tail(&self) -> &Tail {
        self.inner.tail()
    }

    /// Waits for its end, then for what it wrote until then to be read. What it started may go on. Can be
    /// called again, and dropped without loss.
    pub async fn wait(&mut self) -> Exit {
        self.inner.wait().await
    }

    /// Ends the whole tree: asks with SIGTERM, and after `grace` kills what is left. Returns how the process
    /// itself ended, and whether everything ended without being killed.
    pub async fn stop(&mut self, ask: Ask, grace: Duration) -> (Exit, bool) {
        match ask {
            Ask::Process => self.inner.terminate(),
            Ask::Tree => self.tree().terminate(),
        }
        let asked = async {
            let exit = self.inner.wait().await;
            // What was left to it, or being started when everything was asked, has not heard yet.
            self.inner.tree().terminate();
            self.inner.tree().gone().await;
            exit
        };
        if let Ok(exit) = tokio::time::timeout(grace, asked).await {
            return (exit, true);
        }
        self.tree().kill().await;
        (self.wait().await, false)
    }
}

/// The number of a user and of its group, or `None` when this process runs as that user already.
///
/// # Errors
/// When there is no such user, or this process may not start anything as it.
pub fn user_ids(user: &str) -> Result<Option<(u32, u32)>, StartError> {
    imp::user_ids(user)
}

/// Kills what a process like this one left running when it was killed itself: the processes that were started
/// with [`spawn`] by one that is gone, and that have `variable` set to `value` in their environment, with
/// everything they started. Returns whether none is left after at most 5 s.
///
/// Only for a caller that knows, by a lock, that nobody else runs what `value` stands for.
pub async fn end_abandoned(variable: &str, value: &OsStr) -> bool {
    imp::end_abandoned(variable, value).await
}

/// Starts a process, at the head of a session and a process group of its own.
///
/// On Linux, this process becomes the one that orphaned descendants are handed to, so that none of them
/// escapes, and reaps them. Children that other code starts in this process are left to that code, as long
/// as they stay in this process's session.
///
/// # Errors
/// When it cannot be started; see [`StartError::is_fatal`].
pub async fn spawn(spec: &ProcessSpec) -> Result<Process, StartError> {
    Ok(Process { inner: imp::spawn(spec).await? })
}

/// Like [`spawn`], with `socket` as its standard input and output, as inetd starts its servers. With
/// [`Output::Log`], what it writes to its standard error is logged.
///
/// # Errors
/// As [`spawn`].
#[cfg(unix)]
pub async fn spawn_on(spec: &ProcessSpec, socket: std::os::fd::OwnedFd) -> Result<Process, StartError> {
    Ok(Process { inner: imp::spawn_on(spec, socket).await? })
}

/// Whether what `spec` names could be started now: its program is there and can be executed, its folder and its user
/// exist.
///
/// # Errors
/// Why not.
pub fn check(spec: &ProcessSpec) -> Result<(), StartError> {
    imp::check(spec)
}
