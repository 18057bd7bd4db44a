//! Exports of the examples, and what cannot be.

use std::path::PathBuf;

use standpipe_deployment::NoVariables;

use super::*;

const WORLD: &str = r#"
name = "Demo"
[roles.Greeter]
accounts = "secrets/accounts.toml"
[roles.Greeter.service]
command = ["./greeter", "--quietly"]
environment = { MODE = "${MODE}" }
[roles.Greeter.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
[roles.Greeter.endpoints.NamedPipes]
protocol = "smb"
port = 445
visibility = "input"
"#;

fn exported(text: &str) -> Result<Vec<ExportedFile>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("standpipe.toml");
    std::fs::write(&path, text).unwrap();
    compose(&path, &ComposeOptions::default(), &NoVariables).map_err(|problems| problems.render(false))
}

#[test]
fn the_examples_are_exported_as_they_were() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let demo: PathBuf = root.join("../../examples/service-demo/standpipe.toml");
    let files = compose(&demo, &ComposeOptions::default(), &NoVariables).unwrap();
    crate::golden::assert(&root.join("tests/golden/compose-demo"), &files);
    crate::golden::assert(&root.join("tests/golden/compose-world"), &exported(WORLD).unwrap());
}

#[test]
fn what_cannot_be_with_compose_is_said_with_its_line() {
    let cases = [
        (
            WORLD.replace("[roles.Greeter]", "[roles.Greeter]\ninstances = 2"),
            "would take this port of one host",
            ":13:",
        ),
        (WORLD.replace("[roles.Greeter]", "[roles.Greeter]\nuser = \"svc\""), "which only root can", ":4:"),
        (WORLD.replace("port = 445", "port = \"dynamic\""), "has no port that is the same", ":12:"),
        (
            WORLD.replace("[roles.Greeter.service]", "[roles.Greeter.wine]\n[roles.Greeter.service]"),
            "has no Wine prefix of its own",
            ":5:",
        ),
    ];
    for (text, expected, place) in cases {
        let said = exported(&text).unwrap_err();
        assert!(said.contains(expected) && said.contains(place) && said.contains("hint"), "{said}");
    }
}

#[test]
fn storage_that_is_kept_is_on_a_volume_of_the_instance() {
    let kept = "[roles.Greeter]\nlocal-storage.orders.clean-on-recycle = false";
    let files = exported(&WORLD.replace("[roles.Greeter]", kept)).unwrap();
    let compose = &files[0].text;
    for line in ["greeter-0-state:/state", "volumes:\n  greeter-0-state:\n    driver: local"] {
        assert!(compose.contains(line), "{line}\n{compose}");
    }
    assert!(!compose.contains("/state:mode=1777"), "{compose}");
}
