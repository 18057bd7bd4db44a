//! What an API server of Kubernetes refuses, and what it takes although no pod could run.
//!
//! The types of the API rule out much, but not a port of 70000 or a probe with two handlers. The rules follow
//! what a real server refused, and the pods that it let through.

mod network;
mod pod;
mod values;

use std::fmt;

use k8s_openapi::Resource;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

/// Something that an object cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The kind and the name of the object.
    object: String,
    /// Where in it.
    path: String,
    /// What is wrong there.
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.object, self.path, self.message)
    }
}

/// What is found in one object.
struct Findings<'a> {
    object: String,
    list: &'a mut Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.list.push(Finding { object: self.object.clone(), path: path.into(), message: message.into() });
    }
}

/// Everything that is wrong with the objects of a deployment, alone and together.
pub(super) fn check(objects: &[&Value]) -> Vec<Finding> {
    let mut list = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for object in objects {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        let mut findings = Findings { object: format!("{kind} {name}"), list: &mut list };
        if seen.contains(&findings.object) {
            findings.add("metadata.name", "another object of the kind has this name");
        }
        seen.push(findings.object.clone());
        one(object, kind, name, &mut findings);
    }
    together(objects, &mut list);
    list
}

fn one(object: &Value, kind: &str, name: &str, findings: &mut Findings<'_>) {
    if !values::is_subdomain(name) {
        findings.add("metadata.name", "not lower case letters, digits, `-` and `.`, at most 253 of them");
    }
    for (key, value) in object.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten() {
        if !value.as_str().is_some_and(values::is_label_value) {
            findings.add(format!("metadata.labels.{key}"), "not the value of a label");
        }
    }
    match kind {
        "StatefulSet" if typed::<StatefulSet>(object, findings) => pod::stateful_set(object, name, findings),
        "Service" if typed::<Service>(object, findings) => network::service(object, name, findings),
        "NetworkPolicy" if typed::<NetworkPolicy>(object, findings) => network::policy(object, findings),
        "PodDisruptionBudget" if typed::<PodDisruptionBudget>(object, findings) => {
            network::disruption_budget(object, findings);
        }
        "ConfigMap" if typed::<ConfigMap>(object, findings) => config_map(object, findings),
        "StatefulSet" | "Service" | "NetworkPolicy" | "PodDisruptionBudget" | "ConfigMap" => {}
        _ => findings.add("kind", "no kind that an export makes"),
    }
}

/// Whether an object has the types of the API, no field that they do not have, and their version.
fn typed<T: Resource + DeserializeOwned + Serialize>(object: &Value, findings: &mut Findings<'_>) -> bool {
    if text(object, "/apiVersion") != T::API_VERSION {
        findings.add("apiVersion", format!("expected {}", T::API_VERSION));
        return false;
    }
    let parsed: T = match serde_json::from_value(object.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            findings.add("", format!("wrong type: {error}"));
            return false;
        }
    };
    let known = serde_json::to_value(&parsed).unwrap_or_default();
    let mut unknown = Vec::new();
    lost(object, &known, "", &mut unknown);
    for path in &unknown {
        findings.add(path.as_str(), "unknown field");
    }
    unknown.is_empty()
}

/// The paths in `given` that `known` does not have.
fn lost(given: &Value, known: &Value, path: &str, unknown: &mut Vec<String>) {
    match (given, known) {
        (Value::Object(given), Value::Object(known)) => {
            for (key, value) in given {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match known.get(key) {
                    Some(known) => lost(value, known, &path, unknown),
                    None if value.is_null() => {}
                    None => unknown.push(path),
                }
            }
        }
        (Value::Array(given), Value::Array(known)) => {
            for (index, (given, known)) in given.iter().zip(known).enumerate() {
                lost(given, known, &format!("{path}.{index}"), unknown);
            }
        }
        _ => {}
    }
}

/// The longest values of a ConfigMap together, in bytes.
const LONGEST_CONFIG: usize = 1024 * 1024;

/// The longest object that `kubectl apply` can send, in bytes: it keeps a copy in an annotation.
const LONGEST_APPLIED: usize = 256 * 1024;

fn config_map(object: &Value, findings: &mut Findings<'_>) {
    let data = object.pointer("/data").and_then(Value::as_object);
    let length: usize =
        data.into_iter().flatten().filter_map(|(_, value)| value.as_str()).map(str::len).sum();
    let whole = object.to_string().len();
    if length > LONGEST_CONFIG {
        findings.add("data", format!("{length} bytes, {LONGEST_CONFIG} are allowed"));
    } else if whole > LONGEST_APPLIED {
        findings.add(
            "data",
            format!("`kubectl apply` keeps a copy of {whole} bytes, {LONGEST_APPLIED} are allowed"),
        );
    }
    for key in data.into_iter().flatten().map(|(key, _)| key).filter(|key| !values::is_config_key(key)) {
        findings.add(format!("data.{key}"), "not letters, digits, `-`, `_` and `.`");
    }
}

/// What one object says of another.
fn together(objects: &[&Value], list: &mut Vec<Finding>) {
    let services: Vec<&&Value> = objects.iter().filter(|object| text(object, "/kind") == "Service").collect();
    for object in objects.iter().filter(|object| text(object, "/kind") == "StatefulSet") {
        let name = text(object, "/metadata/name");
        let mut findings = Findings { object: format!("StatefulSet {name}"), list };
        let wanted = text(object, "/spec/serviceName");
        let headless = services.iter().find(|service| text(service, "/metadata/name") == wanted);
        match headless {
            Some(service) if text(service, "/spec/clusterIP") == "None" => {}
            _ => findings.add("spec.serviceName", format!("there is no headless Service `{wanted}`")),
        }
        let labels = object.pointer("/spec/template/metadata/labels");
        let ports = pod::port_names(object);
        for service in
            services.iter().filter(|service| labels.is_some() && service.pointer("/spec/selector") == labels)
        {
            for target in list_of(service, "/spec/ports").filter_map(|port| port.get("targetPort")?.as_str())
            {
                if !ports.contains(&target) {
                    findings.add(
                        "spec.template.spec.containers.0.ports",
                        format!("no port `{target}` for a Service"),
                    );
                }
            }
        }
    }
}

/// The text at a pointer; empty where there is none.
fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list at a pointer; empty where there is none.
fn list_of<'v>(object: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    object.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// The first text that is there twice.
fn twice<'v>(texts: impl Iterator<Item = &'v str>) -> Option<&'v str> {
    let mut seen = Vec::new();
    for text in texts {
        if seen.contains(&text) {
            return Some(text);
        }
        seen.push(text);
    }
    None
}
