//! The Wine prefix of a role, and the agent in it.

use std::collections::BTreeMap;
use std::path::Path;

use standpipe_agent::host::{Host, HostOptions};
use standpipe_deployment::Role;

use crate::environment::{self, InstanceEnvironment};

/// Variables of the system outside, which mean nothing inside of Wine. A variable that a service's
/// `environment` sets reaches it whatever its name.
const OF_THE_OUTSIDE: [&str; 16] = [
    "HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "SHLVL", "_", "TERM", "HOSTNAME", "LANG",
    "LANGUAGE", "DISPLAY", "TMPDIR", "MAIL", "PATH",
];
const OF_THE_OUTSIDE_BEGIN: [&str; 5] = ["LC_", "LD_", "XDG_", "WINE", "STANDPIPE_"];

/// The agent in a role's prefix, not started yet; `None` for a role without Wine. `folder` is the
/// deployment's, `state` the instance's.
pub(super) fn host(
    role: &Role,
    folder: &Path,
    state: &Path,
    environment: &InstanceEnvironment,
) -> Option<Host> {
    let wine = role.wine.as_ref()?;
    let mut installed = role.services.iter().filter(|service| service.command.is_none());
    let only_service = match (installed.next(), installed.next()) {
        (Some(only), None) => Some(only.name.clone()),
        _ => None,
    };
    Some(Host::new(HostOptions {
        prefix: wine.prefix.clone().unwrap_or_else(|| state.join("wine")),
        program: wine.program.as_ref().map(|program| program.as_os_str().to_owned()),
        agent: None,
        folder: folder.to_path_buf(),
        user: role.user.clone(),
        startup_timeout: wine.startup_timeout,
        environment: variables(role, environment),
        // What an earlier run of the instance has left is found by this.
        environment_of_wine: vec![(environment::PIPES.into(), environment.pipes.clone().into())],
        only_service,
    }))
}

/// What the services in the prefix find in their environment. Wine has one environment for all of them.
fn variables(role: &Role, environment: &InstanceEnvironment) -> Vec<(String, String)> {
    let mut variables = BTreeMap::new();
    for service in role.services.iter().filter(|service| service.command.is_none()) {
        for (name, value) in std::env::vars_os() {
            if environment.withheld.contains(&name) {
                continue;
            }
            let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
            if service.passed_on.reaches_installed(&name) && !is_of_the_outside(&name) {
                variables.insert(name, value);
            }
        }
    }
    for service in role.services.iter().filter(|service| service.command.is_none()) {
        variables.extend(environment.own_variables_of_installed(service));
    }
    variables.into_iter().collect()
}

fn is_of_the_outside(name: &str) -> bool {
    OF_THE_OUTSIDE.contains(&name) || OF_THE_OUTSIDE_BEGIN.iter().any(|begin| name.starts_with(begin))
}
