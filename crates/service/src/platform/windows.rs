//! Windows: Ctrl-C.

use std::io;

use tokio::signal::windows::{CtrlC, ctrl_c};

/// The signals that ask this process to stop.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: CtrlC,
}

impl StopSignals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: ctrl_c()? })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        self.interrupt.recv().await;
        "Ctrl-C"
    }
}
