//! Ports.

use super::{Mapper, advice};
use crate::document::{Element, Id};
use crate::names::Names;
use crate::outline::{Table, Value};
use crate::references;
use crate::report::Outcome;

impl<'a> Mapper<'a> {
    /// The role's pipe, and its endpoints.
    pub(super) fn endpoints(&mut self, index: usize) {
        let role = self.roles[index].element;
        for list in
            role.children.iter().filter(|child| references::ENDPOINT_LISTS.contains(&child.name.as_str()))
        {
            self.ledger.read(list.id);
        }
        let mut names = Names::default();
        if self.roles[index].serves() {
            self.pipe(index);
            let taken = self.roles[index].pipe_endpoint_name.clone();
            names.take(&taken, "Endpoint");
        }
        let page = self.page_endpoint(index);
        for endpoint in references::endpoints(role) {
            if self.roles[index].pipe_endpoint.is_some_and(|pipes| pipes.id == endpoint.id) {
                continue;
            }
            if page.is_some_and(|page| page.id == endpoint.id) {
                self.page(index, endpoint, &mut names);
            } else {
                self.ledger.left_out_whole(endpoint, advice::ENDPOINT);
            }
        }
        if page.is_none() && !self.roles[index].calls.is_empty() {
            self.page_without_endpoint(index, &mut names);
        }
    }

    /// The pipe, and the endpoint that it is served at.
    fn pipe(&mut self, index: usize) {
        let facts = &self.roles[index];
        let (role, pipe) = (facts.name.clone(), facts.pipe_name().to_owned());
        let (is_known, element, label) = (facts.pipe.is_some(), facts.pipe_endpoint, facts.label);
        let endpoint_name = facts.pipe_endpoint_name.clone();
        let mut table = Table::new(&["roles", &role, "pipes", &pipe]);
        if !is_known {
            table.decide("the name of the service's pipe, without \\\\.\\pipe\\ before it.");
        }
        if let Some(descriptor) = self.options.descriptors.get(label) {
            table.text("sddl", descriptor);
        } else if self.for_windows() {
            table.note("Its mode and its security descriptor are those that the service gives to its pipe.");
        } else {
            let question = "who may open the pipe? Copy the descriptor that the service hands to CreateNamedPipe \
                            (`--sddl ROLE=SDDL`). This one lets every account in that can log on. `standpipe sddl \
                            explain` says what one means.";
            table.text("sddl", "D:(A;;GRGW;;;AU)").decide(question);
        }
        self.tables.push(table);

        let to = format!("roles.{role}.endpoints.{endpoint_name}");
        let mut table = Table::new(&["roles", &role, "endpoints", &endpoint_name]);
        table.text("protocol", "smb");
        let wanted = element.and_then(fixed_port).unwrap_or(445);
        let at = element.map(|element| element.attribute("port").map_or(element.id, |port| port.id));
        let port = self.port(&role, wanted, at, &to);
        let key = table.set("port", Value::Number(u64::from(port)));
        if port < 1024 {
            key.note(
                "Below 1024, a port needs root, CAP_NET_BIND_SERVICE, or net.ipv4.ip_unprivileged_port_start.",
            );
        }
        if port != wanted {
            key.decide(format!("port {wanted} is taken by another role of this file."));
        }
        let Some(element) = element else {
            table.note("The definition has no endpoint for pipes: this one was added.");
            self.tables.push(table);
            return;
        };
        let is_input = element.name != "InternalEndpoint";
        if is_input {
            table.text("visibility", "input");
        }
        if is_known {
            self.ledger.mapped(element.id, &to);
        } else {
            let question = format!("the name of the pipe belongs in roles.{role}.pipes (`--pipe ROLE=NAME`)");
            self.ledger.decide(element.id, &to, question);
        }
        self.endpoint_name(element, &endpoint_name, &to);
        if let Some(protocol) = element.attribute("protocol") {
            self.ledger.mapped_with(
                protocol.id,
                format!("{to}.protocol"),
                "port 445 is that of named pipes: smb",
            );
        }
        if let Some(port) = element.attribute("port") {
            self.ledger.mapped(port.id, format!("{to}.port"));
        }
        self.rest_of_endpoint(element, &to);
        self.tables.push(table);
    }

    fn endpoint_name(&mut self, element: &Element, name: &str, to: &str) {
        let Some(attribute) = element.attribute("name") else { return };
        if attribute.value.trim() == name {
            self.ledger.mapped(attribute.id, to);
        } else {
            self.ledger.mapped_with(attribute.id, to, format!("names have fewer characters here: `{name}`"));
        }
    }

    /// What else an endpoint can have.
    fn rest_of_endpoint(&mut self, element: &Element, to: &str) {
        if let Some(port) = element.attribute("localPort") {
            self.ledger.left_out(port.id, advice::LOCAL_PORT);
        }
        if let Some(probe) = element.attribute("loadBalancerProbe") {
            self.ledger.left_out(probe.id, advice::PROBE);
        }
        if let Some(ignores) = element.attribute("ignoreRoleInstanceStatus") {
            self.ledger.left_out(ignores.id, advice::IGNORES_STATUS);
        }
        if let Some(certificate) = element.attribute("certificate") {
            self.ledger.left_out(certificate.id, advice::TLS);
        }
        for child in &element.children {
            if child.name == "FixedPort" {
                self.ledger.mapped(child.id, format!("{to}.port"));
                self.ledger.within(child, Outcome::Mapped);
            } else if matches!(child.name.as_str(), "FixedPortRange" | "AllocatePublicPortFrom") {
                self.ledger.left_out_whole(child, advice::RANGE);
            }
        }
    }

    /// The endpoint of a web role at which its page is served.
    pub(super) fn page_endpoint(&self, index: usize) -> Option<&'a Element> {
        let facts = &self.roles[index];
        if facts.calls.is_empty() {
            return None;
        }
        let inputs =
            || references::endpoints(facts.element).filter(|endpoint| endpoint.name == "InputEndpoint");
        inputs().find(|endpoint| endpoint.value("protocol") == Some("http"))
    }

    /// Standpipe's page, in the place of the site.
    fn page(&mut self, index: usize, element: &Element, names: &mut Names) {
        let role = self.roles[index].name.clone();
        let name = names.take(element.label(), "Http");
        let to = format!("roles.{role}.endpoints.{name}");
        let mut table = Table::new(&["roles", &role, "endpoints", &name]);
        table.text("protocol", "http");
        let wanted = fixed_port(element).unwrap_or(80);
        let port = self.port(&role, wanted, element.attribute("port").map(|port| port.id), &to);
        let key = table.set("port", Value::Number(u64::from(port)));
        if port != wanted {
            key.decide(format!("port {wanted} is taken by another role of this file."));
        }
        self.ledger.mapped(element.id, &to);
        self.endpoint_name(element, &name, &to);
        if let Some(protocol) = element.attribute("protocol") {
            self.ledger.mapped(protocol.id, format!("{to}.protocol"));
        }
        if let Some(port) = element.attribute("port") {
            self.ledger.mapped(port.id, format!("{to}.port"));
        }
        self.rest_of_endpoint(element, &to);
        self.tables.push(table);
    }

    /// The page of a web role that offers only https.
    fn page_without_endpoint(&mut self, index: usize, names: &mut Names) {
        let role = self.roles[index].name.clone();
        let name = names.take("Http", "Http");
        let mut table = Table::new(&["roles", &role, "endpoints", &name]);
        table.decide("the role offers no http; put a proxy in front of this port that speaks TLS.");
        table.text("protocol", "http");
        let port = self.port(&role, 8080, None, "");
        table.set("port", Value::Number(u64::from(port)));
        self.tables.push(table);
    }

    /// The port that an endpoint gets: the wanted one, or one that is free when another role has it. All
    /// instances share the loopback addresses when one machine runs the deployment.
    fn port(&mut self, role: &str, wanted: u16, at: Option<Id>, to: &str) -> u16 {
        let mut port = wanted;
        let mut next = if wanted < 1024 { wanted + 8000 } else { wanted };
        while let Some(owner) = self.ports.get(&port) {
            if port == wanted
                && let Some(at) = at
            {
                let note = format!("port {wanted} is taken by role {owner}, and one machine may run both");
                self.ledger.decide(at, format!("{to}.port"), note);
            }
            port = next;
            next = next.checked_add(1).unwrap_or(1024);
        }
        self.ports.insert(port, role.to_owned());
        port
    }

    /// What an expression of `RoleInstanceValue` asks of an endpoint.
    pub(super) fn endpoint_value(&self, index: usize, name: &str, attribute: &str) -> Result<String, String> {
        let endpoint =
            references::endpoints(self.roles[index].element).find(|endpoint| endpoint.label() == name);
        let endpoint = endpoint.ok_or("the role has no such endpoint; set the variable by hand")?;
        match attribute {
            "protocol" => Ok(endpoint.value("protocol").unwrap_or("tcp").to_owned()),
            "port" => match fixed_port(endpoint) {
                Some(port) => Ok(port.to_string()),
                None => Err("the port was found at run time; choose one".to_owned()),
            },
            _ => Err("the instance's address is found at run time; listen on all addresses, or on 127.0.0.1"
                .into()),
        }
    }
}

/// The port of an endpoint on its instance, where the definition says it.
fn fixed_port(endpoint: &Element) -> Option<u16> {
    let local = endpoint.value("localPort").filter(|port| *port != "*");
    let fixed = endpoint.child("FixedPort").and_then(|fixed| fixed.value("port"));
    local.or(fixed).or(endpoint.value("port"))?.parse().ok()
}
