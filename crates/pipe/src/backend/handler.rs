//! A function of this process as a service.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;

use super::{Connected, Opening};
use crate::Mode;
use crate::connection::PipeConnection;

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is called for each open.
#[derive(Clone)]
pub(super) struct Handler {
    mode: Mode,
    function: Arc<dyn Fn(PipeConnection) -> Serving + Send + Sync>,
}

impl Handler {
    pub(super) fn new<H, F>(mode: Mode, handler: H) -> Self
    where
        H: Fn(PipeConnection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self { mode, function: Arc::new(move |connection| Box::pin(handler(connection))) }
    }

    /// Calls it in a task of its own, so that one that computes for long, or panics, does no harm to others.
    pub(super) fn connect(&self, opening: Opening) -> Connected {
        let Opening { caller, slot } = opening;
        let (connection, service) = PipeConnection::pair(self.mode);
        let function = Arc::clone(&self.function);
        tokio::spawn(async move {
            let _slot = slot;
            let service = service.with_caller(caller.clone());
            if AssertUnwindSafe(async { function(service).await }).catch_unwind().await.is_err() {
                tracing::error!(
                    pipe = caller.pipe(),
                    caller = caller.account(),
                    "the function that serves a pipe panicked"
                );
            }
        });
        Connected::new(connection, None)
    }
}
