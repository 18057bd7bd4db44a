//! StatefulSets and their pods.

use serde_json::Value;

use super::{Findings, list_of, network, text, twice, values};

/// The longest name of a StatefulSet: see `names::LONGEST`.
const LONGEST_NAME: usize = 52;

/// The first port that a process without rights may take everywhere.
const FREE_PORTS: i64 = 1024;

const PORT_SYSCTL: &str = "net.ipv4.ip_unprivileged_port_start";

/// What the API server refuses in the security context of a pod for Windows.
const NOT_ON_WINDOWS: [&str; 8] = [
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "seccompProfile",
    "sysctls",
    "seLinuxOptions",
    "supplementalGroups",
    "fsGroupChangePolicy",
];

pub(super) fn stateful_set(object: &Value, name: &str, findings: &mut Findings<'_>) {
    if name.len() > LONGEST_NAME || !values::is_dns_label(name) {
        findings.add("metadata.name", format!("not a label of DNS with {LONGEST_NAME} characters at most"));
    }
    for (path, key) in [("/spec/replicas", "replicas"), ("/spec/minReadySeconds", "minReadySeconds")] {
        if object.pointer(path).and_then(Value::as_i64).is_some_and(i64::is_negative) {
            findings.add(format!("spec.{key}"), "less than zero");
        }
    }
    word(object, "/spec/podManagementPolicy", &["OrderedReady", "Parallel"], findings);
    word(object, "/spec/updateStrategy/type", &["RollingUpdate", "OnDelete"], findings);
    network::selector(object.pointer("/spec/selector"), "spec.selector", findings);
    let labels = object.pointer("/spec/template/metadata/labels").and_then(Value::as_object);
    let selected = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let fits = selected.is_some_and(|selected| {
        !selected.is_empty()
            && selected.iter().all(|(key, value)| labels.is_some_and(|labels| labels.get(key) == Some(value)))
    });
    if !fits {
        findings.add("spec.selector", "it does not select the pods of the template");
    }
    if let Some(pod) = object.pointer("/spec/template/spec") {
        let claims: Vec<&str> = list_of(object, "/spec/volumeClaimTemplates")
            .map(|claim| text(claim, "/metadata/name"))
            .collect();
        for claim in list_of(object, "/spec/volumeClaimTemplates") {
            check_claim(claim, findings);
        }
        check_pod(pod, &claims, findings);
    }
}

/// The names of the ports of a StatefulSet's containers.
pub(super) fn port_names(object: &Value) -> Vec<&str> {
    list_of(object, "/spec/template/spec/containers")
        .flat_map(|container| list_of(container, "/ports"))
        .filter_map(|port| port.get("name")?.as_str())
        .collect()
}

/// The value of a key that has one of a few words.
fn word(object: &Value, pointer: &str, words: &[&str], findings: &mut Findings<'_>) {
    let found = object.pointer(pointer).and_then(Value::as_str);
    if let Some(found) = found.filter(|found| !words.contains(found)) {
        findings.add(
            pointer.trim_start_matches('/').replace('/', "."),
            format!("`{found}` is none of {words:?}"),
        );
    }
}

/// How a claim can be mounted.
const MODES: [&str; 4] = ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"];

/// A claim is validated when a pod is made of it, and not before: no pod comes, and the events say why.
fn check_claim(claim: &Value, findings: &mut Findings<'_>) {
    let name = text(claim, "/metadata/name");
    if !values::is_dns_label(name) {
        findings.add("volumeClaimTemplates", format!("the name `{name}` is no label of DNS"));
    }
    let modes: Vec<&Value> = list_of(claim, "/spec/accessModes").collect();
    if modes.is_empty() || modes.iter().any(|mode| mode.as_str().is_none_or(|mode| !MODES.contains(&mode))) {
        findings.add(format!("volumeClaimTemplates.{name}"), format!("accessModes has none of {MODES:?}"));
    }
    let storage = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str);
    if storage.and_then(values::quantity).is_none_or(|bytes| bytes <= 0.0) {
        findings.add(format!("volumeClaimTemplates.{name}"), "it asks for no storage");
    }
}

fn check_pod(pod: &Value, claims: &[&str], findings: &mut Findings<'_>) {
    if pod.get("restartPolicy").is_some_and(|policy| policy != "Always") {
        findings.add("restartPolicy", "only `Always` is allowed in a StatefulSet");
    }
    if pod.get("terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(i64::is_negative) {
        findings.add("terminationGracePeriodSeconds", "less than zero");
    }
    for toleration in list_of(pod, "/tolerations") {
        word(toleration, "/effect", &["NoSchedule", "PreferNoSchedule", "NoExecute"], findings);
        word(toleration, "/operator", &["Exists", "Equal"], findings);
    }
    for constraint in list_of(pod, "/topologySpreadConstraints") {
        word(constraint, "/whenUnsatisfiable", &["DoNotSchedule", "ScheduleAnyway"], findings);
        if constraint.get("maxSkew").and_then(Value::as_i64).is_none_or(|skew| skew <= 0) {
            findings.add("topologySpreadConstraints.maxSkew", "less than one");
        }
    }
    volumes(pod, claims, findings);
    if list_of(pod, "/containers").next().is_none() {
        findings.add("containers", "there is none");
    }
    for container in list_of(pod, "/containers") {
        check_container(pod, container, findings);
    }
    security(pod, findings);
}

fn volumes(pod: &Value, claims: &[&str], findings: &mut Findings<'_>) {
    // A claim takes the place of a volume of its name.
    let names = || list_of(pod, "/volumes").map(|volume| text(volume, "/name")).chain(claims.iter().copied());
    if let Some(name) = twice(names()) {
        findings.add("volumes", format!("two volumes are named `{name}`"));
    }
    for volume in list_of(pod, "/volumes") {
        let name = text(volume, "/name");
        if !values::is_dns_label(name) {
            findings.add("volumes", format!("the name `{name}` is no label of DNS"));
        }
        let sources = volume.as_object().map_or(0, |fields| fields.len().saturating_sub(1));
        if sources != 1 {
            findings.add(format!("volumes.{name}"), "a volume has one source");
        }
        let modes = ["/secret/defaultMode", "/configMap/defaultMode"].map(|path| volume.pointer(path));
        let items = list_of(volume, "/secret/items").chain(list_of(volume, "/configMap/items"));
        let modes = modes.into_iter().flatten().chain(items.filter_map(|item| item.get("mode")));
        for mode in modes.filter(|mode| !mode.as_i64().is_some_and(|mode| (0..=0o777).contains(&mode))) {
            findings.add(format!("volumes.{name}"), format!("the mode {mode} is not from 0 to 0777"));
        }
    }
    for container in list_of(pod, "/containers") {
        let mounts = || list_of(container, "/volumeMounts");
        for mount in mounts().filter(|mount| !names().any(|name| name == text(mount, "/name"))) {
            findings.add("volumeMounts", format!("there is no volume `{}`", text(mount, "/name")));
        }
        if let Some(path) = twice(mounts().map(|mount| text(mount, "/mountPath"))) {
            findings.add("volumeMounts", format!("two volumes are mounted at `{path}`"));
        }
        if mounts().any(|mount| text(mount, "/mountPath").is_empty()) {
            findings.add("volumeMounts", "a mount has no path");
        }
    }
}

fn check_container(pod: &Value, container: &Value, findings: &mut Findings<'_>) {
    let name = text(container, "/name");
    if !values::is_dns_label(name) {
        findings.add("containers", format!("the name `{name}` is no label of DNS"));
    }
    if text(container, "/image").trim().is_empty() {
        findings.add(format!("containers.{name}.image"), "there is none");
    }
    word(container, "/imagePullPolicy", &["Always", "IfNotPresent", "Never"], findings);
    word(container, "/terminationMessagePolicy", &["File", "FallbackToLogsOnError"], findings);
    for port in list_of(container, "/ports") {
        network::number(port, "containerPort", "ports", findings);
        network::protocol(port, "ports", findings);
        if let Some(name) = port.get("name").and_then(Value::as_str)
            && !values::is_port_name(name)
        {
            findings.add(
                "ports",
                format!("`{name}` is not a name of a port: 15 lower case letters, digits and `-` at most"),
            );
        }
    }
    if let Some(name) = twice(list_of(container, "/ports").map(|port| text(port, "/name"))) {
        findings.add("ports", format!("two ports are named `{name}`"));
    }
    for variable in list_of(container, "/env") {
        let name = text(variable, "/name");
        if !values::is_variable(name) {
            findings.add("env", format!("`{name}` is not the name of a variable"));
        }
        if variable.get("value").is_some() && variable.get("valueFrom").is_some() {
            findings.add("env", format!("`{name}` has two values"));
        }
    }
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        if let Some(found) = container.get(probe) {
            check_probe(container, probe, found, findings);
        }
    }
    resources(container, findings);
    let Some(stop) = container.pointer("/lifecycle/preStop") else { return };
    if stop.as_object().map_or(0, serde_json::Map::len) != 1 {
        findings.add("lifecycle.preStop", "one handler is needed");
    }
    let grace = pod.get("terminationGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(30);
    let sleep = stop.pointer("/sleep/seconds").and_then(Value::as_i64).unwrap_or(0);
    if !(0..=grace).contains(&sleep) {
        findings
            .add("lifecycle.preStop.sleep", format!("{sleep} s do not fit the grace period of {grace} s"));
    }
}

fn check_probe(container: &Value, kind: &str, probe: &Value, findings: &mut Findings<'_>) {
    let handlers =
        ["exec", "httpGet", "tcpSocket", "grpc"].iter().filter(|handler| probe.get(**handler).is_some());
    if handlers.count() != 1 {
        findings.add(kind, "one handler is needed, and no more");
    }
    for key in
        ["periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold", "initialDelaySeconds"]
    {
        let least = i64::from(key != "initialDelaySeconds");
        if probe.get(key).and_then(Value::as_i64).is_some_and(|value| value < least) {
            findings.add(format!("{kind}.{key}"), format!("less than {least}"));
        }
    }
    if kind != "readinessProbe" && probe.get("successThreshold").is_some_and(|threshold| threshold != 1) {
        findings.add(format!("{kind}.successThreshold"), "only 1 is allowed");
    }
    for path in ["/httpGet/port", "/tcpSocket/port"] {
        let Some(port) = probe.pointer(path) else { continue };
        network::target_port(port, &format!("{kind}.port"), findings);
        let names = || list_of(container, "/ports").map(|port| text(port, "/name"));
        if let Some(wanted) = port.as_str().filter(|wanted| !names().any(|name| name == *wanted)) {
            findings.add(format!("{kind}.port"), format!("the container has no port `{wanted}`"));
        }
    }
    if probe.pointer("/httpGet/path").and_then(Value::as_str).is_some_and(|path| !path.starts_with('/')) {
        findings.add(format!("{kind}.httpGet.path"), "it does not begin with `/`");
    }
    if probe.get("exec").is_some() && list_of(probe, "/exec/command").next().is_none() {
        findings.add(format!("{kind}.exec"), "there is no command");
    }
}

fn resources(container: &Value, findings: &mut Findings<'_>) {
    let of = |kind: &str| container.pointer(&format!("/resources/{kind}")).and_then(Value::as_object);
    let parsed = |value: &Value| value.as_str().and_then(values::quantity);
    for kind in ["requests", "limits"] {
        for (name, value) in of(kind).into_iter().flatten() {
            if !parsed(value).is_some_and(|number| number >= 0.0) {
                findings.add(format!("resources.{kind}.{name}"), format!("{value} is no quantity"));
            }
        }
    }
    for (name, value) in of("requests").into_iter().flatten() {
        let limit = of("limits").and_then(|limits| parsed(limits.get(name)?));
        if let (Some(request), Some(limit)) = (parsed(value), limit)
            && request > limit
        {
            findings.add(format!("resources.requests.{name}"), "more than the limit");
        }
    }
}

/// What lets a pod through the API server and then keeps it from running, or from the Pod Security Standard
/// `restricted`.
fn security(pod: &Value, findings: &mut Findings<'_>) {
    let of_pod = |key: &str| pod.pointer(&format!("/securityContext/{key}"));
    if text(pod, "/os/name") == "windows" {
        for key in NOT_ON_WINDOWS.iter().filter(|key| of_pod(key).is_some()) {
            findings.add(format!("securityContext.{key}"), "not allowed in a pod for Windows");
        }
        for container in list_of(pod, "/containers") {
            let fields = container.get("securityContext").and_then(Value::as_object);
            for (key, _) in fields.into_iter().flatten().filter(|(key, _)| *key != "windowsOptions") {
                findings.add(format!("containers.securityContext.{key}"), "not allowed in a pod for Windows");
            }
            let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
            if probes.iter().any(|probe| container.pointer(&format!("/{probe}/exec")).is_some()) {
                findings.add("containers", "a command as a probe leaks in nodes of Windows");
            }
        }
        return;
    }
    if of_pod("windowsOptions").is_some() {
        findings.add("securityContext.windowsOptions", "only allowed in a pod for Windows");
    }
    if of_pod("runAsNonRoot") != Some(&Value::Bool(true)) {
        findings.add("securityContext.runAsNonRoot", "`restricted` asks for true");
    }
    if of_pod("runAsUser").and_then(Value::as_i64) == Some(0) {
        findings
            .add("securityContext.runAsUser", "root contradicts runAsNonRoot: the container would not start");
    }
    if !["RuntimeDefault", "Localhost"].contains(&text(pod, "/securityContext/seccompProfile/type")) {
        findings.add("securityContext.seccompProfile", "`restricted` asks for RuntimeDefault");
    }
    let start = list_of(pod, "/securityContext/sysctls")
        .find(|sysctl| text(sysctl, "/name") == PORT_SYSCTL)
        .and_then(|sysctl| text(sysctl, "/value").parse::<i64>().ok());
    let first = start.unwrap_or(FREE_PORTS);
    for container in list_of(pod, "/containers") {
        let of = |key: &str| container.pointer(&format!("/securityContext/{key}"));
        if of("allowPrivilegeEscalation") != Some(&Value::Bool(false)) {
            findings
                .add("containers.securityContext.allowPrivilegeEscalation", "`restricted` asks for false");
        }
        if !list_of(container, "/securityContext/capabilities/drop").any(|name| name == "ALL") {
            findings.add("containers.securityContext.capabilities", "`restricted` asks to drop ALL");
        }
        for name in list_of(container, "/securityContext/capabilities/add").filter_map(Value::as_str) {
            let why = if name == "NET_BIND_SERVICE" {
                "it does not reach a user other than root"
            } else {
                "not allowed"
            };
            findings.add("containers.securityContext.capabilities.add", format!("`{name}`: {why}"));
        }
        for port in list_of(container, "/ports").filter_map(|port| port.get("containerPort")?.as_i64()) {
            if port < first {
                let message = format!("port {port} cannot be taken without the sysctl {PORT_SYSCTL}");
                findings.add("securityContext.sysctls", message);
            }
        }
    }
    let has_secrets = list_of(pod, "/volumes").any(|volume| volume.get("secret").is_some());
    if has_secrets && of_pod("fsGroup").is_none() {
        findings.add("securityContext.fsGroup", "without it, the container's user cannot read secrets");
    }
}
