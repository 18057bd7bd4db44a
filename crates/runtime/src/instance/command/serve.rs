//! The life of one command: from the open that starts it until nothing is left of it.

use std::io;
use std::time::Duration;

use standpipe_deployment::TASK_GRACE;
use standpipe_pipe::Mode;
use standpipe_pipe::backend::ConnectFuture;
use standpipe_process::{self as process, Ask, Exit, Process, ProcessSpec};
use tokio::sync::oneshot;

use crate::platform;

/// Starts the command of an open, connected by its standard input and output. `slot` is kept until nothing of
/// the command is left.
pub(super) fn serve_open(
    spec: ProcessSpec,
    mode: Mode,
    stop_timeout: Duration,
    (pipe, caller): (String, String),
    slot: impl Send + 'static,
) -> ConnectFuture {
    Box::pin(async move {
        let (connection, socket) = platform::connected_pair(mode).await?;
        let (open, closed) = oneshot::channel::<()>();
        let (started, starting) = oneshot::channel();
        // In a task, which goes on when the client gives up: processes that are yet to be started wait in a
        // queue, and would wait there without number if a client that gives up made room for the next.
        tokio::spawn(async move {
            match process::spawn_on(&spec, socket).await {
                Ok(process) => {
                    let _ = started.send(Ok(()));
                    let exit = follow(process, closed, stop_timeout).await;
                    drop(slot);
                    tracing::info!(pipe, caller, command = spec.name, %exit, "a command has ended");
                }
                Err(error) => {
                    drop(slot);
                    let _ = started.send(Err(error));
                }
            }
        });
        starting.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        Ok(connection.with_guard(open))
    })
}

/// Waits for a command's end, or for the end of its open and then, for a while, for that of the command; ends
/// all that it has started, and says how it ended.
async fn follow(mut process: Process, closed: oneshot::Receiver<()>, stop_timeout: Duration) -> Exit {
    let exit = tokio::select! {
        exit = process.wait() => exit,
        _ = closed => {
            // It reads the end of its input now, and may still work on what came before.
            match tokio::time::timeout(stop_timeout, process.wait()).await {
                Ok(exit) => exit,
                Err(_) => process.stop(Ask::Tree, TASK_GRACE).await.0,
            }
        }
    };
    process.tree().kill().await;
    exit
}
