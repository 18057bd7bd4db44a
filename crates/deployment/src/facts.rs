//! What the processes of an instance find in their environment about it: the names of the variables.

use crate::definition::Role;

/// The deployment's name.
pub const DEPLOYMENT: &str = "STANDPIPE_DEPLOYMENT";
/// Which of several deployments of that name this is; whoever runs it can say so.
pub const DEPLOYMENT_ID: &str = "STANDPIPE_DEPLOYMENT_ID";
/// The role's name.
pub const ROLE: &str = "STANDPIPE_ROLE";
/// The instance's number in its role.
pub const INSTANCE: &str = "STANDPIPE_INSTANCE";
/// The instance's name in the whole deployment, as Azure writes it: `ServiceWatcher_IN_0`.
pub const INSTANCE_ID: &str = "STANDPIPE_INSTANCE_ID";
/// The part of the role that is updated together with this instance.
pub const UPDATE_DOMAIN: &str = "STANDPIPE_UPDATE_DOMAIN";
/// The file of accounts that may log on.
pub const ACCOUNTS: &str = "STANDPIPE_ACCOUNTS";
/// The folder in which services make their sockets.
pub const PIPES: &str = "STANDPIPE_PIPES";
/// Where the role's document is read, in a role with a health port.
pub const ROLE_DOCUMENT: &str = "STANDPIPE_ROLE_DOCUMENT";

/// Where the endpoint `name` listens, as `ADDRESS:PORT`; with `_ADDRESS`, `_PORT` and `_PROTOCOL` behind it,
/// each alone.
pub fn endpoint(name: &str) -> String {
    variable("ENDPOINT", name)
}

/// The value of the setting `name`.
pub fn setting(name: &str) -> String {
    variable("SETTING", name)
}

/// The path of the file with the secret `name`.
pub fn secret(name: &str) -> String {
    variable("SECRET", name)
}

/// The path of the local storage `name`; with `_MIB` behind it, its size in MiB, rounded up.
pub fn local_storage(name: &str) -> String {
    variable("LOCAL_STORAGE", name)
}

/// What an instance is called in its deployment: `ServiceWatcher_IN_0`.
pub fn instance_id(role: &str, number: u32) -> String {
    format!("{role}_IN_{number}")
}

/// Capital letters, digits and `_`: what every system and every shell takes for a variable.
fn variable(what: &str, name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("STANDPIPE_{what}_{}", name.chars().map(letter).collect::<String>())
}

/// The names of all variables that an instance of the role has.
pub fn names(role: &Role) -> Vec<String> {
    let always = [
        DEPLOYMENT,
        DEPLOYMENT_ID,
        ROLE,
        INSTANCE,
        INSTANCE_ID,
        UPDATE_DOMAIN,
        ACCOUNTS,
        PIPES,
        ROLE_DOCUMENT,
    ];
    let mut names: Vec<String> = always.map(str::to_owned).into();
    names.extend(role.endpoints.iter().flat_map(|each| of_endpoint(&each.name)));
    names.extend(role.settings.iter().map(|(name, _)| setting(name)));
    names.extend(role.secrets.iter().map(|(name, _)| secret(name)));
    names.extend(role.local_storage.iter().flat_map(|each| of_local_storage(&each.name)));
    names
}

pub(crate) fn of_endpoint(name: &str) -> [String; 4] {
    ["", "_ADDRESS", "_PORT", "_PROTOCOL"].map(|end| endpoint(name) + end)
}

pub(crate) fn of_local_storage(name: &str) -> [String; 2] {
    ["", "_MIB"].map(|end| local_storage(name) + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_one_that_every_system_takes() {
        assert_eq!(setting("Greeting"), "STANDPIPE_SETTING_GREETING");
        assert_eq!(
            setting("Microsoft.WindowsAzure.Plugins.Diagnostics"),
            "STANDPIPE_SETTING_MICROSOFT_WINDOWSAZURE_PLUGINS_DIAGNOSTICS"
        );
        assert_eq!(endpoint("Named-Pipes"), "STANDPIPE_ENDPOINT_NAMED_PIPES");
        assert_eq!(instance_id("ServiceWatcher", 3), "ServiceWatcher_IN_3");
    }
}
