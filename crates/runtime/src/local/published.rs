//! The file of targets, as the local runtime keeps it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use standpipe_deployment::{Deployment, Target};
use tracing::warn;

use crate::state::{InstanceRecord, StateDir};
use crate::targets::{InstanceTarget, Targets, VERSION};

/// The file of targets, and what is in it.
#[derive(Debug)]
pub(super) struct Published<'a> {
    state: &'a StateDir,
    targets: Option<Targets>,
    /// Whether what is in it may be no longer true.
    is_stale: bool,
}

impl<'a> Published<'a> {
    pub(super) fn new(state: &'a StateDir) -> Self {
        Self { state, targets: None, is_stale: true }
    }

    /// Something may have changed.
    pub(super) fn changed(&mut self) {
        self.is_stale = true;
    }

    /// Says that these instances can be called. The file is written when that is news.
    pub(super) fn publish<'r>(
        &mut self,
        deployment: &Deployment,
        records: impl Iterator<Item = &'r InstanceRecord>,
    ) {
        if !self.is_stale {
            return;
        }
        let targets = targets(deployment, records);
        if self.targets.as_ref() != Some(&targets) {
            if let Err(error) = self.state.write_targets(&targets) {
                // It is tried again at the next look.
                warn!("{error}");
                return;
            }
            self.targets = Some(targets);
        }
        self.is_stale = false;
    }
}

fn targets<'r>(deployment: &Deployment, records: impl Iterator<Item = &'r InstanceRecord>) -> Targets {
    let planned = planned(deployment);
    let mut roles: BTreeMap<String, Vec<InstanceTarget>> =
        deployment.roles().iter().map(|role| (role.name.clone(), Vec::new())).collect();
    for record in records {
        let Some(instances) = roles.get_mut(&record.role) else { continue };
        // Where the instance listens: as it says itself, else as the file says.
        let said = record.endpoints.iter().filter_map(|at| Some((at.name.clone(), at.address.parse().ok()?)));
        let mut endpoints: BTreeMap<String, SocketAddr> = said.collect();
        if endpoints.is_empty() {
            let by_file = planned.get(&(record.role.as_str(), record.instance));
            endpoints.extend(by_file.into_iter().flatten().map(|(name, at)| ((*name).to_owned(), *at)));
        }
        let InstanceRecord { instance, update_domain, .. } = *record;
        instances.push(InstanceTarget { instance, update_domain, endpoints });
    }
    Targets { version: VERSION, deployment: deployment.name().to_owned(), roles }
}

/// The endpoints of an instance by their names.
type Planned<'d> = BTreeMap<&'d str, SocketAddr>;

/// What the file says of each instance's endpoints.
fn planned(deployment: &Deployment) -> BTreeMap<(&str, u32), Planned<'_>> {
    let mut planned: BTreeMap<(&str, u32), Planned<'_>> = BTreeMap::new();
    for role in deployment.roles() {
        for endpoint in &role.endpoints {
            let target = Target { role: role.name.clone(), endpoint: endpoint.name.clone() };
            for (number, address) in deployment.local_targets(&target) {
                planned.entry((&role.name, number)).or_default().insert(&endpoint.name, address);
            }
        }
    }
    planned
}
