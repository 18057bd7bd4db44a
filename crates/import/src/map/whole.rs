//! What the definition says of the whole deployment.

use super::{Mapper, advice};
use crate::names;
use crate::outline::{Table, Value};

impl Mapper<'_> {
    pub(super) fn whole(&mut self) {
        let root = self.definition;
        self.ledger.read(root.id);
        let mut table = Table::new(&[]);
        if let Some(attribute) = root.attribute("name") {
            let name = names::of_deployment(attribute.value.trim());
            if name == attribute.value.trim() {
                self.ledger.mapped(attribute.id, "name");
            } else {
                self.ledger.mapped_with(
                    attribute.id,
                    "name",
                    format!("names have fewer characters here: `{name}`"),
                );
            }
            table.text("name", name);
        }
        if let Some(version) = root.attribute("schemaVersion") {
            // Every version is read.
            self.ledger.read(version.id);
        }
        if let Some(domains) = root.attribute("upgradeDomainCount") {
            match domains.value.trim().parse::<u64>() {
                Ok(count @ 1..=20) => {
                    self.ledger.mapped(domains.id, "update-domains");
                    table.set("update-domains", Value::Number(count));
                }
                _ => self.ledger.left_out(domains.id, advice::UPGRADE_DOMAINS),
            }
        }
        if let Some(discovery) = root.attribute("topologyChangeDiscovery") {
            self.ledger.left_out(discovery.id, advice::TOPOLOGY);
        }
        self.tables.push(table);
        for probes in root.all("LoadBalancerProbes") {
            self.ledger.read(probes.id);
            for probe in probes.all("LoadBalancerProbe") {
                self.ledger.left_out_whole(probe, advice::PROBE);
            }
        }
        for role in root.all("VirtualMachineRole") {
            self.ledger.left_out_whole(role, advice::VIRTUAL_MACHINE_ROLE);
        }
    }
}
