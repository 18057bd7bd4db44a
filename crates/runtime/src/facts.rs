//! What there is to know about an instance, beside its number: for its processes, as variables of their
//! environment.

use std::path::{Path, PathBuf};

use standpipe_deployment::{Deployment, Role, facts};

use crate::state::EndpointRecord;

/// What is known about an instance before it begins, beside what the deployment file says.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Where it listens.
    pub endpoints: Vec<EndpointRecord>,
    /// The URL of its document, where it has a health port.
    pub document: Option<String>,
}

/// Which of several deployments of one name this is: as whoever runs it says, else its name.
pub fn deployment_id(deployment: &Deployment) -> String {
    std::env::var(facts::DEPLOYMENT_ID)
        .ok()
        .filter(|id| !id.is_empty())
        .unwrap_or_else(|| deployment.name().to_owned())
}

/// The variables of instance `number`; `storage` has the folder of each local storage, in the order of the
/// file.
///
/// The last six have the names that programs know from Azure Cloud Services.
pub(crate) fn variables(
    deployment: &Deployment,
    role: &Role,
    number: u32,
    own: &Own,
    storage: &[PathBuf],
) -> Vec<(String, String)> {
    let (id, instance_id) = (deployment_id(deployment), facts::instance_id(&role.name, number));
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut add = |name: String, value: String| variables.push((name, value));
    add(facts::DEPLOYMENT_ID.to_owned(), id.clone());
    add(facts::INSTANCE_ID.to_owned(), instance_id.clone());
    add(facts::UPDATE_DOMAIN.to_owned(), deployment.update_domain(number).to_string());
    add(facts::ROLE_DOCUMENT.to_owned(), own.document.clone().unwrap_or_default());
    for endpoint in &own.endpoints {
        let name = facts::endpoint(&endpoint.name);
        let (address, port) = endpoint.address.rsplit_once(':').unwrap_or((&endpoint.address, ""));
        let address = address.trim_start_matches('[').trim_end_matches(']');
        add(format!("{name}_ADDRESS"), address.to_owned());
        add(format!("{name}_PORT"), port.to_owned());
        add(format!("{name}_PROTOCOL"), endpoint.protocol.clone());
        add(name, endpoint.address.clone());
    }
    for (name, value) in &role.settings {
        add(facts::setting(name), value.clone());
    }
    for (name, path) in &role.secrets {
        add(facts::secret(name), text(path));
    }
    for (storage, path) in role.local_storage.iter().zip(storage) {
        let name = facts::local_storage(&storage.name);
        add(format!("{name}_MIB"), storage.size.div_ceil(1024 * 1024).to_string());
        add(name, text(path));
    }
    let root = text(deployment.folder());
    add("RoleName".to_owned(), role.name.clone());
    add("RoleInstanceID".to_owned(), instance_id.clone());
    add("RoleDeploymentID".to_owned(), id);
    add("RoleRoot".to_owned(), root.clone());
    add("RdRoleId".to_owned(), instance_id);
    add("RdRoleRoot".to_owned(), root);
    variables
}
