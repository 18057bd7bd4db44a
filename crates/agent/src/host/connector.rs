//! A pipe inside of Wine, as the server knows backends.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use standpipe_pipe::Caller;
use standpipe_pipe::backend::{ConnectFuture, Connector, Slot};
use standpipe_service::BoxFuture;

use super::link::OpenError;
use super::state::Shared;
use crate::wire::{FailureKind, Reply, Request};

/// How long the agent has to say whether a pipe is there.
const LOOK_TIME: Duration = Duration::from_secs(2);

/// Opens a Windows pipe through the agent.
#[derive(Debug)]
pub struct AgentConnector {
    pipe: String,
    timeout: Duration,
    shared: Arc<Shared>,
}

impl AgentConnector {
    pub(crate) fn new(pipe: &str, timeout: Duration, shared: Arc<Shared>) -> Self {
        Self { pipe: pipe.to_owned(), timeout, shared }
    }
}

impl Connector for AgentConnector {
    fn connect(&self, _: Caller, slot: Slot) -> ConnectFuture {
        let (shared, pipe, timeout) = (Arc::clone(&self.shared), self.pipe.clone(), self.timeout);
        Box::pin(async move {
            let link = shared.now().map_err(|reason| {
                let text = format!("there is no agent inside Wine: {reason}");
                io::Error::new(io::ErrorKind::NotFound, text)
            })?;
            link.open(&pipe, timeout, slot).await.map_err(|error| error_of(&error))
        })
    }

    fn is_available(&self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            let Ok(link) = self.shared.now() else { return false };
            let asked = link.request(Request::IsAvailable { pipe: self.pipe.clone() });
            matches!(tokio::time::timeout(LOOK_TIME, asked).await, Ok(Ok(Reply::Answer(true))))
        })
    }

    fn describe(&self) -> String {
        format!(r"\\.\pipe\{} inside Wine", self.pipe)
    }
}

fn error_of(error: &OpenError) -> io::Error {
    let kind = match error {
        // Nobody listens, as far as anybody knows.
        OpenError::Gone(_) => io::ErrorKind::NotFound,
        OpenError::Failed(failure) => match failure.kind {
            FailureKind::NotFound => io::ErrorKind::NotFound,
            FailureKind::Busy => io::ErrorKind::WouldBlock,
            FailureKind::NotPermitted => io::ErrorKind::PermissionDenied,
            FailureKind::TimedOut => io::ErrorKind::TimedOut,
            FailureKind::ForNow | FailureKind::ForGood | FailureKind::WrongState => io::ErrorKind::Other,
        },
    };
    io::Error::new(kind, error.to_string())
}
