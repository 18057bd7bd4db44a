//! What the platform sends this process: requests to stop, and signals that are for the service.

use std::io;

use crate::platform::{self, ServiceSignals, StopSignals};

/// Listens for the platform's request to stop this process: SIGTERM, SIGINT, SIGHUP (its terminal is gone)
/// and SIGQUIT on Unix; `CTRL_C`, `CTRL_BREAK`, `CTRL_CLOSE` and `CTRL_SHUTDOWN` on Windows.
///
/// From the moment it listens, those signals no longer end the process by themselves, and reach it although
/// they were blocked when it was started. SIGHUP and SIGQUIT stay ignored when they are, as `nohup` and
/// shells that start something in the background see to it.
#[derive(Debug)]
pub struct Shutdown {
    signals: StopSignals,
}

impl Shutdown {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { signals: StopSignals::listen(true)? })
    }

    /// The same for a process that passes signals on with [`Forwarded`]: SIGHUP is a request to stop only if
    /// there is a terminal that can hang up.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen_beside_forwarding() -> io::Result<Self> {
        Ok(Self { signals: StopSignals::listen(platform::has_terminal())? })
    }

    /// Waits for the next request to stop and returns its signal's name.
    pub async fn requested(&mut self) -> &'static str {
        self.signals.next().await
    }
}

/// Listens for the signals that are for the service and not for this process: SIGUSR1 and SIGUSR2, and SIGHUP
/// and SIGWINCH where no terminal sends them. Windows has none.
///
/// From the moment it listens, they no longer end this process. Those that it ignores from its start stay
/// ignored.
#[derive(Debug)]
pub struct Forwarded {
    signals: ServiceSignals,
}

impl Forwarded {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { signals: ServiceSignals::listen(!platform::has_terminal())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> ForwardedSignal {
        let (name, number) = self.signals.next().await;
        ForwardedSignal { name, number }
    }
}

/// A signal that is for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardedSignal {
    /// Its name, such as `SIGUSR1`.
    pub name: &'static str,
    number: i32,
}

impl ForwardedSignal {
    /// `SIGHUP`, which POSIX numbers 1: by custom, that settings have changed.
    pub const HANG_UP: Self = Self { name: "SIGHUP", number: 1 };

    /// Sends it to the process with this number.
    ///
    /// # Errors
    /// When there is no such process, or this one may not.
    pub fn send_to(self, process: u32) -> io::Result<()> {
        platform::send(process, self.number)
    }
}
