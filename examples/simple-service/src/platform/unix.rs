//! Unix: a daemon that SIGTERM stops.

use std::io;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::{Arguments, run_as_program};

/// Starts the service.
pub(crate) fn start(arguments: &Arguments) -> ExitCode {
    if arguments.install || arguments.remove {
        eprintln!("simple-service: only Windows has services to install; here, run it as it is");
        return ExitCode::FAILURE;
    }
    run_as_program(arguments)
}

/// Returns when the service is asked to stop.
pub(crate) async fn asked_to_stop() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupt = tokio::signal::ctrl_c() => interrupt,
    }
}
