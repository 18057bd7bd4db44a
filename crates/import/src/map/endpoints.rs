//! Ports.

use standpipe_deployment::facts;

use super::roles::ADDED_ENDPOINT;
use super::{Mapper, advice};
use crate::document::{Element, Id};
use crate::names::Names;
use crate::outline::{Table, Value};
use crate::references;
use crate::report::Outcome;

/// The endpoint of the page where the definition has none for it.
const ADDED_PAGE: &str = "Http";

impl<'a> Mapper<'a> {
    /// Gives the endpoints that the deployment file will have their names there.
    pub(super) fn name_endpoints(&mut self, index: usize) {
        let role = self.roles[index].element;
        let page = self.page_endpoint(index).map(|page| page.id);
        let has_service = self.has_service(index);
        let mut labels = Vec::new();
        let facts = &self.roles[index];
        if facts.serves() && facts.pipe_endpoint.is_none() {
            labels.push(ADDED_ENDPOINT);
        }
        let pipes = facts.pipe_endpoint.map(|pipes| pipes.id);
        let is_kept = |endpoint: &&Element| has_service || [page, pipes].contains(&Some(endpoint.id));
        labels.extend(references::endpoints(role).filter(is_kept).map(Element::label));
        if page.is_none() && !facts.calls.is_empty() {
            labels.push(ADDED_PAGE);
        }
        let mut names = Names::default();
        for label in labels {
            let mut name = names.take(label, "Endpoint");
            while !self.roles[index].variables.take(&of_endpoint(&name)) {
                name = names.take(label, "Endpoint");
            }
            self.roles[index].endpoint_names.push((label.to_owned(), name));
        }
    }

    /// The name of an endpoint in the deployment file.
    fn endpoint_of(&self, index: usize, label: &str) -> String {
        let named = self.roles[index].endpoint_names.iter().find(|(azure, _)| azure == label);
        named.map_or_else(|| label.to_owned(), |(_, name)| name.clone())
    }

    /// The role's pipe, and its endpoints.
    pub(super) fn endpoints(&mut self, index: usize) {
        let role = self.roles[index].element;
        for list in
            role.children.iter().filter(|child| references::ENDPOINT_LISTS.contains(&child.name.as_str()))
        {
            self.ledger.read(list.id);
        }
        if self.roles[index].serves() {
            self.pipe(index);
        }
        let page = self.page_endpoint(index);
        for endpoint in references::endpoints(role) {
            if self.roles[index].pipe_endpoint.is_some_and(|pipes| pipes.id == endpoint.id) {
                continue;
            }
            if page.is_some_and(|page| page.id == endpoint.id) {
                self.page(index, endpoint);
            } else if self.has_service(index) {
                self.own_endpoint(index, endpoint);
            } else {
                self.ledger.left_out_whole(endpoint, advice::ENDPOINT);
            }
        }
        if page.is_none() && !self.roles[index].calls.is_empty() {
            self.page_without_endpoint(index);
        }
    }

    /// An endpoint that the role's service listens at itself.
    fn own_endpoint(&mut self, index: usize, element: &Element) {
        let role = self.roles[index].name.clone();
        let name = self.endpoint_of(index, element.label());
        let to = format!("roles.{role}.endpoints.{name}");
        let mut table = Table::new(&["roles", &role, "endpoints", &name]);
        let spoken = element.value("protocol").unwrap_or("tcp").to_lowercase();
        let is_udp = spoken == "udp";
        table.text("protocol", if is_udp { "udp" } else { "tcp" });
        if let Some(protocol) = element.attribute("protocol") {
            let key = format!("{to}.protocol");
            match spoken.as_str() {
                "tcp" | "udp" => self.ledger.mapped(protocol.id, key),
                "any" => self.ledger.mapped_with(
                    protocol.id,
                    key,
                    "any: a second endpoint is needed if it is udp too",
                ),
                _ => self.ledger.mapped_with(
                    protocol.id,
                    key,
                    format!("{spoken}: the service speaks it itself, over tcp"),
                ),
            }
        }
        let note = format!(
            "the service finds the port in {}_PORT, and has to listen there itself",
            facts::endpoint(&name)
        );
        self.ledger.mapped_with(element.id, &to, note);
        self.endpoint_name(element, &name, &to);
        self.own_port(&role, element, is_udp, &to, &mut table);
        if element.name != "InternalEndpoint" {
            table.text("visibility", "input");
        }
        self.rest_of_endpoint(element, &to);
        self.tables.push(table);
    }

    /// The port or the range of an endpoint of the service's own.
    fn own_port(&mut self, role: &str, element: &Element, is_udp: bool, to: &str, table: &mut Table) {
        let public = element.attribute("port");
        if let Some(range) = element.child("FixedPortRange").filter(|_| element.name == "InternalEndpoint") {
            let bound = |name| range.value(name).and_then(|value| value.parse::<u16>().ok()).unwrap_or(1);
            let (first, last) = (bound("min"), bound("max"));
            let is_free = self.taken_by(is_udp, first, last).is_none();
            if is_free {
                self.ports.push(Taken { is_udp, first, last, role: role.to_owned() });
                table.text("port", format!("{first}-{last}")).decide(
                    "Azure opened all these ports on each instance; here an instance gets one of them.",
                );
            } else {
                table.text("port", "dynamic").decide(format!("another role has ports of {first} to {last}."));
            }
            self.ledger.decide(
                range.id,
                format!("{to}.port"),
                "Azure opened all of them; here an instance gets one",
            );
            self.ledger.within(range, Outcome::Decide);
            if let Some(port) = public {
                self.ledger.left_out(port.id, "the range beside it counts");
            }
            return;
        }
        match fixed_port(element).filter(|_| element.value("localPort") != Some("*")) {
            Some(wanted) => {
                let at = public.map_or(element.id, |port| port.id);
                let port = self.port(role, wanted, is_udp, Some(at), to);
                let key = table.set("port", Value::Number(u64::from(port)));
                if port != wanted {
                    key.decide(format!("port {wanted} is taken by another role of this file."));
                }
            }
            None => {
                table.text("port", "dynamic");
            }
        }
        if let Some(public) = public {
            match element.attribute("localPort") {
                Some(local) if local.value.trim() != public.value.trim() => {
                    let number = public.value.trim();
                    let note = format!(
                        "instances listen on the local port; a Service of Kubernetes can have {number}"
                    );
                    self.ledger.mapped_with(public.id, format!("{to}.port"), note);
                }
                _ => self.ledger.mapped(public.id, format!("{to}.port")),
            }
        }
        if let Some(local) = element.attribute("localPort") {
            self.ledger.mapped(local.id, format!("{to}.port"));
        }
    }

    /// The pipe, and the endpoint that it is served at.
    fn pipe(&mut self, index: usize) {
        let facts = &self.roles[index];
        let (role, pipe) = (facts.name.clone(), facts.pipe_name().to_owned());
        let (is_known, element, label) = (facts.pipe.is_some(), facts.pipe_endpoint, facts.label);
        let endpoint_name = facts.pipe_endpoint_name();
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
        let port = self.port(&role, wanted, false, at, &to);
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
        if let Some(port) = element.attribute("localPort").filter(|port| !self.ledger.has(port.id)) {
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
            } else if child.name == "FixedPortRange" && !self.ledger.has(child.id) {
                self.ledger.left_out_whole(child, advice::RANGE);
            } else if child.name == "AllocatePublicPortFrom" {
                self.ledger.left_out_whole(child, advice::PUBLIC_RANGE);
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
    fn page(&mut self, index: usize, element: &Element) {
        let role = self.roles[index].name.clone();
        let name = self.endpoint_of(index, element.label());
        let to = format!("roles.{role}.endpoints.{name}");
        let mut table = Table::new(&["roles", &role, "endpoints", &name]);
        table.text("protocol", "http");
        let wanted = fixed_port(element).unwrap_or(80);
        let port = self.port(&role, wanted, false, element.attribute("port").map(|port| port.id), &to);
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
    fn page_without_endpoint(&mut self, index: usize) {
        let role = self.roles[index].name.clone();
        let name = self.endpoint_of(index, ADDED_PAGE);
        let mut table = Table::new(&["roles", &role, "endpoints", &name]);
        table.decide("the role offers no http; put a proxy in front of this port that speaks TLS.");
        table.text("protocol", "http");
        let port = self.port(&role, 8080, false, None, "");
        table.set("port", Value::Number(u64::from(port)));
        self.tables.push(table);
    }

    /// The port that an endpoint gets: the wanted one, or one that is free when another role has it. All
    /// instances share the loopback addresses when one machine runs the deployment.
    fn port(&mut self, role: &str, wanted: u16, is_udp: bool, at: Option<Id>, to: &str) -> u16 {
        let mut port = wanted;
        let mut next = if wanted < 1024 { wanted + 8000 } else { wanted };
        let mut tries = 0_u16;
        while let Some(owner) = self.taken_by(is_udp, port, port) {
            tries = tries.saturating_add(1);
            if tries == u16::MAX {
                // Every port is taken. The check of the deployment file says so.
                return wanted;
            }
            if port == wanted
                && let Some(at) = at
            {
                let note = format!("port {wanted} is taken by role {owner}, and one machine may run both");
                self.ledger.decide(at, format!("{to}.port"), note);
            }
            port = next;
            next = next.checked_add(1).unwrap_or(1024);
        }
        self.ports.push(Taken { is_udp, first: port, last: port, role: role.to_owned() });
        port
    }

    /// The role that has one of these ports.
    fn taken_by(&self, is_udp: bool, first: u16, last: u16) -> Option<&str> {
        let meets = |taken: &&Taken| taken.is_udp == is_udp && taken.first <= last && first <= taken.last;
        self.ports.iter().find(meets).map(|taken| taken.role.as_str())
    }
}

/// Ports that a role has.
#[derive(Debug)]
pub(super) struct Taken {
    is_udp: bool,
    first: u16,
    last: u16,
    role: String,
}

/// The variables of an endpoint.
fn of_endpoint(name: &str) -> [String; 4] {
    ["", "_ADDRESS", "_PORT", "_PROTOCOL"].map(|end| facts::endpoint(name) + end)
}

/// The port of an endpoint on its instance, where the definition says it.
fn fixed_port(endpoint: &Element) -> Option<u16> {
    let local = endpoint.value("localPort").filter(|port| *port != "*");
    let fixed = endpoint.child("FixedPort").and_then(|fixed| fixed.value("port"));
    local.or(fixed).or(endpoint.value("port"))?.parse().ok()
}
