//! A compose file, as far as an export needs one.
//!
//! The crate `compose_spec` has the whole model, but a licence (MPL-2.0) that is not among those of this
//! project, and it depends on `serde_yaml`, which is no longer maintained.

use std::collections::BTreeMap;

use serde::Serialize;

/// The file. It has no `name`: docker-compose 1 refuses one. It has no `configs`, which podman-compose does
/// not mount.
#[derive(Debug, Serialize)]
pub(super) struct Compose {
    pub(super) services: BTreeMap<String, Service>,
    pub(super) networks: BTreeMap<String, Network>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) secrets: BTreeMap<String, SecretFile>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) volumes: BTreeMap<String, Volume>,
}

/// A volume of the project, which stays when its containers go.
#[derive(Debug, Serialize)]
pub(super) struct Volume {
    /// What keeps it: `local` is what every engine has.
    pub(super) driver: &'static str,
}

/// A container.
#[derive(Debug, Serialize)]
pub(super) struct Service {
    pub(super) image: String,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) environment: BTreeMap<String, String>,
    pub(super) user: String,
    pub(super) init: bool,
    pub(super) read_only: bool,
    pub(super) cap_drop: Vec<String>,
    pub(super) security_opt: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) sysctls: BTreeMap<String, String>,
    pub(super) tmpfs: Vec<String>,
    pub(super) volumes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) secrets: Vec<String>,
    pub(super) networks: BTreeMap<String, NetworkOf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ports: Vec<String>,
    pub(super) healthcheck: Healthcheck,
    pub(super) restart: String,
    pub(super) stop_grace_period: String,
}

/// A network of the project.
#[derive(Debug, Serialize)]
pub(super) struct Network {
    /// Whether nothing outside of this machine can be reached from it.
    pub(super) internal: bool,
}

/// A network as a container has it.
#[derive(Debug, Default, Serialize)]
pub(super) struct NetworkOf {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
}

/// A secret of the project.
#[derive(Debug, Serialize)]
pub(super) struct SecretFile {
    pub(super) file: String,
}

/// How the engine learns whether a container is ready.
#[derive(Debug, Serialize)]
pub(super) struct Healthcheck {
    pub(super) test: Vec<String>,
    pub(super) interval: String,
    pub(super) timeout: String,
    pub(super) retries: u32,
    pub(super) start_period: String,
}
