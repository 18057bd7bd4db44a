//! What a deployment file says that cannot be on Kubernetes, with its place.

use standpipe_deployment::{Problem, Role};

use super::names;
use crate::container::Container;
use crate::origin::Origin;
use crate::problems;

/// Everything in the file that cannot be on Kubernetes.
pub(super) fn find(origin: &Origin, container: Container) -> Vec<Problem> {
    let mut found = Vec::new();
    let deployment = &origin.deployment;
    if let Some(wrong) = names::wrong_with(deployment.name()) {
        let problem =
            Problem::at(origin.span(&["name"]), format!("the deployment's name cannot be used: {wrong}"));
        found.push(problem.hint("use letters, digits and `-`; upper case becomes lower case"));
    }
    for role in deployment.roles() {
        let at = || origin.span(&["roles", &role.name]);
        let name = names::object(&names::lower(deployment.name()), &role.name);
        if let Some(wrong) = names::wrong_with(&role.name) {
            found.push(
                Problem::at(at(), format!("the name of role `{}` cannot be used: {wrong}", role.name))
                    .hint("use letters, digits and `-`; upper case becomes lower case"),
            );
        } else if name.len() > names::LONGEST {
            found.push(
                Problem::at(
                    at(),
                    format!("the objects of role `{}` would have names that are too long", role.name),
                )
                .label(format!(
                    "`{name}` has {} characters, at most {} are allowed",
                    name.len(),
                    names::LONGEST
                ))
                .hint("shorten the name of the role or of the deployment"),
            );
        }
        find_in_role(origin, role, container, &mut found);
    }
    found
}

fn find_in_role(origin: &Origin, role: &Role, container: Container, found: &mut Vec<Problem>) {
    found.extend(problems::needs_root(origin, role, "the container has no root"));
    if container == Container::Linux {
        found.extend(problems::wine_without_prefix(origin, role, "pod"));
    }
    found
        .extend(role.endpoints.iter().filter_map(|endpoint| problems::no_fixed_port(origin, role, endpoint)));
}
