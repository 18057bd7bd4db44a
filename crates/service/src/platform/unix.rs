//! Unix: the signals that ask for a stop, and those that are for the service.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{SigSet, Signal as Unblocked};
use tokio::net::UnixDatagram;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask this process to stop.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
    quit: Option<Signal>,
}

impl StopSignals {
    pub(crate) fn listen(with_hang_up: bool) -> io::Result<Self> {
        unblock(&[Unblocked::SIGTERM, Unblocked::SIGINT, Unblocked::SIGHUP, Unblocked::SIGQUIT]);
        let hang_up = if with_hang_up { unless_ignored(SignalKind::hangup())? } else { None };
        Ok(Self {
            hang_up,
            quit: unless_ignored(SignalKind::quit())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = received(self.hang_up.as_mut()) => "SIGHUP",
            () = received(self.quit.as_mut()) => "SIGQUIT",
        }
    }
}

/// The signals that are for the service.
#[derive(Debug)]
pub(crate) struct ServiceSignals {
    hang_up: Option<Signal>,
    first: Option<Signal>,
    second: Option<Signal>,
    window: Option<Signal>,
}

impl ServiceSignals {
    pub(crate) fn listen(with_hang_up: bool) -> io::Result<Self> {
        unblock(&[Unblocked::SIGHUP, Unblocked::SIGUSR1, Unblocked::SIGUSR2, Unblocked::SIGWINCH]);
        // A terminal that tells of its new size means the program in its foreground.
        let of_no_terminal = |kind| if with_hang_up { unless_ignored(kind) } else { Ok(None) };
        Ok(Self {
            hang_up: of_no_terminal(SignalKind::hangup())?,
            first: unless_ignored(SignalKind::user_defined1())?,
            second: unless_ignored(SignalKind::user_defined2())?,
            window: of_no_terminal(SignalKind::window_change())?,
        })
    }

    /// The name and the number of the next one.
    pub(crate) async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            () = received(self.hang_up.as_mut()) => ("SIGHUP", SignalKind::hangup().as_raw_value()),
            () = received(self.first.as_mut()) => ("SIGUSR1", SignalKind::user_defined1().as_raw_value()),
            () = received(self.second.as_mut()) => ("SIGUSR2", SignalKind::user_defined2().as_raw_value()),
            () = received(self.window.as_mut()) => ("SIGWINCH", SignalKind::window_change().as_raw_value()),
        }
    }
}

/// Whether this process has a terminal that can hang up.
pub(crate) fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Sends a signal to a process.
pub(crate) fn send(process: u32, signal: i32) -> io::Result<()> {
    let process = i32::try_from(process).map_err(io::Error::other)?;
    let signal = Unblocked::try_from(signal)?;
    Ok(nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), signal)?)
}

/// Lets signals reach this process that were blocked when it was started, as some that start programs leave
/// them. One thread that takes them is enough.
fn unblock(signals: &[Unblocked]) {
    let set: SigSet = signals.iter().copied().collect();
    if let Err(error) = set.thread_unblock() {
        tracing::warn!(%error, "signals that were blocked at the start stay blocked");
    }
}

/// A stream of a signal, unless this process ignores it from its start.
fn unless_ignored(kind: SignalKind) -> io::Result<Option<Signal>> {
    let bit = 1u64 << (kind.as_raw_value() - 1);
    (ignored_signals() & bit == 0).then(|| signal(kind)).transpose()
}

async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores: bit 0 is signal 1. None where the system does not say it
/// ([proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_status.5.html)).
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The socket at which a service tells how it is. Its file goes with it.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    path: PathBuf,
}

impl NotifySocket {
    /// Whether services of this system know such a socket.
    pub(crate) const IS_KNOWN: bool = true;

    /// Makes the socket, in the place of one that was left there. It belongs to this user and group, or else
    /// to this process's.
    pub(crate) fn bind(path: &Path, owner: Option<(u32, u32)>) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = Self { socket: UnixDatagram::bind(path)?, path: path.to_owned() };
        if let Some((user, group)) = owner {
            std::os::unix::fs::lchown(path, Some(user), Some(group))?;
        }
        Ok(socket)
    }

    /// The text of the next message.
    pub(crate) async fn next(&mut self) -> String {
        // As much as a service manager takes.
        let mut message = vec![0; 4096];
        match self.socket.recv(&mut message).await {
            Ok(length) => String::from_utf8_lossy(message.get(..length).unwrap_or_default()).into_owned(),
            // Nothing comes any more.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for NotifySocket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// What tells one file from another, whatever their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    number: u64,
}

/// What tells an open file from others while it is open.
pub(crate) fn file_id(file: &File) -> io::Result<FileId> {
    let metadata = file.metadata()?;
    Ok(FileId { device: metadata.dev(), number: metadata.ino() })
}
