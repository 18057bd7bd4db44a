//! Unix: owners and mode bits of folders, and commands that are started on a socket, as inetd starts its
//! servers.

use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use standpipe_deployment::Service;
use standpipe_pipe::Mode;
use standpipe_pipe::backend::ConnectFuture;
use standpipe_pipe::listener::PipeConnection;
use standpipe_process::{self as process, Ask, Exit, Process, ProcessSpec};
use standpipe_service::{Manager, Probe};
use tokio::sync::oneshot;

use crate::startup::STOP_GRACE;

/// Whether it is the socket of a pipe.
pub(crate) fn is_socket(found: &Metadata) -> bool {
    found.file_type().is_socket()
}

/// Makes `options` open a new file for this user alone, and follow no link.
pub(crate) fn private_file(options: &mut OpenOptions) {
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

/// Gives a folder to a user and its group.
pub(crate) fn hand_over(path: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(user), Some(group))
}

/// Undoes [`hand_over`].
pub(crate) fn take_back(path: &Path) -> io::Result<()> {
    hand_over(path, (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()))
}

/// Lets others pass through a folder to what is in it, without seeing what that is.
pub(crate) fn let_through(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o711))
}

/// `slot` is kept until nothing of the command is left.
pub(crate) fn serve_open(
    spec: ProcessSpec,
    mode: Mode,
    stop_timeout: Duration,
    (pipe, caller): (String, String),
    slot: impl Send + 'static,
) -> ConnectFuture {
    Box::pin(async move {
        let (connection, socket) = PipeConnection::socketpair(mode)?;
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
                Err(_) => process.stop(Ask::Tree, STOP_GRACE).await.0,
            }
        }
    };
    process.tree().kill().await;
    exit
}

/// There is no service control manager here.
pub(crate) fn installed_manager(_: &Service, _: impl Probe) -> Option<Box<dyn Manager>> {
    None
}
