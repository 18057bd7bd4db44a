//! What starts, stops and queries a service, whatever kind of service it is.

use std::error::Error;
use std::fmt;

use thiserror::Error;
use tokio::sync::watch;

use crate::probe::{BoxFuture, NotReady};
use crate::state::Status;
use crate::watcher::Refusal;

/// What starts, stops and queries one service.
///
/// The three requests return when the manager has taken them, as `StartService` and `ControlService` do;
/// what becomes of them arrives as a change of status.
pub trait Manager: Send + Sync {
    /// Starts the service. Must only be called when it is stopped.
    ///
    /// It may take its time: the service control manager lets whoever starts a service wait for it.
    /// [`Self::stop`] and [`Self::kill`] may be called meanwhile.
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>>;

    /// Asks the service to stop. When it is stopped already, nothing happens.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// Ends the service and every process it started, without asking it. When it is stopped already,
    /// nothing happens.
    fn kill(&self) -> BoxFuture<'_, ()>;

    /// Looks afresh: *Running* only if its process is alive.
    fn query(&self) -> BoxFuture<'_, Status>;

    /// Asks a running service whether it can be used.
    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>>;

    /// Every change of status from now on. The latest is kept, not the history: nobody but the holder of the
    /// manager starts the service, so no start is lost between two looks.
    fn changes(&self) -> watch::Receiver<Status>;
}

/// Why a manager did not start its service.
#[derive(Debug, Error)]
pub enum StartError {
    /// It runs already, or is on its way up or down.
    #[error("the service is not stopped, so it cannot be started")]
    NotStopped,
    /// The manager refused or failed, for a reason of its own.
    #[error(transparent)]
    Refused(#[from] StartRefused),
}

/// A start that the manager refused or could not carry out: whether trying again can help, and the manager's
/// own error.
#[derive(Debug)]
pub struct StartRefused {
    refusal: Refusal,
    error: Box<dyn Error + Send + Sync>,
}

impl StartRefused {
    /// A start that failed with the manager's own `error`, which says why in words for a person.
    pub fn new(refusal: Refusal, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { refusal, error: error.into() }
    }

    /// The manager's own error.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl fmt::Display for StartRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for StartRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

impl StartError {
    /// Whether and after what trying again can help.
    pub const fn refusal(&self) -> Refusal {
        match self {
            Self::NotStopped => Refusal::ForNow,
            Self::Refused(refused) => refused.refusal,
        }
    }
}
