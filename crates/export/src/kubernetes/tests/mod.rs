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
