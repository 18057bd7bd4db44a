//! What became of the configurations.

use super::Mapper;
use crate::configuration::Configuration;
use crate::document::Element;
use crate::report::Outcome;
use crate::script::may_hold_secret;

impl Mapper<'_> {
    pub(super) fn configurations(&mut self) {
        let chosen = self.chosen.clone();
        for configuration in chosen.iter().chain(&self.others.clone()) {
            self.configuration(configuration, chosen.as_ref());
        }
    }

    fn configuration(&mut self, configuration: &Configuration<'_>, chosen: Option<&Configuration<'_>>) {
        let root = configuration.root;
        if let Some(chosen) = chosen.filter(|chosen| !std::ptr::eq(chosen.root, root)) {
            let note =
                format!("another configuration: `--configuration {}` makes a file of it", configuration.name);
            self.ledger.left_out(root.id, note);
            for role in root.all("Role") {
                self.other_instances(role, configuration, chosen);
            }
            self.ledger.within(root, Outcome::LeftOut);
            return;
        }
        self.ledger.read(root.id);
        for attribute in &root.attributes {
            match attribute.name.as_str() {
                "serviceName" => self.ledger.mapped(attribute.id, "name"),
                "schemaVersion" => self.ledger.read(attribute.id),
                "osFamily" => self.ledger.left_out(attribute.id, os_family(attribute.value.trim())),
                "osVersion" => {
                    self.ledger.left_out(attribute.id, "the image says which Windows, and which updates");
                }
                _ => {}
            }
        }
        for role in root.all("Role") {
            self.role_configuration(role, configuration);
        }
        for network in root.all("NetworkConfiguration") {
            self.ledger.read(network.id);
            for part in &network.children {
                self.network(part);
            }
        }
    }

    /// How many instances a configuration has that is not the chosen one.
    fn other_instances(&mut self, role: &Element, own: &Configuration<'_>, chosen: &Configuration<'_>) {
        let label = role.label();
        let facts = self.roles.iter().find(|facts| facts.label == label);
        let Some(to) = facts.map(|facts| facts.key("instances")) else { return };
        if chosen.instances(label) != own.instances(label)
            && let Some(count) = role.child("Instances").and_then(|instances| instances.attribute("count"))
        {
            self.ledger.mapped_with(count.id, to, format!("a comment has the number of {}", own.name));
        }
    }

    /// What the configuration says of a role.
    fn role_configuration(&mut self, role: &Element, own: &Configuration<'_>) {
        let label = role.label();
        let facts = self.roles.iter().find(|facts| facts.label == label);
        let Some(name) = facts.map(|facts| facts.name.clone()) else { return };
        self.ledger.mapped(role.id, format!("roles.{name}"));
        if let Some(attribute) = role.attribute("name") {
            self.ledger.mapped(attribute.id, format!("roles.{name}"));
        }
        if let Some(machine) = role.attribute("vmName") {
            self.ledger.left_out(machine.id, "instances are named after their role and number");
        }
        for instances in role.all("Instances") {
            self.ledger.read(instances.id);
            if let Some(count) = instances.attribute("count") {
                let to = format!("roles.{name}.instances");
                match own.instances(label) {
                    Some(0) => {
                        self.ledger.decide(
                            count.id,
                            to,
                            "a role has one instance at least; take the role out instead",
                        );
                    }
                    Some(1001..) => {
                        self.ledger.decide(count.id, to, "a role has 1000 instances at most");
                    }
                    _ => self.ledger.mapped(count.id, to),
                }
            }
        }
        for settings in role.all("ConfigurationSettings") {
            self.ledger.read(settings.id);
            for setting in settings.all("Setting") {
                self.setting(setting, label);
            }
        }
        for certificates in role.all("Certificates") {
            self.ledger.read(certificates.id);
            for certificate in certificates.all("Certificate") {
                let thumbprint = certificate.value("thumbprint").unwrap_or_default();
                self.ledger.left_out_whole(
                    certificate,
                    format!("export the certificate {thumbprint} from where it was uploaded, and mount it as a secret"),
                );
            }
        }
    }

    fn setting(&mut self, setting: &Element, role: &str) {
        let Some(facts) = self.roles.iter().find(|facts| facts.label == role) else { return };
        let name = setting.label();
        let is_defined =
            facts.element.within("ConfigurationSettings", "Setting").any(|known| known.label() == name);
        if name.starts_with(super::own::PLUGINS) {
            self.ledger
                .left_out_whole(setting, "a setting of a plug-in of Azure, which is not there any more");
        } else if facts.settings.iter().any(|known| known == name) {
            self.ledger.mapped(setting.id, facts.key(&format!("settings.{name}")));
            self.ledger.within(setting, Outcome::Mapped);
        } else if is_defined
            && (may_hold_secret(name) || may_hold_secret(setting.value("value").unwrap_or_default()))
        {
            let to = facts.key(&format!("secrets.{name}"));
            self.ledger.decide(setting.id, to, "it looks like a secret, which is not copied");
            self.ledger.within(setting, Outcome::Decide);
        } else {
            self.ledger.left_out_whole(setting, "the definition has no such setting: nothing could read it");
        }
    }

    /// A part of the network's configuration.
    fn network(&mut self, part: &Element) {
        let inner = match part.name.as_str() {
            "AccessControls" => {
                Some(("AccessControl", "its rules become a NetworkPolicy, or rules of a firewall"))
            }
            "EndpointAcls" => {
                Some(("EndpointAcl", "make a NetworkPolicy for the role's port, or a rule of a firewall"))
            }
            "Dns" => Some((
                "DnsServers",
                "the container's network says which name servers there are: `dnsConfig` of a pod",
            )),
            "AddressAssignments" => Some((
                "InstanceAddress",
                "the cluster gives the pods their addresses; callers find instances by their role",
            )),
            _ => None,
        };
        if let Some((name, instead)) = inner {
            self.ledger.read(part.id);
            for one in part.all(name) {
                self.ledger.left_out_whole(one, instead);
            }
            for addresses in part.all("ReservedIPs") {
                let instead =
                    "a fixed address is one of the load balancer's: `loadBalancerIP`, or an annotation";
                self.ledger.left_out_whole(addresses, instead);
            }
            return;
        }
        match part.name.as_str() {
            "VirtualNetworkSite" => {
                let name = part.label();
                self.ledger.left_out_whole(
                    part,
                    format!("join the cluster's network to {name}, or run the cluster there"),
                );
            }
            "ReservedIPs" => {
                let instead =
                    "a fixed address is one of the load balancer's: `loadBalancerIP`, or an annotation";
                self.ledger.left_out_whole(part, instead);
            }
            "LoadBalancers" => {
                self.ledger.left_out_whole(
                    part,
                    "a Service of Kubernetes of type LoadBalancer, internal by annotation",
                );
            }
            _ => {}
        }
    }
}

/// Which Windows a family of Azure's guest systems was.
fn os_family(family: &str) -> String {
    let (name, image) = match family {
        "1" => ("2008 SP2", None),
        "2" => ("2008 R2", None),
        "3" => ("2012", None),
        "4" => ("2012 R2", None),
        "5" => ("2016", Some("ltsc2016")),
        "6" => ("2019", Some("ltsc2019")),
        "7" => ("2022", Some("ltsc2022")),
        _ => return "the image says which Windows; Wine needs none".to_owned(),
    };
    match image {
        Some(image) => format!(
            "Windows Server {name}: as an image, mcr.microsoft.com/windows/servercore:{image}; Wine needs none"
        ),
        None => {
            format!("Windows Server {name}, of which there is no image; try a newer one. Wine needs none")
        }
    }
}
