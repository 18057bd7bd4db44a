//! Exports of the examples against the rules, and each rule against a manifest that breaks it.

mod wrong;

use std::path::{Path, PathBuf};

use standpipe_deployment::NoVariables;

use super::*;

fn options(container: Container) -> KubernetesOptions {
    KubernetesOptions { container, image: None }
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/service-demo/standpipe.toml")
}

/// A deployment file, which goes with the folder.
fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("standpipe.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn exported(text: &str, container: Container) -> Result<Vec<ExportedFile>, String> {
    let (_folder, path) = written(text);
    kubernetes(&path, &options(container), &NoVariables).map_err(|problems| problems.render(false))
}

/// The objects of an export, as the API server gets them.
pub(super) fn objects(path: &Path, container: Container) -> Vec<serde_json::Value> {
    let origin = Origin::read(path, &container.machine(), &NoVariables)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let options = options(container);
    let cluster = Cluster::new(&origin, &options);
    let mut objects = vec![cluster.config().value];
    for role in origin.deployment.roles() {
        objects.push(cluster.stateful_set(role).value);
        objects.push(cluster.headless(role).value);
        objects.extend(cluster.input(role).map(|document| document.value));
        objects.push(cluster.disruption_budget(role).value);
        objects.push(cluster.network_policy(role).value);
    }
    objects
}

const WINDOWS: &str = r#"
name = "Demo"
[roles.Greeter]
instances = 2
accounts = 'secrets\accounts.toml'
[[roles.Greeter.startup]]
command = ['bin\install.cmd']
elevated = true
[roles.Greeter.service]
name = "Greeter"
stop-timeout = "45s"
[roles.Greeter.pipes.simple]
[roles.Greeter.endpoints.NamedPipes]
protocol = "smb"
port = 445
visibility = "input"
"#;

const WINE: &str = r#"
name = "Demo"
[roles.Greeter.wine]
prefix = "/prefix"
[[roles.Greeter.startup]]
command = ["./SimpleService.exe", "-install"]
[roles.Greeter.service]
name = "SimpleService"
environment = { MODE = "${MODE}" }
[roles.Greeter.pipes.simple]
[roles.Greeter.endpoints.NamedPipes]
protocol = "smb"
port = 445
[roles.Page.endpoints.Page]
protocol = "http"
port = 8080
[roles.Page.calls]
simple = { target = "Greeter/NamedPipes", user = "serviceUser", password-env = "PIPE_PASSWORD" }
"#;

const KEPT: &str = r#"
name = "Demo"
[roles.Store]
instances = 2
content = ["data"]
health.port = 8081
local-storage.orders = { size = "1GiB", clean-on-recycle = false }
local-storage.cache = { size = "5GiB" }
[roles.Store.service]
command = ["bin/store"]
[roles.Store.pipes.orders]
sddl = "D:(A;;GRGW;;;AU)"
[roles.Store.endpoints.Pipes]
protocol = "smb"
port = 445
[roles.Page.endpoints.Page]
protocol = "http"
port = 8080
[roles.Page.calls]
orders = { target = "Store/Pipes", user = "serviceUser", password-env = "PIPE_PASSWORD" }
"#;

fn assert_golden(name: &str, files: &[ExportedFile]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    crate::golden::assert(&folder, files);
}

#[test]
fn the_demo_is_exported_as_it_was() {
    let files = kubernetes(&demo(), &options(Container::Linux), &NoVariables).unwrap();
    assert_golden("kubernetes-demo", &files);
    // The same input gives the same bytes.
    assert_eq!(files, kubernetes(&demo(), &options(Container::Linux), &NoVariables).unwrap());
}

#[test]
fn a_service_for_windows_is_exported_for_windows_nodes_and_for_wine() {
    assert_golden("kubernetes-windows", &exported(WINDOWS, Container::Windows).unwrap());
    assert_golden("kubernetes-wine", &exported(WINE, Container::Linux).unwrap());
}

#[test]
fn a_role_with_a_health_port_and_storage_that_is_kept_is_exported_with_both() {
    let files = exported(KEPT, Container::Linux).unwrap();
    assert_golden("kubernetes-kept", &files);
    let (_folder, path) = written(KEPT);
    let objects = objects(&path, Container::Linux);
    let set = objects.iter().find(|object| object["kind"] == "StatefulSet").unwrap();
    // What is kept, and room for the rest; the cache is emptied and needs no volume.
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1088Mi");
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    for (probe, path) in
        [("startupProbe", "/startz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")]
    {
        assert_eq!(container[probe]["httpGet"], serde_json::json!({"path": path, "port": 8081}), "{probe}");
    }
    let env = container["env"].as_array().unwrap();
    let health = env.iter().find(|variable| variable["name"] == "STANDPIPE_HEALTH").unwrap();
    assert_eq!(health["value"], "$(POD_IP):8081");
    let text = KEPT.replace("health.port = 8081", "health.port = \"8081-8090\"");
    let (_folder, path) = written(&text);
    let objects = super::tests::objects(&path, Container::Linux);
    let probe = &objects[1]["spec"]["template"]["spec"]["containers"][0]["readinessProbe"];
    assert!(probe["exec"].is_object() && probe["httpGet"].is_null(), "nobody knows the port: {probe}");
}

#[test]
fn a_page_reaches_dns_and_what_it_calls_and_a_service_what_it_likes() {
    let egress = |text: &str, role: &str| {
        let (_folder, path) = written(text);
        let objects = objects(&path, Container::Linux);
        let is_it = |object: &&serde_json::Value| {
            object["kind"] == "NetworkPolicy" && object["metadata"]["name"] == format!("demo-{role}")
        };
        objects.iter().find(is_it).unwrap()["spec"].clone()
    };
    let page = egress(KEPT, "page");
    assert_eq!(page["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    let ports = |rule: usize| -> Vec<&serde_json::Value> {
        page["egress"][rule]["ports"].as_array().unwrap().iter().map(|port| &port["port"]).collect()
    };
    assert_eq!((ports(0), ports(1)), (vec![&53.into(), &53.into()], vec![&445.into()]));
    let store = &page["egress"][1]["to"][0]["podSelector"]["matchLabels"];
    assert_eq!(store["app.kubernetes.io/component"], "store");
    assert_eq!(egress(KEPT, "store")["policyTypes"], serde_json::json!(["Ingress"]));
    // A call that says itself where its target is may lead out of the cluster.
    let elsewhere = KEPT.replace("user = ", "addresses = [\"10.0.0.1:445\"], user = ");
    assert_eq!(egress(&elsewhere, "page")["policyTypes"], serde_json::json!(["Ingress"]));
}

#[test]
fn the_deployment_file_in_the_config_map_is_right_in_a_pod() {
    for object in objects(&demo(), Container::Linux) {
        let Some(text) = object.pointer("/data/standpipe.toml").and_then(|text| text.as_str()) else {
            continue;
        };
        assert!(!text.contains("${"), "{text}");
        assert!(text.contains("\"/secrets/serviceUser\""), "{text}");
        assert!(text.contains("addresses = [\"dns:servicedemo-servicewatcher:4445\"]"), "{text}");
        let source = standpipe_deployment::Source::new("standpipe.toml", text);
        let machine = Container::Linux.machine();
        standpipe_deployment::Deployment::from_source_for(&source, &machine, &NoVariables).unwrap();
        return;
    }
    panic!("no config map");
}

#[test]
fn the_grace_period_fits_the_parts_of_a_stop() {
    let objects = objects(&demo(), Container::Linux);
    let watcher = objects.iter().find(|object| object["kind"] == "StatefulSet").unwrap();
    let pod = &watcher["spec"]["template"]["spec"];
    // Serving on, clients, the service, startup tasks, slack.
    assert_eq!(pod["terminationGracePeriodSeconds"], 35 + 5 + 10 + 5 + 5);
    assert_eq!(pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 35);
}

/// A deployment with `name` at its top and `more` in its only role.
fn refused(name: &str, role: &str, more: &str) -> String {
    let text = format!(
        "name = \"{name}\"\n[roles.{role}]\n{more}\n[roles.{role}.service]\ncommand = [\"x\"]\n\
         [roles.{role}.pipes.p]\nsddl = \"D:(A;;GRGW;;;AU)\"\n\
         [roles.{role}.endpoints.E]\nprotocol = \"smb\"\nport = 445\n"
    );
    exported(&text, Container::Linux).unwrap_err()
}

#[test]
fn what_cannot_be_on_kubernetes_is_said_with_its_line() {
    let cases = [
        (refused("my_demo", "R", ""), "Kubernetes allows no `_` in names", ":1:8"),
        (refused("Demo", "My_Role", ""), "the name of role `My_Role` cannot be used", ":2:8"),
        (refused("Demo", "R-", ""), "end with a letter or a digit", ":2:8"),
        (refused("Demo", &"R".repeat(50), ""), "names that are too long", ":2:8"),
        (refused("Demo", "R", "user = \"svc\""), "which only root can", ":3:8"),
    ];
    for (said, expected, place) in cases {
        assert!(said.contains(expected) && said.contains(place) && said.contains("hint"), "{said}");
    }
    let no_prefix = WINE.replace("prefix = \"/prefix\"", "");
    let said = exported(&no_prefix, Container::Linux).unwrap_err();
    assert!(said.contains("has no Wine prefix of its own") && said.contains("standpipe.toml:3:"), "{said}");
    let dynamic = WINE.replace("port = 445", "port = \"dynamic\"");
    let said = exported(&dynamic, Container::Linux).unwrap_err();
    assert!(said.contains("has no port that is the same for all instances"), "{said}");
}

#[test]
fn what_is_wrong_with_the_file_is_said_first() {
    let said = exported("name = \"D\"\n[roles.R]\n", Container::Linux).unwrap_err();
    assert!(said.contains("role `R` does nothing"), "{said}");
    let said = exported(&WINE.replace("8080", "\"${PORT}\""), Container::Linux).unwrap_err();
    assert!(said.contains("the environment variable `PORT` is not set"), "{said}");
}
