//! The platform's request to stop this process.

use std::io;

/// Listens for the platform's request to stop this process: SIGTERM, SIGINT, SIGHUP (its terminal is gone) and
/// SIGQUIT on Unix, Ctrl-C elsewhere.
///
/// From the moment it listens, those signals no longer end the process by themselves. SIGHUP and SIGQUIT stay
/// ignored when they are, as `nohup` and shells that start something in the background see to it.
#[derive(Debug)]
pub struct Shutdown {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    quit: Option<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    interrupt: tokio::signal::windows::CtrlC,
}

impl Shutdown {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let ignored = ignored_signals();
            let unless_ignored = |kind: SignalKind| {
                let bit = 1u64 << (kind.as_raw_value() - 1);
                (ignored & bit == 0).then(|| signal(kind)).transpose()
            };
            Ok(Self {
                hang_up: unless_ignored(SignalKind::hangup())?,
                quit: unless_ignored(SignalKind::quit())?,
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
            })
        }
        #[cfg(windows)]
        Ok(Self { interrupt: tokio::signal::windows::ctrl_c()? })
    }

    /// Waits for the next request to stop and returns its signal's name.
    pub async fn requested(&mut self) -> &'static str {
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = received(self.hang_up.as_mut()) => "SIGHUP",
            () = received(self.quit.as_mut()) => "SIGQUIT",
        }
        #[cfg(windows)]
        {
            self.interrupt.recv().await;
            "Ctrl-C"
        }
    }
}

#[cfg(unix)]
async fn received(signal: Option<&mut tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores: bit 0 is signal 1. None where the system does not say it
/// ([proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_status.5.html)).
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
