//! What a deployment file says that cannot be with systemd, with its place.

use standpipe_deployment::{Endpoint, Problem, Role, Visibility};

use crate::origin::Origin;
use crate::problems;
use crate::role;

/// Everything in the file that cannot be with systemd.
pub(super) fn find(origin: &Origin) -> Vec<Problem> {
    let mut found = Vec::new();
    for role in origin.deployment.roles() {
        found.extend(problems::needs_root(origin, role, "the units run as users without rights"));
        found.extend(problems::wine_without_prefix(origin, role, "start"));
        if role.wine.is_some() && role.instances > 1 {
            found.push(
                Problem::at(
                    origin.span(&["roles", &role.name, "wine"]),
                    format!(
                        "the {} instances of role `{}` would use one Wine prefix",
                        role.instances, role.name
                    ),
                )
                .hint("set instances = 1, or run the instances in containers"),
            );
        }
        for endpoint in &role.endpoints {
            found.extend(endpoint_problem(origin, role, endpoint));
        }
    }
    found
}

fn endpoint_problem(origin: &Origin, role: &Role, endpoint: &Endpoint) -> Option<Problem> {
    let span = origin.span(&["roles", &role.name, "endpoints", &endpoint.name, "port"]);
    let name = &endpoint.name;
    if (0..role.instances).any(|instance| endpoint.port_of(instance).is_none()) {
        return Some(
            Problem::at(span, format!("endpoint `{name}` has a port that is known once the instance runs"))
                .label("nobody tells it to those who call")
                .hint("give it one port, or a range with port-choice = \"instance\""),
        );
    }
    // All instances of a role with an input endpoint listen at all addresses.
    let shares =
        role::inputs(role).next().is_some() && role.instances > 1 && role::port_of(endpoint).is_some();
    shares.then(|| {
        let what = format!(
            "the {} instances of role `{}` would take this port of one machine",
            role.instances, role.name
        );
        let what = Problem::at(span, what);
        if endpoint.visibility == Visibility::Input {
            what.hint("set instances = 1, or give the endpoint a range with port-choice = \"instance\"")
        } else {
            what.label(
                "the role has an endpoint for the world, so that its instances listen at all addresses",
            )
            .hint("set instances = 1, or give the endpoint a range with port-choice = \"instance\"")
        }
    })
}
