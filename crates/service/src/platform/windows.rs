//! Windows: the events of the console, which a container's platform sends too.

use std::io;

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
    pub(crate) fn listen() -> io::Result<Self> {
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
