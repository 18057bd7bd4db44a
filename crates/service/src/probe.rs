//! The question that tells a usable service from one that is only alive.

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

/// The future that a [`Probe`] or a [`Manager`](crate::Manager) returns: boxed, so that the traits can be
/// used as objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a service does not answer, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct NotReady {
    /// What was tried and what came of it, without a full stop.
    pub reason: String,
}

impl NotReady {
    /// A reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// Asks a live service whether it can be used: that its pipe accepts, or that it answers a real request.
///
/// A manager asks while the service starts (the first success makes it `Running`) and whenever the watcher
/// checks. An answer must come within a deadline of the probe's own: a probe that never ends is a bug of the
/// probe.
pub trait Probe: Send + Sync + 'static {
    /// Asks once.
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>>;

    /// Puts away what the service may have left behind when it ended, so that it can start anew.
    fn clear(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// A service with nothing to ask: being alive is being usable.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alive;

impl Probe for Alive {
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async { Ok(()) })
    }
}

/// Usable when every one of several probes says so; the first that does not gives the reason.
pub struct All(pub Vec<Box<dyn Probe>>);

impl Probe for All {
    fn check(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async move {
            for probe in &self.0 {
                probe.check().await?;
            }
            Ok(())
        })
    }
}
