//! Compose: one service for each instance, for `docker compose` and `podman-compose`.

mod model;
mod problems;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use standpipe_deployment::{Environment, Problem, Problems, Role};

use crate::container::Container;
use crate::file::{ExportedFile, heading};
use crate::origin::{Origin, PlatformFile, Surroundings};
use crate::role;
use crate::yaml::{self, Note};
use model::{Compose, Healthcheck, Network, NetworkOf, SecretFile, Service, Volume};

/// The user and the group of the container: those of the image.
const USER: &str = "65532:65532";

const FILE: &str = "standpipe.toml";

const IMAGE: &str = "Decide: the image with this role's programs.";
const PORTS: &str = "Decide: the addresses of this host that the world may use; all, as it is.";
const SYSCTL: &str = "A process without rights may take this port.";
const STATE: &str =
    "Accounts and sockets, made anew with each container. State goes to a folder below the mount.";
const KEPT: &str = "\
State stays, since local storage of this role is to be kept: `down --volumes` takes it away. The folder /state of the
image is one that every user may write to, and a new volume takes that from it.";

/// How an export to compose is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ComposeOptions {
    /// The image of every role; without it, each role has one of its own name.
    pub image: Option<String>,
}

/// The files that run a deployment with compose.
///
/// # Errors
/// Everything that is wrong with the deployment file, and everything in it that cannot be with compose.
pub fn compose(
    file: &Path,
    options: &ComposeOptions,
    environment: &dyn Environment,
) -> Result<Vec<ExportedFile>, Problems> {
    let origin = Origin::read(file, &Container::Linux.machine(), environment)?;
    origin.check(problems::find(&origin))?;
    let deployment = &origin.deployment;
    let addresses = |name: &str, endpoint: &str| {
        let port = role::port_of(deployment.role(name)?.endpoint(endpoint)?)?;
        Some(vec![format!("dns:{}:{port}", lower(name))])
    };
    let platform = origin.for_platform(&Surroundings {
        secret: &|key| format!("/run/secrets/{key}"),
        addresses: &addresses,
        page: None,
    });
    let (compose, notes) = project(&origin, options, &platform);
    let yaml = yaml::document(&compose, &notes).map_err(|error| {
        Problems::one(deployment.source(), Problem::of_file(format!("cannot be written as YAML: {error}")))
    })?;
    let from = deployment.file();
    Ok(vec![
        ExportedFile {
            path: "compose.yaml".to_owned(),
            text: format!("{}{yaml}", heading("compose", from, &instructions(&platform))),
        },
        ExportedFile {
            path: FILE.to_owned(),
            text: format!("{}{}", heading("compose", from, ""), platform.text),
        },
    ])
}

/// Names of compose are in lower case, as DNS has them.
fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The whole project, and its comments.
fn project(origin: &Origin, options: &ComposeOptions, platform: &PlatformFile) -> (Compose, Vec<Note>) {
    let deployment = &origin.deployment;
    let mut services = BTreeMap::new();
    let mut notes = Vec::new();
    for role in deployment.roles() {
        for number in 0..role.instances {
            let name = format!("{}-{number}", lower(&role.name));
            if number == 0 {
                let note = |key: &str, text: &str| Note::new(format!("services.{name}.{key}"), text);
                notes.extend([
                    note("image", IMAGE),
                    note("ports", PORTS),
                    note("sysctls", SYSCTL),
                    if role::kept_bytes(role).is_some() {
                        note("volumes", KEPT)
                    } else {
                        note("tmpfs", STATE)
                    },
                ]);
            }
            services.insert(name, service(origin, options, platform, role, number));
        }
    }
    let networks =
        deployment.roles().iter().map(|role| (lower(&role.name), Network { internal: false })).collect();
    let secrets = platform
        .secrets
        .iter()
        .map(|secret| (secret.key.clone(), SecretFile { file: format!("./secrets/{}", secret.key) }))
        .collect();
    let kept = deployment.roles().iter().filter(|role| role::kept_bytes(role).is_some());
    let volumes = kept
        .flat_map(|role| (0..role.instances).map(move |number| state_volume(role, &number.to_string())))
        .map(|name| (name, Volume { driver: "local" }))
        .collect();
    (Compose { services, networks, secrets, volumes }, notes)
}

/// The name of the volume with the state of an instance.
fn state_volume(role: &Role, number: &str) -> String {
    format!("{}-{number}-state", lower(&role.name))
}

fn service(
    origin: &Origin,
    options: &ComposeOptions,
    platform: &PlatformFile,
    role: &Role,
    number: u32,
) -> Service {
    let deployment = &origin.deployment;
    let needs = role::needs(role);
    let number = number.to_string();
    let command = [
        "run",
        "--file",
        "/etc/standpipe/standpipe.toml",
        "--folder",
        "/deployment",
        "--role",
        &role.name,
        "--instance",
        &number,
        "--address",
        "0.0.0.0",
        "--state-dir",
        "/state/standpipe",
        "--log-format",
        "json",
    ];
    // A role's own network, where every instance has the role's name; and those of the roles that it calls.
    let mut networks = BTreeMap::from([(lower(&role.name), NetworkOf { aliases: vec![lower(&role.name)] })]);
    for call in &role.calls {
        networks.entry(lower(&call.target.role)).or_default();
    }
    let variables = platform.variables.get(&role.name).into_iter().flatten();
    let mut environment: BTreeMap<String, String> =
        variables.map(|name| (name.clone(), format!("${{{name}:?set {name}}}"))).collect();
    if role.wine.is_some() {
        environment.insert("HOME".to_owned(), "/state".to_owned());
    }
    let of_role = platform.secrets.iter().filter(|secret| secret.roles.contains(&role.name));
    let health = ["CMD", "standpipe", "health", "--state-dir", "/state/standpipe"];
    let image = options.image.clone();
    let mut tmpfs = vec!["/tmp:mode=1777".to_owned()];
    let mut volumes = vec![format!("./{FILE}:/etc/standpipe/{FILE}:ro")];
    if role::kept_bytes(role).is_some() {
        volumes.push(format!("{}:/state", state_volume(role, &number)));
    } else {
        tmpfs.insert(0, "/state:mode=1777".to_owned());
    }
    Service {
        image: image.unwrap_or_else(|| format!("{}-{}:1.0", lower(deployment.name()), lower(&role.name))),
        entrypoint: vec!["standpipe".to_owned()],
        command: command.map(str::to_owned).to_vec(),
        environment,
        user: USER.to_owned(),
        // Standpipe is the first process, and ends what its services leave behind.
        init: false,
        read_only: role.wine.is_none(),
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec!["no-new-privileges:true".to_owned()],
        sysctls: needs
            .low_port
            .map(|port| ("net.ipv4.ip_unprivileged_port_start".to_owned(), port.to_string()))
            .into_iter()
            .collect(),
        tmpfs,
        volumes,
        secrets: of_role.map(|secret| secret.key.clone()).collect(),
        networks,
        ports: role::inputs(role)
            .filter_map(|endpoint| {
                let port = role::port_of(endpoint)?;
                let transport = role::transport(endpoint.protocol).to_ascii_lowercase();
                Some(format!("{port}:{port}/{transport}"))
            })
            .collect(),
        healthcheck: Healthcheck {
            test: health.map(str::to_owned).to_vec(),
            interval: "10s".to_owned(),
            timeout: "3s".to_owned(),
            retries: 3,
            start_period: format!("{}s", needs.start.as_secs()),
        },
        restart: "on-failure".to_owned(),
        stop_grace_period: format!("{}s", needs.stop.as_secs()),
    }
}

/// What a person has to do.
fn instructions(platform: &PlatformFile) -> String {
    let mut lines = vec![String::new()];
    if !platform.secrets.is_empty() {
        lines.push("Secrets are files beside this one, for the container's user alone:".to_owned());
        for secret in &platform.secrets {
            lines.push(format!(
                "  install -D -m 0400 -o 65532 PATH secrets/{}   # {}",
                secret.key, secret.meaning
            ));
        }
    }
    let mut variables: Vec<&String> = platform.variables.values().flatten().collect();
    variables.sort_unstable();
    variables.dedup();
    if !variables.is_empty() {
        lines.push(
            "Variables that the deployment file reads come from the environment or from a file `.env`:"
                .to_owned(),
        );
        lines.extend(variables.iter().map(|name| format!("  {name}")));
    }
    lines.push("Then: docker compose up -d, or podman-compose up -d.".to_owned());
    lines.join("\n")
}
