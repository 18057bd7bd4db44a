//! The platform's wish that this process stops.

use std::io;

/// Listens for the platform's wish that this process stops: SIGTERM, SIGINT, SIGHUP (its terminal is gone) and
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

    /// Waits until a stop is wished for and returns the signal's name. Can be called again, for the next one.
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::process::spawn;
    use crate::process::testing::{Teller, shell, soon};

    /// Not a test by itself: the next one runs it in a process of its own.
    #[tokio::test]
    async fn helper_that_listens() {
        let Some(path) = std::env::var_os("STANDPIPE_TEST_TELLER") else { return };
        let mut teller = std::fs::File::options().write(true).open(path).unwrap();
        let mut signals = Shutdown::listen().unwrap();
        writeln!(teller, "listening").unwrap();
        loop {
            writeln!(teller, "{}", signals.requested().await).unwrap();
        }
    }

    /// What such a process, begun with `before`, notices of each of the signals, in this order.
    async fn noticed(before: &str, signals: &[&str]) -> Vec<String> {
        let folder = tempfile::TempDir::new().unwrap();
        let mut teller = Teller::new(folder.path());
        let exe = std::env::current_exe().unwrap();
        let script =
            format!("{before} exec '{}' --exact shutdown::tests::helper_that_listens", exe.display());
        let mut spec = shell(&script, folder.path());
        spec.environment = vec![("STANDPIPE_TEST_TELLER".into(), folder.path().join("teller").into())];
        let process = spawn(&spec).await.unwrap();
        assert_eq!(teller.line().await, "listening");
        let pid = process.pid();
        let mut noticed = Vec::new();
        for signal in signals {
            let mut kill = spawn(&shell(&format!("kill -{signal} {pid}"), folder.path())).await.unwrap();
            soon(kill.wait()).await;
            // Those that are ignored leave no trace: the next one does.
            if signal != &"HUP" && signal != &"QUIT" || before.is_empty() {
                noticed.push(teller.line().await);
            }
        }
        noticed
    }

    #[tokio::test]
    async fn every_wish_to_stop_is_noticed() {
        let all = noticed("", &["TERM", "INT", "HUP", "QUIT"]).await;
        assert_eq!(all, ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"]);
    }

    #[tokio::test]
    async fn what_is_ignored_from_the_start_stays_ignored() {
        assert_eq!(noticed("trap '' HUP QUIT;", &["HUP", "QUIT", "TERM"]).await, ["SIGTERM"]);
    }
}
