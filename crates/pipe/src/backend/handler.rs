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
pub(super) struct Handler(Arc<dyn Fn(PipeConnection) -> Serving + Send + Sync>);

impl Handler {
    pub(super) fn new<H, F>(handler: H) -> Self
    where
        H: Fn(PipeConnection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(move |connection| Box::pin(handler(connection))))
    }

    /// Calls it in a task of its own, so that one that computes for long, or panics, does no harm to others.
    pub(super) fn connect(&self, mode: Mode, opening: Opening) -> Connected {
        let Opening { caller, slot } = opening;
        let (connection, service) = PipeConnection::pair(mode);
        let handler = Arc::clone(&self.0);
        tokio::spawn(async move {
            let _slot = slot;
            let service = service.with_caller(caller.clone());
            if AssertUnwindSafe(async { handler(service).await }).catch_unwind().await.is_err() {
                tracing::error!(
                    pipe = caller.pipe(),
                    caller = caller.account(),
                    "the function that serves a pipe panicked"
                );
            }
        });
        Connected { connection, slot: None }
    }
}
