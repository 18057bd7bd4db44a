//! Files for other platforms.

use crate::support::{Place, assert_seen};

const FILE: &str = r#"name = "Demo"
[roles.Greeter.service]
command = ["greeter"]
[roles.Greeter.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
[roles.Greeter.endpoints.NamedPipes]
protocol = "smb"
port = 445
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("standpipe.toml", FILE);
    place
}

#[test]
fn each_export_writes_its_files_and_says_where() {
    let place = place();
    assert_seen(
        &place.seen(&["export", "kubernetes"]).replace('\\', "/"),
        "
exit 0
--- stdout
kubernetes/config.yaml
kubernetes/greeter.yaml
kubernetes/kustomization.yaml
--- stderr
what to do with them is at the head of kubernetes/kustomization.yaml",
    );
    assert_seen(
        &place.seen(&["export", "compose", "-o", "out/compose"]).replace('\\', "/"),
        "
exit 0
--- stdout
out/compose/compose.yaml
out/compose/standpipe.toml
--- stderr
what to do with them is at the head of out/compose/compose.yaml",
    );
    let systemd = place.seen(&["export", "systemd", "--program", "/opt/standpipe"]).replace('\\', "/");
    assert!(systemd.starts_with("exit 0\n--- stdout\nsystemd/demo.target\n"), "{systemd}");
    let unit = std::fs::read_to_string(place.path("systemd/demo-greeter@.service")).unwrap();
    assert!(unit.contains("\nExecStart=/opt/standpipe run "), "{unit}");
}

#[test]
fn an_export_replaces_its_own_files_and_others_only_by_force() {
    let place = place();
    let export = ["export", "compose", "-o", "."];
    // The deployment file itself would be replaced by the one for containers.
    let seen = place.seen(&export);
    assert!(seen.starts_with("exit 78\n--- stderr\nerror: "), "{seen}");
    assert!(seen.contains("standpipe.toml is in the way, and no export has made it"), "{seen}");
    assert!(!place.path("compose.yaml").exists());
    assert_eq!(std::fs::read_to_string(place.path("standpipe.toml")).unwrap(), FILE);
    for _ in 0..2 {
        assert!(place.seen(&["export", "compose"]).starts_with("exit 0"));
    }
    place.write("compose/compose.yaml", "services: {}\n");
    assert!(place.seen(&["export", "compose"]).starts_with("exit 78"));
    assert!(place.seen(&["export", "compose", "--force"]).starts_with("exit 0"));
}

#[test]
fn what_cannot_be_is_said_with_its_line_before_anything_is_written() {
    let place = place();
    place.write(
        "standpipe.toml",
        &FILE.replace("[roles.Greeter.service]", "[roles.Greeter]\nuser = \"svc\"\n[roles.Greeter.service]"),
    );
    for platform in ["kubernetes", "compose", "systemd"] {
        let seen = place.seen(&["export", platform]);
        assert!(seen.starts_with("exit 78"), "{seen}");
        assert!(seen.contains("standpipe.toml:3:8") && seen.contains("which only root can"), "{seen}");
        assert!(!place.path(platform).exists());
    }
}
