//! The file of targets, as the local runtime keeps it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use standpipe_deployment::{Deployment, Role, Target};
use tracing::warn;

use crate::state::{InstanceRecord, StateDir};
use crate::targets::{InstanceTarget, Targets, VERSION};

/// Into how many parts the instances of a role are divided, as in Azure.
const UPDATE_DOMAINS: u32 = 5;

/// The file of targets, and what is in it.
pub(super) struct Published<'a> {
    state: &'a StateDir,
    targets: Option<Targets>,
}

impl<'a> Published<'a> {
    pub(super) fn new(state: &'a StateDir) -> Self {
        Self { state, targets: None }
    }

    /// Says that these instances can be called. The file is written when that is news.
    pub(super) fn publish(&mut self, deployment: &Deployment, records: &[InstanceRecord]) {
        let targets = targets(deployment, records);
        if self.targets.as_ref() == Some(&targets) {
            return;
        }
        match self.state.write_targets(&targets) {
            Ok(()) => self.targets = Some(targets),
            // It is tried again at the next look.
            Err(error) => warn!("{error}"),
        }
    }
}

fn targets(deployment: &Deployment, records: &[InstanceRecord]) -> Targets {
    let mut roles: BTreeMap<String, Vec<InstanceTarget>> =
        deployment.roles().iter().map(|role| (role.name.clone(), Vec::new())).collect();
    for record in records {
        let Some(role) = deployment.role(&record.role) else { continue };
        let endpoints = endpoints(deployment, role, record);
        let update_domain = record.instance % UPDATE_DOMAINS;
        let target = InstanceTarget { instance: record.instance, update_domain, endpoints };
        roles.entry(record.role.clone()).or_default().push(target);
    }
    Targets { version: VERSION, deployment: deployment.name().to_owned(), roles }
}

/// Where the instance listens: as it says itself, else as the file says.
fn endpoints(deployment: &Deployment, role: &Role, record: &InstanceRecord) -> BTreeMap<String, SocketAddr> {
    let said = record.endpoints.iter().filter_map(|at| Some((at.name.clone(), at.address.parse().ok()?)));
    let said: BTreeMap<String, SocketAddr> = said.collect();
    if !said.is_empty() {
        return said;
    }
    let planned = |endpoint: &str| {
        let target = Target { role: role.name.clone(), endpoint: endpoint.to_owned() };
        let all = deployment.local_targets(&target);
        all.into_iter().find(|(number, _)| *number == record.instance).map(|(_, address)| address)
    };
    let names = role.endpoints.iter().map(|endpoint| endpoint.name.as_str());
    names.filter_map(|name| Some((name.to_owned(), planned(name)?))).collect()
}
