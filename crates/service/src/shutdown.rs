//! The platform's request to stop this process.

use std::io;

use crate::platform::StopSignals;

/// Listens for the platform's request to stop this process: SIGTERM, SIGINT, SIGHUP (its terminal is gone)
/// and SIGQUIT on Unix; `CTRL_C`, `CTRL_BREAK`, `CTRL_CLOSE` and `CTRL_SHUTDOWN` on Windows.
///
/// From the moment it listens, those signals no longer end the process by themselves. SIGHUP and SIGQUIT stay
/// ignored when they are, as `nohup` and shells that start something in the background see to it.
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
        Ok(Self { signals: StopSignals::listen()? })
    }

    /// Waits for the next request to stop and returns its signal's name.
    pub async fn requested(&mut self) -> &'static str {
        self.signals.next().await
    }
}
