//! A running process, and how one is started.

use std::ffi::OsStr;
use std::time::Duration;

use crate::error::SpawnError;
use crate::exit::Exit;
use crate::platform::{self, Tree};
use crate::spec::{Ask, ProcessSpec};
use crate::tail::Tail;

/// A running process. Dropped before it has ended, it is killed with everything it started.
#[derive(Debug)]
pub struct Process {
    inner: platform::Child,
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
pub fn user_ids(user: &str) -> Result<Option<(u32, u32)>, SpawnError> {
    platform::user_ids(user)
}

/// Kills what a process like this one left running when it was killed itself: the processes that were started
/// with [`spawn`] by one that is gone, and that have `variable` set to `value` in their environment, with
/// everything they started. Returns whether none is left after at most 5 s.
///
/// Only for a caller that knows, by a lock, that nobody else runs what `value` stands for.
pub async fn end_abandoned(variable: &str, value: &OsStr) -> bool {
    platform::end_abandoned(variable, value).await
}

/// Starts a process, at the head of a session and a process group of its own.
///
/// On Linux, this process becomes the one that orphaned descendants are handed to, so that none of them
/// escapes, and reaps them. Children that other code starts in this process are left to that code, as long
/// as they stay in this process's session.
///
/// # Errors
/// When it cannot be started; see [`SpawnError::is_fatal`].
pub async fn spawn(spec: &ProcessSpec) -> Result<Process, SpawnError> {
    Ok(Process { inner: platform::spawn(spec).await? })
}

/// Both ends of a conversation in one: a socket, or on Windows a pipe that was opened for reading and
/// writing.
#[cfg(unix)]
pub type Socket = std::os::fd::OwnedFd;
/// Both ends of a conversation in one: a socket, or on Windows a pipe that was opened for reading and
/// writing.
#[cfg(windows)]
pub type Socket = std::os::windows::io::OwnedHandle;

/// Like [`spawn`], with `socket` as its standard input and output, as inetd starts its servers. With
/// [`Output::Log`](crate::Output::Log), what it writes to its standard error is logged.
///
/// # Errors
/// As [`spawn`].
pub async fn spawn_on(spec: &ProcessSpec, socket: Socket) -> Result<Process, SpawnError> {
    Ok(Process { inner: platform::spawn_on(spec, socket, None).await? })
}

/// Like [`spawn_on`], with `error` as its standard error, which the caller reads.
///
/// # Errors
/// As [`spawn`].
pub async fn spawn_wired(spec: &ProcessSpec, socket: Socket, error: Socket) -> Result<Process, SpawnError> {
    Ok(Process { inner: platform::spawn_on(spec, socket, Some(error)).await? })
}

/// Whether what `spec` names could be started now: its program is there and can be executed, its folder and
/// its user exist.
///
/// # Errors
/// Why not.
pub fn check(spec: &ProcessSpec) -> Result<(), SpawnError> {
    platform::check(spec)
}
