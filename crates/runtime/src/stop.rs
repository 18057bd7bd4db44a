//! A request to stop, in two steps.

use std::io;

use standpipe_service::Shutdown;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// A request to stop an instance or a deployment.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stop in good order: finish what is in flight, then the service, then go.
    pub asked: CancellationToken,
    /// Do not wait for anything any more. Only after `asked`.
    pub forced: CancellationToken,
}

impl Stop {
    /// From the signals that this process is sent: the first asks, the second forces.
    ///
    /// # Errors
    /// When the system does not let this process listen for them.
    pub fn on_signals() -> io::Result<Self> {
        Ok(Self::on(Shutdown::listen()?))
    }

    /// The same for one instance, whose service gets the signals that are not for Standpipe: SIGHUP asks for
    /// the stop only where there is a terminal that can hang up.
    ///
    /// # Errors
    /// When the system does not let this process listen for them.
    pub fn of_an_instance() -> io::Result<Self> {
        Ok(Self::on(Shutdown::listen_beside_forwarding()?))
    }

    fn on(mut signals: Shutdown) -> Self {
        let stop = Self::default();
        let tokens = stop.clone();
        tokio::spawn(async move {
            let signal = signals.requested().await;
            // Before anything is logged: the reader of the log may be gone.
            tokens.asked.cancel();
            info!("{signal}: stopping; once more to stop at once");
            let signal = signals.requested().await;
            tokens.forced.cancel();
            warn!("{signal}: stopping at once");
        });
        stop
    }
}
