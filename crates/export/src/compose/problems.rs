//! What a deployment file says that cannot be with compose, with its place.

use standpipe_deployment::{Problem, Visibility};

use crate::origin::Origin;
use crate::problems;

/// Everything in the file that cannot be with compose.
pub(super) fn find(origin: &Origin) -> Vec<Problem> {
    let mut found = Vec::new();
    for role in origin.deployment.roles() {
        found.extend(problems::needs_root(origin, role, "the container has no root"));
        found.extend(problems::wine_without_prefix(origin, role, "container"));
        for endpoint in &role.endpoints {
            found.extend(problems::no_fixed_port(origin, role, endpoint));
            let path = ["roles", &role.name, "endpoints", &endpoint.name, "port"];
            if endpoint.visibility == Visibility::Input && role.instances > 1 {
                found.push(
                    Problem::at(
                        origin.span(&path),
                        format!(
                            "the {} instances of role `{}` would take this port of one host",
                            role.instances, role.name
                        ),
                    )
                    .hint(
                        "set instances = 1; or visibility = \"internal\", and a proxy in front of the instances",
                    ),
                );
            }
        }
    }
    found
}
