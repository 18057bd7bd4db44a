//! What cannot be on any of several platforms.

use standpipe_deployment::{Endpoint, Problem, Role};

use crate::origin::Origin;
use crate::role;

/// A role whose service runs as another user than Standpipe.
pub(crate) fn needs_root(origin: &Origin, role: &Role, label: &str) -> Option<Problem> {
    let user = role.user.as_ref()?;
    Some(
        Problem::at(
            origin.span(&["roles", &role.name, "user"]),
            format!("role `{}` runs its service as the user `{user}`, which only root can", role.name),
        )
        .label(label.to_owned())
        .hint("leave `user` out: all of the instance runs as one user without rights, who is made for it"),
    )
}

/// A role whose Wine prefix would be made with each instance.
pub(crate) fn wine_without_prefix(origin: &Origin, role: &Role, what: &str) -> Option<Problem> {
    role.wine.as_ref().filter(|wine| wine.prefix.is_none())?;
    Some(
        Problem::at(
            origin.span(&["roles", &role.name, "wine"]),
            format!(
                "role `{}` has no Wine prefix of its own, so that each {what} would make one anew",
                role.name
            ),
        )
        .hint("make the prefix when the image is built (docs/wine.md), and name it: prefix = \"/prefix\""),
    )
}

/// An endpoint whose port nobody knows before the instance runs.
pub(crate) fn no_fixed_port(origin: &Origin, role: &Role, endpoint: &Endpoint) -> Option<Problem> {
    if role::port_of(endpoint).is_some() {
        return None;
    }
    Some(
        Problem::at(
            origin.span(&["roles", &role.name, "endpoints", &endpoint.name, "port"]),
            format!("endpoint `{}` has no port that is the same for all instances", endpoint.name),
        )
        .hint("give it one port: each instance has an address of its own, so that ports never meet"),
    )
}
