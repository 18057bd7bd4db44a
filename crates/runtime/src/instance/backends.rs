//! Where the pipes of an instance lead on this machine.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use standpipe_agent::host::Host;
use standpipe_deployment::{PipeMode, Role};
use standpipe_pipe::backend::{Backend, CONNECT_TIMEOUT};
use standpipe_pipe::listener::dotnet_socket;
use standpipe_pipe::{Mode, PipeName};
use standpipe_process::Tree;
use standpipe_system::user::User;

use super::{PrepareError, command};
use crate::environment::InstanceEnvironment;
use crate::temporary;

/// What the pipes of one instance lead to, beside what the file says.
pub(super) struct BackendContext<'a> {
    pub(super) role: &'a Role,
    /// The deployment's folder.
    pub(super) folder: &'a Path,
    pub(super) environment: &'a InstanceEnvironment,
    /// The agent in the role's Wine prefix, if it has one.
    pub(super) wine: Option<&'a Host>,
    /// What commands are started within.
    pub(super) tree: &'a Tree,
    /// The number of the role's user, when that is not this process's own.
    pub(super) user: Option<u32>,
}

/// Where each of a role's pipes leads.
pub(super) fn backends(context: &BackendContext<'_>) -> Result<Vec<(String, Backend)>, PrepareError> {
    let role = context.role;
    let backend = |pipe: &standpipe_deployment::Pipe| {
        let name = PipeName::new(pipe.name.as_str()).map_err(|source| PrepareError::PipeName {
            role: role.name.clone(),
            name: pipe.name.clone(),
            source,
        })?;
        let given_mode = pipe.mode.map(|mode| match mode {
            PipeMode::Byte => Mode::Byte,
            PipeMode::Message => Mode::Message,
        });
        let mode = given_mode.unwrap_or_default();
        let mut backend = match &pipe.backend {
            standpipe_deployment::Backend::Instance => {
                Backend::local(&context.environment.pipes, &name, given_mode)
            }
            standpipe_deployment::Backend::Wine => match context.wine {
                Some(wine) => {
                    let timeout = pipe.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
                    // The agent says why it does not connect, if it has the time to.
                    Backend::connector(given_mode, wine.connector(name.as_str(), timeout.mul_f64(0.9)))
                }
                None => Backend::local(&context.environment.pipes, &name, given_mode),
            },
            standpipe_deployment::Backend::UnixSocket(path) => Backend::unix(path, mode),
            standpipe_deployment::Backend::Tcp { host, port } => {
                let is_here = host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
                if !is_here {
                    tracing::warn!(
                        pipe = pipe.name,
                        host,
                        "nothing protects what is sent to a service on another host"
                    );
                }
                Backend::tcp(host.as_str(), *port)
            }
            standpipe_deployment::Backend::Dotnet(name) => {
                Backend::dotnet(dotnet_path(context, name), context.user.and_then(User::by_number))
            }
            standpipe_deployment::Backend::Command(command) => command::backend(
                &pipe.name,
                command,
                mode,
                role,
                context.folder,
                context.environment,
                context.tree,
            ),
        };
        if let Some(timeout) = pipe.connect_timeout {
            backend = backend.with_connect_timeout(timeout);
        }
        if pipe.tells_caller {
            backend = backend.with_greeting();
        }
        Ok((pipe.name.clone(), backend))
    };
    role.pipes.iter().map(backend).collect()
}

/// Where a .NET service of the role puts the socket of its pipe: `Path.GetTempPath()` and `CoreFxPipe_NAME`,
/// or the name itself when it is an absolute path.
fn dotnet_path(context: &BackendContext<'_>, name: &str) -> PathBuf {
    if name.starts_with('/') {
        return PathBuf::from(name);
    }
    dotnet_socket(&temporary::folder(context.role, context.environment.temporary.as_deref()), name)
}
