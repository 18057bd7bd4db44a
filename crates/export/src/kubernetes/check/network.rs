//! Services, network policies and disruption budgets.

use serde_json::Value;

use super::{Findings, list_of, text, twice, values};

pub(super) fn service(object: &Value, name: &str, findings: &mut Findings<'_>) {
    if !values::is_service_name(name) {
        findings.add("metadata.name", "not a letter, then lower case letters, digits and `-`, at most 63");
    }
    let kind = object.pointer("/spec/type").and_then(Value::as_str).unwrap_or("ClusterIP");
    if !["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"].contains(&kind) {
        findings.add("spec.type", format!("`{kind}` is no type of a Service"));
    }
    let is_headless = text(object, "/spec/clusterIP") == "None";
    if is_headless && kind != "ClusterIP" {
        findings.add("spec.clusterIP", "only a Service of the type ClusterIP can be headless");
    }
    let ports: Vec<&Value> = list_of(object, "/spec/ports").collect();
    if ports.is_empty() && !is_headless {
        findings.add("spec.ports", "there is none");
    }
    for (index, port) in ports.iter().enumerate() {
        number(port, "port", &format!("spec.ports.{index}"), findings);
        if let Some(target) = port.get("targetPort") {
            target_port(target, &format!("spec.ports.{index}.targetPort"), findings);
        }
        match port.get("name").and_then(Value::as_str) {
            None if ports.len() > 1 => {
                findings.add(format!("spec.ports.{index}.name"), "several ports need names");
            }
            Some(name) if !values::is_dns_label(name) => {
                findings.add(format!("spec.ports.{index}.name"), "not lower case letters, digits and `-`");
            }
            _ => {}
        }
        protocol(port, &format!("spec.ports.{index}"), findings);
    }
    let names = ports.iter().filter_map(|port| port.get("name")?.as_str());
    if let Some(name) = twice(names) {
        findings.add("spec.ports", format!("two ports are named `{name}`"));
    }
}

/// A port that must be a number.
pub(super) fn number(port: &Value, key: &str, path: &str, findings: &mut Findings<'_>) {
    if !port.get(key).and_then(Value::as_i64).is_some_and(|number| (1..=65_535).contains(&number)) {
        findings.add(format!("{path}.{key}"), "not a port from 1 to 65535");
    }
}

/// A port that is a number or the name of one.
pub(super) fn target_port(port: &Value, path: &str, findings: &mut Findings<'_>) {
    let good = match port {
        Value::String(name) => values::is_port_name(name),
        port => port.as_i64().is_some_and(|number| (1..=65_535).contains(&number)),
    };
    if !good {
        findings.add(path, "neither a port from 1 to 65535 nor the name of one, with 15 characters at most");
    }
}

pub(super) fn protocol(port: &Value, path: &str, findings: &mut Findings<'_>) {
    if let Some(protocol) = port.get("protocol").and_then(Value::as_str)
        && !["TCP", "UDP", "SCTP"].contains(&protocol)
    {
        findings.add(format!("{path}.protocol"), format!("`{protocol}` is no protocol"));
    }
}

pub(super) fn policy(object: &Value, findings: &mut Findings<'_>) {
    for kind in list_of(object, "/spec/policyTypes").filter_map(Value::as_str) {
        if !["Ingress", "Egress"].contains(&kind) {
            findings.add("spec.policyTypes", format!("`{kind}` is neither Ingress nor Egress"));
        }
    }
    selector(object.pointer("/spec/podSelector"), "spec.podSelector", findings);
    for (index, rule) in list_of(object, "/spec/ingress").enumerate() {
        let path = format!("spec.ingress.{index}");
        for (index, port) in list_of(rule, "/ports").enumerate() {
            if let Some(port) = port.get("port") {
                target_port(port, &format!("{path}.ports.{index}.port"), findings);
            }
            protocol(port, &format!("{path}.ports.{index}"), findings);
        }
        for (index, peer) in list_of(rule, "/from").enumerate() {
            let path = format!("{path}.from.{index}");
            selector(peer.get("podSelector"), &format!("{path}.podSelector"), findings);
            if peer.get("ipBlock").is_some() && peer.get("podSelector").is_some() {
                findings.add(path.as_str(), "addresses and pods cannot be meant together");
            }
            let blocks = peer.pointer("/ipBlock/cidr").into_iter().chain(list_of(peer, "/ipBlock/except"));
            for block in blocks.filter(|block| !block.as_str().is_some_and(values::is_cidr)) {
                findings.add(format!("{path}.ipBlock"), format!("{block} is no range of addresses"));
            }
        }
    }
}

/// A selector of labels.
pub(super) fn selector(selector: Option<&Value>, path: &str, findings: &mut Findings<'_>) {
    let Some(selector) = selector else { return };
    for expression in list_of(selector, "/matchExpressions") {
        let has_values = list_of(expression, "/values").next().is_some();
        let good = match text(expression, "/operator") {
            "In" | "NotIn" => has_values,
            "Exists" | "DoesNotExist" => !has_values,
            _ => false,
        };
        if !good {
            findings.add(format!("{path}.matchExpressions"), "the operator and the values do not fit");
        }
    }
}

pub(super) fn disruption_budget(object: &Value, findings: &mut Findings<'_>) {
    let limits: Vec<&Value> = ["/spec/maxUnavailable", "/spec/minAvailable"]
        .iter()
        .filter_map(|path| object.pointer(path))
        .collect();
    if limits.len() != 1 {
        findings.add("spec", "one of maxUnavailable and minAvailable must be there, and not both");
    }
    for limit in limits {
        let good = match limit {
            Value::String(text) => text
                .strip_suffix('%')
                .and_then(|number| number.parse::<u32>().ok())
                .is_some_and(|percent| percent <= 100),
            number => number.as_i64().is_some_and(|number| number >= 0),
        };
        if !good {
            findings.add("spec", format!("{limit} is neither a number of pods nor a percentage"));
        }
    }
    selector(object.pointer("/spec/selector"), "spec.selector", findings);
}
