//! A command as the service behind a pipe: one process for each open, as inetd starts its servers.

mod serve;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use standpipe_deployment::{PipeCommand, Role};
use standpipe_pipe::Caller;
use standpipe_pipe::Mode;
use standpipe_pipe::backend::{Backend, ConnectFuture, Connector, Slot};
use standpipe_process::{self as process, Orphaned, Output, ProcessSpec, Tree};
use standpipe_service::BoxFuture;

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
        environment: environment.variables(&[], &command.environment),
        withheld: environment.withheld.clone(),
        user: role.user.clone(),
        limited: false,
        may_gain_rights: false,
        takes_strays: false,
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
        serve::serve_open(spec, self.mode, self.stop_timeout, client, slot)
    }

    fn is_available(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { process::check(&self.spec).is_ok() })
    }

    fn describe(&self) -> String {
        format!("the command of {}", self.spec.name)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;
#[cfg(test)]
#[cfg(windows)]
mod windows_tests;
