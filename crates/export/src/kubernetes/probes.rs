//! How Kubernetes learns how an instance is.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ExecAction, HTTPGetAction, Probe, TCPSocketAction};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use standpipe_deployment::{Protocol, Role};

use super::names;
use crate::container::Container;
use crate::role;
use crate::yaml::Note;

/// How often an instance that starts or runs is asked.
const PERIOD: Duration = Duration::from_secs(5);
/// How often it is asked whether it lives.
const LIVE_PERIOD: Duration = Duration::from_secs(10);

const STARTUP: &str = "As long as the startup tasks and the services may take, by the deployment file.";
const NO_LIVENESS: &str = "\
Ready says what the services and their pipes are. There is no liveness probe: an instance that cannot go on
ends by itself, with an exit code that says why.";
const TCP_ONLY: &str = "\
Decide: a port answers before the service is ready; callers ask by themselves. The key `health` of this
role, or an endpoint with the protocol `http`, can say more. Windows nodes should run no command as a probe.";

/// The probes of a container.
pub(super) struct Probes {
    pub(super) startup: Probe,
    pub(super) readiness: Probe,
    pub(super) liveness: Option<Probe>,
}

/// What answers the probes of a role.
enum Answers {
    /// The health port.
    Health(u16),
    /// The page, at this port: whether it lives, and whether there is somebody to call.
    Page(String),
    /// The command `standpipe health`.
    Command,
    /// A port that is listened on.
    Port(String),
}

fn answers(role: &Role, container: Container) -> Answers {
    if let Some(port) = role::health_port(role) {
        return Answers::Health(port);
    }
    let port = |protocol: Option<Protocol>| {
        let endpoint = role
            .endpoints
            .iter()
            .find(|endpoint| protocol.is_none_or(|wanted| endpoint.protocol == wanted))?;
        let number = role::port_of(endpoint)?;
        Some(names::port(&endpoint.name, role::protocol_name(endpoint.protocol), number))
    };
    let page =
        port(Some(Protocol::Http)).filter(|_| container == Container::Windows || role::is_page_only(role));
    match (page, port(None)) {
        (Some(page), _) => Answers::Page(page),
        (None, Some(port)) if container == Container::Windows => Answers::Port(port),
        _ => Answers::Command,
    }
}

/// The probes of a role.
pub(super) fn of(role: &Role, container: Container, state: &str) -> Probes {
    let tries = role::needs(role).start.as_secs().div_ceil(PERIOD.as_secs());
    let every = |period: Duration, probe: Probe| Probe {
        period_seconds: i32::try_from(period.as_secs()).ok(),
        timeout_seconds: Some(3),
        failure_threshold: Some(3),
        ..probe
    };
    let starting =
        |probe: Probe| Probe { failure_threshold: i32::try_from(tries).ok(), ..every(PERIOD, probe) };
    match answers(role, container) {
        Answers::Health(port) => {
            let get = |path: &str| get(path, IntOrString::Int(port.into()));
            Probes {
                startup: starting(get("/startz")),
                readiness: every(PERIOD, get("/readyz")),
                liveness: Some(every(LIVE_PERIOD, get("/livez"))),
            }
        }
        Answers::Page(port) => {
            let get = |path: &str| get(path, IntOrString::String(port.clone()));
            Probes {
                // A page whose targets are not there yet has started all the same.
                startup: starting(get("/livez")),
                readiness: every(PERIOD, get("/readyz")),
                liveness: Some(every(LIVE_PERIOD, get("/livez"))),
            }
        }
        Answers::Command => {
            let command = ["standpipe", "health", "--state-dir", state].map(str::to_owned).to_vec();
            let probe =
                || Probe { exec: Some(ExecAction { command: Some(command.clone()) }), ..Probe::default() };
            Probes { startup: starting(probe()), readiness: every(PERIOD, probe()), liveness: None }
        }
        Answers::Port(port) => {
            let probe = || Probe {
                tcp_socket: Some(TCPSocketAction {
                    port: IntOrString::String(port.clone()),
                    ..TCPSocketAction::default()
                }),
                ..Probe::default()
            };
            Probes { startup: starting(probe()), readiness: every(PERIOD, probe()), liveness: None }
        }
    }
}

fn get(path: &str, port: IntOrString) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction { path: Some(path.to_owned()), port, ..HTTPGetAction::default() }),
        ..Probe::default()
    }
}

/// The comments of the probes in the container at `path`.
pub(super) fn notes(role: &Role, container: Container, path: &str) -> Vec<Note> {
    let mut notes = vec![Note::new(format!("{path}.startupProbe.failureThreshold"), STARTUP)];
    match answers(role, container) {
        Answers::Page(_) | Answers::Health(_) => {}
        Answers::Command => notes.push(Note::new(format!("{path}.readinessProbe"), NO_LIVENESS)),
        Answers::Port(_) => notes.push(Note::new(format!("{path}.readinessProbe"), TCP_ONLY)),
    }
    notes
}
