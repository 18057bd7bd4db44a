//! Exports of the examples, and what cannot be.

use std::path::PathBuf;

use standpipe_deployment::NoVariables;

use super::*;

const WORLD: &str = r#"
name = "Demo"
[roles.Greeter]
accounts = "secrets/accounts.toml"
[[roles.Greeter.startup]]
command = ["./watch"]
type = "foreground"
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
    systemd(&path, &SystemdOptions::default(), &NoVariables).map_err(|problems| problems.render(false))
}

#[test]
fn the_examples_are_exported_as_they_were() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let demo: PathBuf = root.join("../../examples/service-demo/standpipe.toml");
    let files = systemd(&demo, &SystemdOptions::default(), &NoVariables).unwrap();
    crate::golden::assert(&root.join("tests/golden/systemd-demo"), &files);
    crate::golden::assert(&root.join("tests/golden/systemd-world"), &exported(WORLD).unwrap());
}

#[test]
fn what_cannot_be_with_systemd_is_said_with_its_line() {
    let two = WORLD.replace("[roles.Greeter]", "[roles.Greeter]\ninstances = 2");
    let cases = [
        (two.clone(), "would take this port of one machine", ":16:"),
        (WORLD.replace("[roles.Greeter]", "[roles.Greeter]\nuser = \"svc\""), "which only root can", ":4:"),
        (
            WORLD.replace("port = 445\nvisibility = \"input\"", "port = \"dynamic\""),
            "has a port that is known once the instance runs",
            ":15:",
        ),
        (
            two.replace(
                "[roles.Greeter.service]",
                "[roles.Greeter.wine]\nprefix = \"/p\"\n[roles.Greeter.service]",
            ),
            "would use one Wine prefix",
            ":9:",
        ),
    ];
    for (text, expected, place) in cases {
        let said = exported(&text).unwrap_err();
        assert!(said.contains(expected) && said.contains(place) && said.contains("hint"), "{said}");
    }
    // A range of which each instance has its own port is known before.
    let range = two.replace("port = 445", "port = \"4450-4460\"\nport-choice = \"instance\"");
    exported(&range).unwrap();
}

#[test]
fn storage_that_is_kept_is_where_systemd_keeps_state() {
    let unit = |text: &str| {
        let files = exported(text).unwrap();
        files.iter().find(|file| file.path.ends_with("@.service")).unwrap().text.clone()
    };
    let kept = "[roles.Greeter]\nlocal-storage.orders.clean-on-recycle = false";
    let kept = unit(&WORLD.replace("[roles.Greeter]", kept));
    assert!(kept.contains("--state-dir /var/lib/demo-greeter-%i/state"), "{kept}");
    assert!(kept.contains("StateDirectory=%p-%i") && !kept.contains("RuntimeDirectory"), "{kept}");
    let emptied = unit(&WORLD.replace("[roles.Greeter]", "[roles.Greeter]\nlocal-storage.cache = {}"));
    assert!(emptied.contains("--state-dir /run/demo-greeter-%i/state"), "{emptied}");
}
