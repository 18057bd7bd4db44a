//! Addresses at which the services of several instances would get into each other's way.

use std::net::IpAddr;

use crate::definition::{Backend, Pipe, Role};
use crate::file::Problem;

/// The pipes of a role that would lead to one service for all its instances. A role without a service has
/// nobody who could listen twice: its pipes lead to a service of the machine, and may do so together.
pub(super) fn addresses(role: &Role) -> Vec<Problem> {
    if role.instances < 2 || role.services.is_empty() {
        return Vec::new();
    }
    role.pipes.iter().filter_map(|pipe| shared(role, pipe)).collect()
}

fn shared(role: &Role, pipe: &Pipe) -> Option<Problem> {
    let (address, own) = match &pipe.backend {
        Backend::UnixSocket(path) => (
            format!("the socket {}", path.display()),
            "leave `backend` out and have the service listen in STANDPIPE_PIPES, which each instance has for itself",
        ),
        Backend::Tcp { host, port } if is_here(host) => (
            format!("the port {port} of {host}"),
            "use a socket instead, in STANDPIPE_PIPES, which each instance has for itself",
        ),
        Backend::Dotnet(name) if name.starts_with('/') => (
            format!("the socket {name}"),
            "write \"dotnet\" or \"dotnet:NAME\": each instance has a TMPDIR of its own",
        ),
        Backend::Dotnet(_) => {
            let folder = fixed_temporary_folder(role)?;
            (
                format!("the folder {folder} for .NET's sockets"),
                "take TMPDIR out of the service's `environment`: each instance has one of its own",
            )
        }
        Backend::Instance | Backend::Wine | Backend::Tcp { .. } | Backend::Command(_) => return None,
    };
    let (role, instances, name) = (&role.name, role.instances, &pipe.name);
    let what =
        format!("the {instances} instances of role `{role}` would share one service behind pipe `{name}`");
    Some(
        Problem::at(pipe.backend_span.clone(), what)
            .label(format!("each of their services would listen at {address}"))
            .hint(format!("{own}; or set instances = 1")),
    )
}

/// The folder for temporary files that the file gives to the service of every instance.
fn fixed_temporary_folder(role: &Role) -> Option<&str> {
    let variables = role.services.iter().flat_map(|service| &service.environment);
    variables.rev().find(|(name, _)| name == "TMPDIR").map(|(_, folder)| folder.as_str())
}

fn is_here(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
