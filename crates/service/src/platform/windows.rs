//! Windows: the events of the console, which a container's platform sends too.

use std::io;
use std::path::Path;

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_logoff,
    ctrl_shutdown,
};

/// The events that ask this process to stop.
///
/// Windows ends a process as soon as its handler returns from `CTRL_CLOSE_EVENT` or `CTRL_SHUTDOWN_EVENT`.
/// That of tokio, which these streams install, never does: it sleeps, and the process ends when it is done or
/// when Windows loses patience: 5 s at a console that is closed, and in a container as long as its registry
/// says.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: CtrlC,
    terminate: CtrlBreak,
    close: CtrlClose,
    shutdown: CtrlShutdown,
    log_off: CtrlLogoff,
}

impl StopSignals {
    pub(crate) fn listen(_with_hang_up: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            terminate: ctrl_break()?,
            close: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
            log_off: ctrl_logoff()?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        loop {
            return tokio::select! {
                _ = self.interrupt.recv() => "CTRL_C",
                _ = self.terminate.recv() => "CTRL_BREAK",
                _ = self.close.recv() => "CTRL_CLOSE",
                _ = self.shutdown.recv() => "CTRL_SHUTDOWN",
                // Only services get it, whenever any user logs off, and they go on. Programs of that user are
                // ended without it.
                _ = self.log_off.recv() => continue,
            };
        }
    }
}

/// Windows has no signals that could be for the service.
#[derive(Debug)]
pub(crate) struct ServiceSignals;

impl ServiceSignals {
    #[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
    pub(crate) fn listen(_with_hang_up: bool) -> io::Result<Self> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "the same signature as on Unix")]
    pub(crate) async fn next(&mut self) -> (&'static str, i32) {
        std::future::pending().await
    }
}

/// That a console is closed is a request to stop.
pub(crate) fn has_terminal() -> bool {
    true
}

/// Windows has no signals.
pub(crate) fn send(_process: u32, _signal: i32) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "Windows has no signals"))
}

/// Services of Windows tell the service control manager how they are.
#[derive(Debug)]
pub(crate) struct NotifySocket;

impl NotifySocket {
    pub(crate) const IS_KNOWN: bool = false;

    pub(crate) fn bind(_path: &Path, _owner: Option<(u32, u32)>) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[expect(clippy::unused_self, reason = "the same signature as on Unix")]
    pub(crate) async fn next(&mut self) -> String {
        std::future::pending().await
    }
}
