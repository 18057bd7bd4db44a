//! What every platform has to know of a role.

use std::time::Duration;

use standpipe_deployment::{Backend, Deployment, Endpoint, Program, Protocol, Role, TaskKind, Visibility};

/// How long a startup task without a time limit of its own may take before a platform gives it up.
const TASK_LIMIT: Duration = Duration::from_mins(5);

/// What is added to the time for a start: for a slow machine.
const START_SLACK: Duration = Duration::from_mins(1);

/// What a platform grants each instance of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Needs {
    /// How long its start may take.
    pub(crate) start: Duration,
    /// How long its stop may take.
    pub(crate) stop: Duration,
    /// The lowest port that a process without rights must be able to take, when there is one below 1024.
    pub(crate) low_port: Option<u16>,
}

/// What an instance of `role` needs.
pub(crate) fn needs(role: &Role) -> Needs {
    let simple = role.startup.iter().filter(|task| task.kind == TaskKind::Simple);
    let tasks: Duration = simple.map(|task| task.timeout.unwrap_or(TASK_LIMIT)).sum();
    let wine = role.wine.as_ref().map_or(Duration::ZERO, |wine| wine.startup_timeout);
    let services: Duration = role.services.iter().map(|service| service.start_timeout_limit).sum();
    let ports = role.endpoints.iter().filter_map(|endpoint| endpoint.ports.bounds()).map(|(first, _)| first);
    Needs {
        start: tasks + wine + services + START_SLACK,
        stop: role.stop_limit(),
        low_port: ports.filter(|port| *port < 1024).min(),
    }
}

/// The port of an endpoint, where every instance has the same.
pub(crate) fn port_of(endpoint: &Endpoint) -> Option<u16> {
    endpoint.ports.fixed()
}

/// The port at which an instance says how it is, where every instance has the same.
pub(crate) fn health_port(role: &Role) -> Option<u16> {
    role.health.as_ref()?.ports.fixed().filter(|port| *port != 0)
}

/// How many bytes of local storage have to outlive an instance; `None` when there are none.
pub(crate) fn kept_bytes(role: &Role) -> Option<u64> {
    let kept: Vec<u64> =
        role.local_storage.iter().filter(|each| !each.clean_on_recycle).map(|each| each.size).collect();
    (!kept.is_empty()).then(|| kept.into_iter().fold(0, u64::saturating_add))
}

/// Whether a role has files of its own in the folder of the deployment: what `standpipe pack` would pack.
pub(crate) fn has_content(role: &Role) -> bool {
    let of_pipes = role.pipes.iter().filter_map(|pipe| match &pipe.backend {
        Backend::Command(serving) => Some(&serving.command),
        _ => None,
    });
    let of_services = role.services.iter().filter_map(|service| service.command.as_ref());
    let mut commands = role.startup.iter().map(|task| &task.command).chain(of_services).chain(of_pipes);
    !role.content.is_empty() || commands.any(|command| matches!(command.program, Program::Path(_)))
}

/// Whether a role has nothing but pages: no service, no pipe.
pub(crate) fn is_page_only(role: &Role) -> bool {
    role.services.is_empty()
        && role.pipes.is_empty()
        && role.endpoints.iter().any(|endpoint| endpoint.protocol == Protocol::Http)
}

/// The endpoints for the world.
pub(crate) fn inputs(role: &Role) -> impl Iterator<Item = &Endpoint> {
    role.endpoints.iter().filter(|endpoint| endpoint.visibility == Visibility::Input)
}

/// The roles that call an endpoint of a role, by name and in order.
pub(crate) fn callers<'d>(deployment: &'d Deployment, role: &str, endpoint: &str) -> Vec<&'d str> {
    let calls = |caller: &Role| {
        caller.calls.iter().any(|call| call.target.role == role && call.target.endpoint == endpoint)
    };
    let mut callers: Vec<&str> =
        deployment.roles().iter().filter(|caller| calls(caller)).map(|caller| caller.name.as_str()).collect();
    callers.sort_unstable();
    callers
}

/// Whether any role calls `role`.
pub(crate) fn is_called(deployment: &Deployment, role: &str) -> bool {
    deployment.roles().iter().flat_map(|caller| &caller.calls).any(|call| call.target.role == role)
}

/// The word for a protocol.
pub(crate) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smb => "smb",
        Protocol::Http => "http",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// The word for what carries a protocol.
pub(crate) fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smb | Protocol::Http | Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}
