//! A command as the service behind a pipe: one process for each open, as inetd starts its servers.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use standpipe_deployment::{PipeCommand, Role};
use standpipe_pipe::Caller;
use standpipe_pipe::Mode;
use standpipe_pipe::backend::{Backend, ConnectFuture, Connector, Slot};
use standpipe_process::{self as process, Orphaned, Output, ProcessSpec, Tree};

use crate::environment::{self, InstanceEnvironment};

/// The variables in which a command finds which pipe it serves, and which client.
const PIPE: &str = "STANDPIPE_PIPE";
const CALLER_NAME: &str = "STANDPIPE_CALLER_NAME";
const CALLER_SID: &str = "STANDPIPE_CALLER_SID";
const CALLER_GROUPS: &str = "STANDPIPE_CALLER_GROUPS";
const CALLER_ADDRESS: &str = "STANDPIPE_CALLER_ADDRESS";

/// The backend of a pipe whose command runs in `folder` with the instance's environment, within its tree.
pub(super) fn backend(
    pipe: &str,
    command: &PipeCommand,
    mode: Mode,
    role: &Role,
    folder: &Path,
    environment: &InstanceEnvironment,
    tree: &Tree,
) -> Backend {
    let spec = ProcessSpec {
        name: format!("{pipe} ({})", environment::short_name(&command.command)),
        command: environment::words(&command.command),
        folder: folder.to_path_buf(),
        environment: environment.variables(&command.environment),
        withheld: environment.withheld.clone(),
        user: role.user.clone(),
        orphaned: Orphaned::Kill,
        output: Output::Log,
        within: Some(tree.clone()),
    };
    Backend::connector(mode, EachOpen { spec, mode, stop_timeout: command.stop_timeout })
}

/// Starts a command for each open.
struct EachOpen {
    spec: ProcessSpec,
    mode: Mode,
    stop_timeout: Duration,
}

impl Connector for EachOpen {
    fn connect(&self, caller: Caller, slot: Slot) -> ConnectFuture {
        let mut spec = self.spec.clone();
        let groups: Vec<String> = caller.groups().iter().map(ToString::to_string).collect();
        let variables: [(&str, OsString); 5] = [
            (PIPE, caller.pipe().into()),
            (CALLER_NAME, caller.account().into()),
            (CALLER_SID, caller.sid().to_string().into()),
            (CALLER_GROUPS, groups.join(",").into()),
            (CALLER_ADDRESS, caller.address().to_string().into()),
        ];
        spec.environment.extend(variables.into_iter().map(|(name, value)| (name.into(), value)));
        let client = (caller.pipe().to_owned(), caller.account().to_owned());
        start(spec, self.mode, self.stop_timeout, client, slot)
    }

    fn is_available(&self) -> bool {
        process::check(&self.spec).is_ok()
    }

    fn describe(&self) -> String {
        format!("the command of {}", self.spec.name)
    }
}

/// `slot` is kept until nothing of the command is left.
#[cfg(unix)]
fn start(
    spec: ProcessSpec,
    mode: Mode,
    stop_timeout: Duration,
    (pipe, caller): (String, String),
    slot: impl Send + 'static,
) -> ConnectFuture {
    use standpipe_pipe::listener::PipeConnection;
    use tokio::sync::oneshot;

    Box::pin(async move {
        let (connection, socket) = PipeConnection::socketpair(mode)?;
        let (open, closed) = oneshot::channel::<()>();
        let (started, starting) = oneshot::channel();
        // In a task, which goes on when the client gives up: processes that are yet to be started wait in a queue, and
        // would wait there without number if a client that gives up made room for the next.
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

#[cfg(not(unix))]
fn start(_: ProcessSpec, _: Mode, _: Duration, _: (String, String), _: Slot) -> ConnectFuture {
    Box::pin(async {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there are no commands for pipes on Windows yet"))
    })
}

/// Waits for a command's end, or for the end of its open and then, for a while, for that of the command; ends all that
/// it has started, and says how it ended.
#[cfg(unix)]
async fn follow(
    mut process: process::Process,
    closed: tokio::sync::oneshot::Receiver<()>,
    stop_timeout: Duration,
) -> process::Exit {
    let exit = tokio::select! {
        exit = process.wait() => exit,
        _ = closed => {
            // It reads the end of its input now, and may still work on what came before.
            match tokio::time::timeout(stop_timeout, process.wait()).await {
                Ok(exit) => exit,
                Err(_) => process.stop(process::Ask::Tree, crate::startup::STOP_GRACE).await.0,
            }
        }
    };
    process.tree().kill().await;
    exit
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
