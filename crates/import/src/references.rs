//! What has to be right before anything is mapped: names that are needed, that differ, and that lead
//! somewhere.

use std::collections::HashMap;

use standpipe_deployment::{Problem, Span};

use crate::document::{Attribute, Element};

/// The elements that define a role.
pub(crate) const ROLES: [&str; 2] = ["WebRole", "WorkerRole"];
/// The elements that define an endpoint.
pub(crate) const ENDPOINTS: [&str; 3] = ["InputEndpoint", "InternalEndpoint", "InstanceInputEndpoint"];
/// What holds them; the first versions of the schema had the second.
pub(crate) const ENDPOINT_LISTS: [&str; 2] = ["Endpoints", "InputEndpoints"];

/// The roles of a definition.
pub(crate) fn roles(definition: &Element) -> impl Iterator<Item = &Element> {
    definition.children.iter().filter(|child| ROLES.contains(&child.name.as_str()))
}

/// The endpoints of a role.
pub(crate) fn endpoints(role: &Element) -> impl Iterator<Item = &Element> {
    let lists = role.children.iter().filter(|child| ENDPOINT_LISTS.contains(&child.name.as_str()));
    let endpoints = lists.flat_map(|list| &list.children);
    endpoints.filter(|child| ENDPOINTS.contains(&child.name.as_str()))
}

/// Far more than the 25 of Azure.
const MOST_ROLES: usize = 200;
/// Far more than the 25 of Azure, for each role.
const MOST_ENDPOINTS: usize = 200;

/// Everything that is wrong with a definition.
pub(crate) fn of_definition(root: &Element) -> Vec<Problem> {
    let mut checker = Checker::default();
    checker.named(root, "name");
    let probes: Vec<&Element> = root.within("LoadBalancerProbes", "LoadBalancerProbe").collect();
    checker.all_differ(probes.iter().copied(), "two load balancer probes have one name");
    if roles(root).next().is_none() {
        checker.problems.push(
            Problem::at(root.span.clone(), "the definition has no role")
                .hint("a WebRole or a WorkerRole is needed; a VirtualMachineRole cannot be imported"),
        );
    }
    if roles(root).count() > MOST_ROLES {
        checker.problems.push(
            Problem::at(root.span.clone(), format!("the definition has more than {MOST_ROLES} roles"))
                .hint("Azure allows 25: is it the right file?"),
        );
        return checker.problems;
    }
    checker.all_differ(roles(root), "two roles have one name");
    for role in roles(root) {
        checker.role(role, &probes);
    }
    let found: Vec<&Element> = roles(root).collect();
    for rule in root.within("NetworkTrafficRules", "OnlyAllowTrafficTo") {
        checker.rule(rule, &found);
    }
    checker.problems
}

/// Everything that is wrong with a configuration of this definition.
pub(crate) fn of_configuration(root: &Element, definition: &Element) -> Vec<Problem> {
    let mut checker = Checker::default();
    checker.named(root, "serviceName");
    let service = definition.label();
    if let Some(name) = root.attribute("serviceName")
        && !name.value.trim().is_empty()
        && name.value.trim() != service
    {
        checker.problems.push(
            Problem::at(
                name.span.clone(),
                format!("this is a configuration of `{}`, not of `{service}`", name.value),
            )
            .label("the definition has another name")
            .hint("give the configuration that belongs to the definition, or correct the name"),
        );
    }
    checker.all_differ(root.all("Role"), "two roles have one name");
    let defined: Vec<&str> = roles(definition).map(Element::label).collect();
    for role in root.all("Role") {
        checker.named(role, "name");
        if let Some(name) = role.attribute("name") {
            checker.leads(name, &defined, "the definition has no role", "its roles are");
        }
        let Some(instances) = role.child("Instances") else {
            checker.missing(role, "Instances", "add <Instances count=\"1\" />");
            continue;
        };
        checker.number(instances, "count", 0, u64::from(u32::MAX));
        for setting in role.within("ConfigurationSettings", "Setting") {
            checker.named(setting, "name");
        }
    }
    for name in &defined {
        if !root.all("Role").any(|role| role.label() == *name) {
            checker.problems.push(
                Problem::at(
                    root.span.clone(),
                    format!("the configuration lacks role `{name}` of the definition"),
                )
                .hint(format!("add <Role name=\"{name}\"><Instances count=\"1\" /></Role>")),
            );
        }
    }
    checker.problems
}

#[derive(Default)]
struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    fn missing(&mut self, element: &Element, what: &str, hint: &str) {
        let message = format!("{} has no {what}", element.path);
        self.problems.push(Problem::at(element.span.clone(), message).hint(hint));
    }

    /// An attribute that must be there, with something in it.
    fn named(&mut self, element: &Element, name: &str) {
        match element.attribute(name) {
            None => self.missing(element, name, &format!("add {name}=\"…\"")),
            Some(attribute) if attribute.value.trim().is_empty() => {
                let at = empty_span(&attribute.span);
                self.problems.push(Problem::at(at, format!("{name} of {} is empty", element.name)));
            }
            Some(_) => {}
        }
    }

    fn number(&mut self, element: &Element, name: &str, least: u64, most: u64) {
        self.named(element, name);
        self.number_if_any(element, name, least, most);
    }

    /// An attribute that is a number, if it is there.
    fn number_if_any(&mut self, element: &Element, name: &str, least: u64, most: u64) {
        let Some(attribute) = element.attribute(name).filter(|attribute| !attribute.value.trim().is_empty())
        else {
            return;
        };
        let number = attribute.value.trim().parse::<u64>();
        if !number.is_ok_and(|number| (least..=most).contains(&number)) {
            self.problems.push(
                Problem::at(
                    attribute.span.clone(),
                    format!("{name} must be a number from {least} to {most}"),
                )
                .label("not such a number"),
            );
        }
    }

    fn port(&mut self, element: &Element, name: &str) {
        self.number_if_any(element, name, 1, 65_535);
    }

    fn all_differ<'e>(&mut self, elements: impl Iterator<Item = &'e Element>, message: &str) {
        let mut seen: HashMap<String, Span> = HashMap::new();
        for element in elements {
            let Some(name) = element.attribute("name") else { continue };
            if let Some(first) = seen.insert(name.value.trim().to_lowercase(), name.span.clone()) {
                let problem = Problem::at(name.span.clone(), message).also(first, "the first one");
                self.problems.push(problem.hint("rename one of the two"));
            }
        }
    }

    /// A name that must be one of `known`.
    fn leads(&mut self, name: &Attribute, known: &[&str], message: &str, these: &str) {
        let value = name.value.trim();
        if value.is_empty() || known.contains(&value) {
            return;
        }
        let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        self.problems.push(
            Problem::at(name.span.clone(), format!("{message} `{value}`"))
                .label("not there")
                .hint(format!("{these} {list}")),
        );
    }

    fn role(&mut self, role: &Element, probes: &[&Element]) {
        self.named(role, "name");
        if endpoints(role).count() > MOST_ENDPOINTS {
            self.problems.push(
                Problem::at(role.span.clone(), format!("the role has more than {MOST_ENDPOINTS} endpoints"))
                    .hint("Azure allows 25: is it the right file?"),
            );
            return;
        }
        self.all_differ(endpoints(role), "two endpoints of a role have one name");
        let names: Vec<&str> = endpoints(role).map(Element::label).collect();
        let probes: Vec<&str> = probes.iter().map(|probe| probe.label()).collect();
        let certificates: Vec<&str> =
            role.within("Certificates", "Certificate").map(Element::label).collect();
        for endpoint in endpoints(role) {
            self.endpoint(endpoint);
            if let Some(probe) = endpoint.attribute("loadBalancerProbe") {
                self.leads(probe, &probes, "there is no load balancer probe", "the probes are");
            }
            if let Some(certificate) = endpoint.attribute("certificate") {
                self.leads(certificate, &certificates, "the role has no certificate", "its certificates are");
            }
        }
        for site in role.within("Sites", "Site") {
            for binding in site.within("Bindings", "Binding") {
                if let Some(endpoint) = binding.attribute("endpointName") {
                    self.leads(endpoint, &names, "the role has no endpoint", "its endpoints are");
                }
            }
        }
        for setting in role.within("ConfigurationSettings", "Setting") {
            self.named(setting, "name");
        }
        for task in role.within("Startup", "Task") {
            self.named(task, "commandLine");
            self.variables(task);
        }
        for runtime in role.all("Runtime") {
            self.variables(runtime);
        }
        for storage in role.within("LocalResources", "LocalStorage").chain(role.all("LocalStorage")) {
            self.named(storage, "name");
            self.number_if_any(storage, "sizeInMB", 1, u64::from(u32::MAX));
            self.number_if_any(storage, "sizeInMb", 1, u64::from(u32::MAX));
        }
    }

    fn endpoint(&mut self, endpoint: &Element) {
        self.named(endpoint, "name");
        match endpoint.name.as_str() {
            "InputEndpoint" => {
                self.named(endpoint, "port");
                self.port(endpoint, "port");
                if endpoint.value("localPort") != Some("*") {
                    self.port(endpoint, "localPort");
                }
            }
            "InternalEndpoint" if endpoint.value("port") != Some("*") => self.port(endpoint, "port"),
            "InstanceInputEndpoint" => {
                self.named(endpoint, "localPort");
                self.port(endpoint, "localPort");
            }
            _ => {}
        }
        let mut waiting: Vec<&Element> = endpoint.children.iter().collect();
        while let Some(inner) = waiting.pop() {
            match inner.name.as_str() {
                "FixedPort" => {
                    self.named(inner, "port");
                    self.port(inner, "port");
                }
                "FixedPortRange" => {
                    for name in ["min", "max"] {
                        self.named(inner, name);
                        self.port(inner, name);
                    }
                    let bound = |name| inner.value(name).and_then(|value| value.parse::<u16>().ok());
                    if let (Some(min), Some(max)) = (bound("min"), bound("max"))
                        && min > max
                    {
                        let message = format!("the range of ports from {min} to {max} is empty");
                        self.problems
                            .push(Problem::at(inner.span.clone(), message).hint("exchange min and max"));
                    }
                }
                _ => {}
            }
            waiting.extend(&inner.children);
        }
    }

    fn variables(&mut self, element: &Element) {
        for variable in element.within("Environment", "Variable") {
            self.named(variable, "name");
            if let Some(name) = variable.attribute("name").filter(|name| name.value.contains('=')) {
                let problem = Problem::at(name.span.clone(), "the name of a variable holds no `=`");
                self.problems.push(problem);
            }
            if variable.attribute("value").is_none() && variable.child("RoleInstanceValue").is_none() {
                self.missing(
                    variable,
                    "value",
                    "add value=\"…\", which may be empty, or a RoleInstanceValue",
                );
            }
        }
    }

    fn rule(&mut self, rule: &Element, roles: &[&Element]) {
        let names: Vec<&str> = roles.iter().map(|role| role.label()).collect();
        let (no_role, these) = ("there is no role", "the roles are");
        for target in rule.within("Destinations", "RoleEndpoint") {
            self.named(target, "roleName");
            self.named(target, "endpointName");
            let Some(role) = target.attribute("roleName") else { continue };
            self.leads(role, &names, no_role, these);
            let role = roles.iter().find(|known| known.label() == role.value.trim());
            if let (Some(role), Some(endpoint)) = (role, target.attribute("endpointName")) {
                let known: Vec<&str> = endpoints(role).map(Element::label).collect();
                self.leads(endpoint, &known, "the role has no endpoint", "its endpoints are");
            }
        }
        let sources = rule.all("WhenSource").flat_map(|when| when.all("FromRole"));
        for source in sources.chain(rule.all("FromRole")) {
            self.named(source, "roleName");
            if let Some(role) = source.attribute("roleName") {
                self.leads(role, &names, no_role, these);
            }
        }
    }
}

/// A place that can be shown although nothing is in it.
fn empty_span(span: &Span) -> Span {
    span.start..span.end.max(span.start)
}
