//! Manifests that are wrong, each in one way: what a real API server refuses, and what it lets through
//! although no pod could run.

use serde_json::{Value, json};

use super::*;

/// Where a change is made: the kind of the object, and the pointer in it.
type Place = (&'static str, &'static str);

const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// What is changed, to what, and the words that name it.
fn wrong() -> Vec<(Place, &'static str, Value, &'static str)> {
    let set = |pointer| ("StatefulSet", pointer);
    vec![
        // Ports.
        (set(CONTAINER), "ports", json!([{"containerPort": 70_000}]), "not a port from 1 to 65535"),
        (set(CONTAINER), "ports", json!([{"containerPort": 0}]), "not a port from 1 to 65535"),
        (
            set(CONTAINER),
            "ports",
            json!([{"containerPort": 4445, "name": "a-name-too-long-x"}]),
            "not a name of a port",
        ),
        (set(CONTAINER), "ports", json!([{"containerPort": 4445, "name": "Upper"}]), "not a name of a port"),
        (
            set(CONTAINER),
            "ports",
            json!([{"containerPort": 4445, "protocol": "QUIC"}]),
            "`QUIC` is no protocol",
        ),
        (("Service", "/spec"), "ports", json!([{"port": 1}, {"port": 2}]), "several ports need names"),
        (("Service", "/spec"), "ports", json!([{"port": 65_536, "name": "p"}]), "not a port from 1 to 65535"),
        (
            ("Service", "/spec"),
            "ports",
            json!([{"port": 1, "targetPort": "a-name-too-long-x"}]),
            "15 characters at most",
        ),
        (("Service", "/spec"), "type", json!("Balancer"), "no type of a Service"),
        // Names.
        (set("/metadata"), "name", json!("Demo"), "label of DNS"),
        (set("/metadata"), "name", json!("x".repeat(53)), "52 characters at most"),
        (("Service", "/metadata"), "name", json!("1demo"), "not a letter, then"),
        (set(CONTAINER), "name", json!("under_score"), "no label of DNS"),
        (("ConfigMap", "/data"), "a/b", json!(""), "not letters, digits"),
        (set(CONTAINER), "env", json!([{"name": "A=B", "value": ""}]), "not the name of a variable"),
        // Selectors and labels.
        (set("/spec/template/metadata"), "labels", json!({"other": "label"}), "does not select the pods"),
        (set("/metadata"), "labels", json!({"a": "not a value"}), "not the value of a label"),
        (
            ("PodDisruptionBudget", "/spec"),
            "selector",
            json!({"matchExpressions": [{"key": "a", "operator": "In"}]}),
            "do not fit",
        ),
        (set("/spec"), "serviceName", json!("gone"), "there is no headless Service `gone`"),
        // The pod.
        (set(POD), "restartPolicy", json!("OnFailure"), "only `Always` is allowed"),
        (set(POD), "terminationGracePeriodSeconds", json!(-1), "less than zero"),
        (set("/spec"), "replicas", json!(-1), "less than zero"),
        (set("/spec"), "podManagementPolicy", json!("Sometimes"), "`Sometimes` is none of"),
        (set(CONTAINER), "image", json!(""), "image: there is none"),
        (set(CONTAINER), "imagePullPolicy", json!("Maybe"), "`Maybe` is none of"),
        // Volumes.
        (
            set(CONTAINER),
            "volumeMounts",
            json!([{"name": "gone", "mountPath": "/x"}]),
            "there is no volume `gone`",
        ),
        (
            set(CONTAINER),
            "volumeMounts",
            json!([{"name": "tmp", "mountPath": "/x"}, {"name": "state", "mountPath": "/x"}]),
            "two volumes are mounted",
        ),
        (
            set(POD),
            "volumes",
            json!([{"name": "s", "secret": {"secretName": "x", "defaultMode": 1024}}]),
            "not from 0 to 0777",
        ),
        (
            set(POD),
            "volumes",
            json!([{"name": "s", "secret": {"secretName": "x"}, "emptyDir": {}}]),
            "one source",
        ),
        (
            set(POD),
            "volumes",
            json!([{"name": "s", "emptyDir": {}}, {"name": "s", "emptyDir": {}}]),
            "two volumes are named",
        ),
        (
            set("/spec"),
            "volumeClaimTemplates",
            json!([{"metadata": {"name": "a b"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}}}]),
            "no label of DNS",
        ),
        (
            set("/spec"),
            "volumeClaimTemplates",
            json!([{"metadata": {"name": "x"}, "spec": {"accessModes": ["ReadWrite"],
                "resources": {"requests": {"storage": "1Gi"}}}}]),
            "accessModes has none of",
        ),
        (
            set("/spec"),
            "volumeClaimTemplates",
            json!([{"metadata": {"name": "x"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]),
            "it asks for no storage",
        ),
        (
            set("/spec"),
            "volumeClaimTemplates",
            json!([{"metadata": {"name": "tmp"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}}}]),
            "two volumes are named `tmp`",
        ),
        // Probes and hooks.
        (
            set(CONTAINER),
            "readinessProbe",
            json!({"exec": {"command": ["x"]}, "tcpSocket": {"port": 1}}),
            "one handler is needed",
        ),
        (set(CONTAINER), "readinessProbe", json!({"periodSeconds": 5}), "one handler is needed"),
        (
            set(CONTAINER),
            "livenessProbe",
            json!({"tcpSocket": {"port": 1}, "successThreshold": 2}),
            "only 1 is allowed",
        ),
        (set(CONTAINER), "readinessProbe", json!({"tcpSocket": {"port": "gone"}}), "no port `gone`"),
        (
            set(CONTAINER),
            "readinessProbe",
            json!({"tcpSocket": {"port": 1}, "periodSeconds": 0}),
            "less than 1",
        ),
        (set(CONTAINER), "lifecycle", json!({"preStop": {}}), "one handler is needed"),
        (
            set(CONTAINER),
            "lifecycle",
            json!({"preStop": {"sleep": {"seconds": 500}}}),
            "do not fit the grace period",
        ),
        // Resources.
        (set(CONTAINER), "resources", json!({"requests": {"cpu": "lots"}}), "no quantity"),
        (
            set(CONTAINER),
            "resources",
            json!({"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}),
            "more than the limit",
        ),
        // Budgets, policies, configuration.
        (("PodDisruptionBudget", "/spec"), "minAvailable", json!(1), "and not both"),
        (
            ("PodDisruptionBudget", "/spec"),
            "maxUnavailable",
            json!("lots"),
            "neither a number of pods nor a percentage",
        ),
        (("PodDisruptionBudget", ""), "apiVersion", json!("policy/v1beta1"), "expected policy/v1"),
        (
            ("NetworkPolicy", "/spec"),
            "ingress",
            json!([{"from": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}]),
            "no range of addresses",
        ),
        (("NetworkPolicy", "/spec"), "policyTypes", json!(["Inwards"]), "neither Ingress nor Egress"),
        (("ConfigMap", "/data"), "standpipe.toml", json!("x".repeat(1024 * 1024)), "are allowed"),
        // What the types of the API rule out.
        (set("/spec"), "replica", json!(1), "spec.replica: unknown field"),
        (set(CONTAINER), "readOnly", json!(true), "unknown field"),
        (set("/spec"), "replicas", json!("two"), "wrong type"),
        // What a server takes although no pod could run.
        (set("/spec/template/spec/securityContext"), "runAsUser", json!(0), "root contradicts runAsNonRoot"),
        (
            set("/spec/template/spec/containers/0/securityContext"),
            "capabilities",
            json!({"drop": ["ALL"], "add": ["CAP_NET_BIND_SERVICE"]}),
            "not allowed",
        ),
        (
            set("/spec/template/spec/containers/0/securityContext"),
            "capabilities",
            json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
            "does not reach a user other than root",
        ),
        (set(CONTAINER), "ports", json!([{"containerPort": 445}]), "cannot be taken without the sysctl"),
        (set("/spec/template/spec/securityContext"), "fsGroup", Value::Null, "cannot read secrets"),
        (
            set("/spec/template/spec/securityContext"),
            "windowsOptions",
            json!({"runAsUserName": "x"}),
            "only allowed in a pod for Windows",
        ),
        (set(POD), "os", json!({"name": "windows"}), "not allowed in a pod for Windows"),
    ]
}

#[test]
fn every_wrong_manifest_is_named() {
    let path = demo();
    for ((kind, pointer), key, value, expected) in wrong() {
        let mut objects = objects(&path, Container::Linux);
        let object = objects.iter_mut().find(|object| object["kind"] == kind).unwrap();
        let place = object.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            place.remove(key);
        } else {
            place.insert(key.to_owned(), value.clone());
        }
        let found = check::check(&objects.iter().collect::<Vec<_>>());
        let said: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|said| said.contains(expected)), "{kind}{pointer} {key} = {value}: {said:?}");
    }
}

#[test]
fn exports_are_right() {
    let (_windows, windows) = written(WINDOWS);
    let (_wine, wine) = written(WINE);
    let exports = [(demo(), Container::Linux), (windows, Container::Windows), (wine, Container::Linux)];
    for (path, container) in exports {
        let objects = objects(&path, container);
        assert_eq!(check::check(&objects.iter().collect::<Vec<_>>()), []);
    }
}
