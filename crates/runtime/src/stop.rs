//! A request to stop, in two steps.

use std::io;
use std::time::Duration;

use standpipe_service::Shutdown;
use standpipe_system::time::Shown;
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

    /// Once a stop is asked for, waits no longer than `limit` for anything.
    pub async fn forced_after(self, limit: Duration) {
        self.asked.cancelled().await;
        tokio::select! {
            () = tokio::time::sleep(limit) => {
                warn!("the stop has taken {}: stopping at once", Shown(limit));
                self.forced.cancel();
            }
            () = self.forced.cancelled() => {}
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stop_with_a_limit_is_forced_when_it_is_over() {
        let stop = Stop::default();
        let limited = tokio::spawn(stop.clone().forced_after(Duration::from_secs(30)));
        tokio::time::sleep(Duration::from_hours(1)).await;
        assert!(!stop.forced.is_cancelled(), "nobody has asked yet");
        stop.asked.cancel();
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert!(!stop.forced.is_cancelled());
        limited.await.unwrap();
        assert!(stop.forced.is_cancelled());
    }
}
