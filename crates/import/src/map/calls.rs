//! Which role calls which, and the sites that do it.

use super::{Mapper, RoleFacts, advice};
use crate::document::Element;
use crate::names::Names;
use crate::outline::Table;
use crate::references;
use crate::report::Outcome;

impl Mapper<'_> {
    /// Finds out which web roles may call which pipes. The definition does not say that they do, only that
    /// they can.
    pub(super) fn find_calls(&mut self) {
        let rules: Vec<&Element> =
            self.definition.within("NetworkTrafficRules", "OnlyAllowTrafficTo").collect();
        let serving: Vec<usize> = (0..self.roles.len()).filter(|index| self.roles[*index].serves()).collect();
        for index in 0..self.roles.len() {
            let caller = &self.roles[index];
            let has_input =
                references::endpoints(caller.element).any(|endpoint| endpoint.name == "InputEndpoint");
            if !caller.is_web || !has_input || self.options.services.contains_key(caller.label) {
                continue;
            }
            let others = serving.iter().copied().filter(|target| *target != index);
            let calls = others.filter(|target| is_allowed(&rules, caller, &self.roles[*target])).collect();
            self.roles[index].calls = calls;
        }
    }

    /// The tables of a role's calls, and what becomes of its sites.
    pub(super) fn calls(&mut self, index: usize) {
        let role = self.roles[index].name.clone();
        let mut names = Names::default();
        for target in self.roles[index].calls.clone() {
            let pipe = self.roles[target].pipe_name().to_owned();
            let is_known = self.roles[target].pipe.is_some();
            let accounts = self.accounts_of(target);
            let has_script = !self.roles[target].users().is_empty();
            let name = names.take(&pipe, "call");
            let mut table = Table::new(&["roles", &role, "calls", &name]);
            table.note(
                "Standpipe's page calls the pipe in the place of the site: its form, and POST /pipes/NAME for programs.",
            );
            if !is_known {
                table.decide("the name of the pipe, as in the role that serves it.");
            }
            let endpoint = self.roles[target].pipe_endpoint_name();
            table.text("target", format!("{}/{endpoint}", self.roles[target].name));
            if name != pipe {
                table.text("pipe", pipe);
            }
            let user = accounts.into_iter().next().map_or_else(String::new, |(user, _)| user);
            let secret = format!("secrets/{user}");
            let key = table.text("user", user);
            if !has_script {
                key.decide("the account that the site impersonates.");
            }
            table.text("password-file", secret);
            self.tables.push(table);
        }
        self.sites(index);
    }

    fn sites(&mut self, index: usize) {
        let facts = &self.roles[index];
        let (role, has_page) = (facts.element, !facts.calls.is_empty());
        let to = facts.key(if has_page { "endpoints" } else { "service" });
        for sites in role.all("Sites") {
            self.ledger.read(sites.id);
            for (place, site) in sites.all("Site").enumerate() {
                if has_page && place == 0 {
                    let note = "Standpipe's page is served there, and calls the pipe. A site of your own calls it by \
                                POST /pipes/NAME, or through `standpipe connect`";
                    self.ledger.decide(site.id, &to, note);
                    self.site(site, &to);
                } else {
                    self.ledger.left_out_whole(site, advice::SITE);
                }
            }
        }
    }

    /// What is in the site that the page takes the place of.
    fn site(&mut self, site: &Element, to: &str) {
        for bindings in site.all("Bindings") {
            self.ledger.read(bindings.id);
            for binding in bindings.all("Binding") {
                self.ledger.mapped(binding.id, to);
                for attribute in &binding.attributes {
                    match attribute.name.as_str() {
                        "hostHeader" => self.ledger.left_out(attribute.id, advice::HOST_HEADER),
                        "name" | "endpointName" => self.ledger.mapped(attribute.id, to),
                        _ => {}
                    }
                }
            }
        }
        for attribute in
            site.attributes.iter().filter(|a| matches!(a.name.as_str(), "name" | "physicalDirectory"))
        {
            self.ledger.read(attribute.id);
        }
        for name in ["VirtualApplication", "VirtualDirectory"] {
            for part in site.all(name) {
                self.ledger.left_out_whole(part, advice::SITE);
            }
        }
    }

    /// The rules of who may call whom.
    pub(super) fn rules(&mut self) {
        for rules in self.definition.all("NetworkTrafficRules") {
            self.ledger.read(rules.id);
            for rule in rules.all("OnlyAllowTrafficTo") {
                let targets: Vec<&Element> = rule.within("Destinations", "RoleEndpoint").collect();
                let pipes =
                    self.roles.iter().find(|role| targets.iter().any(|target| is_target(target, role)));
                if let Some(role) = pipes {
                    let to = format!("roles.*.calls to {}", role.name);
                    let note =
                        "only these roles have calls to it; a NetworkPolicy of Kubernetes can enforce that";
                    self.ledger.mapped_with(rule.id, to, note);
                    self.ledger.within(rule, Outcome::Mapped);
                } else {
                    self.ledger.left_out_whole(rule, advice::RULE);
                }
            }
        }
    }
}

/// Whether a destination of a rule is the pipe of a role.
fn is_target(destination: &Element, role: &RoleFacts<'_>) -> bool {
    let endpoint = role.pipe_endpoint.map_or("", |endpoint| endpoint.label());
    destination.value("roleName") == Some(role.label) && destination.value("endpointName") == Some(endpoint)
}

/// Whether the rules let `caller` reach the pipe of `target`. Without a rule, every role may. The samples of
/// the schema have FromRole with and without WhenSource, and AllowAllTraffic beside either.
fn is_allowed(rules: &[&Element], caller: &RoleFacts<'_>, target: &RoleFacts<'_>) -> bool {
    let about: Vec<&&Element> = rules
        .iter()
        .filter(|rule| {
            rule.within("Destinations", "RoleEndpoint").any(|destination| is_target(destination, target))
        })
        .collect();
    about.is_empty()
        || about.iter().any(|rule| {
            let sources = rule.all("WhenSource").flat_map(|when| when.all("FromRole"));
            let mut sources = sources.chain(rule.all("FromRole"));
            rule.child("AllowAllTraffic").is_some()
                || sources.any(|from| from.value("roleName") == Some(caller.label))
        })
}
