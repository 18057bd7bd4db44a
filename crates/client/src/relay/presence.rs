//! Whether the remote pipe is there.

use std::time::Duration;

use standpipe_backoff::Backoff;

use super::Way;
use crate::ClientError;

/// How often a server is asked whether it still has the pipe.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// How long to wait between two questions after a pipe that is not there. The pool has pauses of its own for
/// a server that is not there.
const PAUSE: Backoff = Backoff { first: Duration::from_millis(50), longest: Duration::from_secs(1) };

/// How long the server may wait for a free instance before it answers; it is enough to know that there is a
/// pipe.
const GLANCE: Duration = Duration::from_millis(1);

impl Way {
    /// Whether the server has the pipe, which may be busy; otherwise why not. The service notices nothing. A
    /// server that does not answer such a question counts as one that has it.
    pub(super) async fn probe(&self) -> Result<(), ClientError> {
        let client = self.pool.client().await?;
        match client.wait(&self.pipe, GLANCE).await {
            Err(error) if error.is_of_the_connection() => {
                self.pool.forget(&client);
                Err(error)
            }
            Err(error @ ClientError::NoSuchPipe { .. }) => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits until the pipe is there.
    pub(super) async fn appears(&self) {
        let mut failures = 0;
        while self.probe().await.is_err() {
            failures += 1;
            tokio::time::sleep(PAUSE.full(failures)).await;
        }
    }

    /// Waits until the pipe is not there, and says why.
    pub(super) async fn disappears(&self) -> ClientError {
        loop {
            match self.pool.client().await {
                Ok(client) => tokio::select! {
                    _ = client.closed() => {}
                    () = self.failed.notified() => {}
                    () = tokio::time::sleep(CHECK_INTERVAL) => {}
                },
                Err(error) => return error,
            }
            if let Err(error) = self.probe().await {
                return error;
            }
        }
    }
}
