//! `standpipe pack`, `standpipe unpack`, and packs where a deployment file is expected.

use std::path::Path;

use crate::support::{Place, assert_seen, seen};

const FILE: &str = r#"
name = "Demo"
[roles.Greeter]
content = ["redist"]
service.command = ["./greeter"]
secrets = { key = "secrets/key" }
"#;

fn place() -> Place {
    let place = Place::new();
    place.write("standpipe.toml", FILE).write("redist/runtime.exe", "MZ").write("secrets/key", "hush");
    place.write("greeter", "#!/bin/sh\nexec sleep 99\n").mode("greeter", 0o755);
    place
}

/// What a person sees, with the sums replaced.
fn without_sums(text: &str) -> String {
    let is_sum = |word: &&str| word.len() == 64 && word.chars().all(|c| c.is_ascii_hexdigit());
    let words: Vec<&str> = text.split([' ', '\n', ',']).filter(is_sum).collect();
    words.iter().fold(text.to_owned(), |text, sum| text.replace(sum, "SUM"))
}

#[test]
fn a_pack_is_made_listed_verified_and_unpacked() {
    let place = place();
    let packed = place.seen(&["pack"]);
    let size = std::fs::metadata(place.path("Demo.pack")).unwrap().len();
    assert_seen(
        &without_sums(&packed),
        &format!("exit 0\n--- stdout\nSUM  Demo.pack\n--- stderr\n3 files for Greeter, {size} bytes"),
    );
    assert_seen(
        &without_sums(&place.seen(&["unpack", "Demo.pack", "--list"])),
        &format!(
            "exit 0\n--- stdout\n{:64}  SIZE  ROLES    FILE\n{:3}  24    Greeter  greeter*\n\
             {:3}  2     Greeter  redist/runtime.exe\n{:3}  {}   all      standpipe.toml",
            "SHA-256",
            "SUM",
            "SUM",
            "SUM",
            FILE.len()
        ),
    );
    assert_seen(
        &place.seen(&["unpack", "Demo.pack", "--verify"]),
        "exit 0\n--- stderr\nDemo.pack: every file is what it was",
    );
    assert_seen(&place.seen(&["unpack", "Demo.pack"]), "exit 0\n--- stderr\nDemo: 3 files");
    assert!(place.path("Demo/redist/runtime.exe").exists() && !place.path("Demo/secrets").exists());
    assert_seen(
        &place.seen(&["unpack", "Demo.pack"]),
        "exit 64\n--- stderr\nerror: Demo.pack: `Demo` is there already\n\
         hint: name a folder with --output that is not there yet",
    );
    assert_seen(
        &place.seen(&["pack"]),
        "exit 64\n--- stderr\nerror: Demo.pack: `Demo.pack` is there already\n\
         hint: name another file, or say --force to write over it",
    );
    let again = place.seen(&["pack", "--force"]);
    assert_eq!(again, packed, "the same files make the same bytes");
}

#[test]
fn the_json_of_a_pack_has_its_files() {
    let place = place();
    let output = place.standpipe(&["pack", "--json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&shown["name"], &shown["files"][0]["path"]), (&"Demo".into(), &"greeter".into()));
    let output = place.standpipe(&["unpack", "Demo.pack", "--list", "--json"]).output().unwrap();
    assert_eq!(shown, serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap());
}

#[test]
fn a_pack_that_was_changed_runs_nothing_and_writes_nothing() {
    let place = place();
    place.seen(&["pack"]);
    let mut bytes = std::fs::read(place.path("Demo.pack")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(place.path("Demo.pack"), bytes).unwrap();
    for command in [
        &["up", "-f", "Demo.pack", "--state-dir", "state"][..],
        &["run", "-f", "Demo.pack", "--state-dir", "state"],
        &["unpack", "Demo.pack"],
        &["unpack", "Demo.pack", "--verify"],
        &["unpack", "Demo.pack", "--list"],
    ] {
        let seen = without_sums(&place.seen(command));
        assert_seen(
            &seen,
            "exit 78\n--- stderr\nerror: Demo.pack: the pack was changed or damaged: its SHA-256 is SUM, and it says SUM\n\
             hint: nothing of it was written or run; get it from its source again",
        );
    }
    for name in ["state", "state.content", "Demo"] {
        assert!(!place.path(name).exists(), "{name}");
    }
}

#[test]
fn another_pack_than_the_one_that_was_named_is_refused() {
    let place = place();
    place.seen(&["pack"]);
    let sum = "0".repeat(64);
    for command in [&["up", "-f", "Demo.pack"][..], &["run", "-f", "Demo.pack"], &["unpack", "Demo.pack"]] {
        let seen = place.seen(&[command, &["--sha256", &sum]].concat());
        assert!(seen.starts_with("exit 78\n--- stderr\nerror: Demo.pack: this is another pack"), "{seen}");
    }
    let seen = place.seen(&["up", "--sha256", &sum]);
    assert!(
        seen.contains("exit 64") && seen.contains("--sha256 is for a pack, and standpipe.toml is none"),
        "{seen}"
    );
    let seen = place.seen(&["unpack", "Demo.pack", "--sha256", "12"]);
    assert!(seen.contains("expected 64 hexadecimal digits"), "{seen}");
}

#[test]
fn a_pack_is_told_from_a_deployment_file() {
    let place = place();
    place.seen(&["pack"]);
    let commands = [
        &["check", "-f", "Demo.pack"][..],
        &["doctor", "-f", "Demo.pack"],
        &["export", "compose", "-f", "Demo.pack"],
    ];
    let unpacked = Path::new("Demo").join("standpipe.toml");
    for command in commands {
        assert_seen(
            &place.seen(command),
            &format!(
                "exit 64\n--- stderr\nerror: Demo.pack is a pack, and has to be unpacked first\n\
                 hint: `standpipe unpack Demo.pack`; then name the deployment file, `--file {}`",
                unpacked.display()
            ),
        );
    }
    // As it says.
    place.seen(&["unpack", "Demo.pack"]);
    let seen = place.seen(&["check", "--file", "Demo/standpipe.toml"]);
    assert!(seen.contains("no mistakes"), "{seen}");
    assert_seen(
        &place.seen(&["unpack", "standpipe.toml"]),
        "exit 78\n--- stderr\nerror: standpipe.toml: this is no pack: it begins with something else\n\
         hint: `standpipe pack` makes one of a deployment file",
    );
    let seen = place.seen(&["down", "-f", "Demo.pack"]);
    assert!(!seen.contains("pack"), "the name of the deployment is found in it: {seen}");
}

#[test]
fn what_cannot_be_packed_is_said_with_its_line() {
    let place = place();
    place.write("standpipe.toml", &FILE.replace("\"redist\"", "\"redist\", \"../other\""));
    let text = seen(place.standpipe(&["pack"]), &place.path(""));
    assert!(text.contains("exit 78") && text.contains("standpipe.toml:4:22"), "{text}");
    assert!(!place.path("Demo.pack").exists() && !place.path("Demo.pack.new").exists());
    let text = place.seen(&["pack", "--role", "Greter"]);
    assert!(text.contains("exit 64"), "{text}");
}

#[test]
fn the_example_with_a_runtime_to_install_can_be_packed_on_every_system() {
    let place = Place::new();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/redistributable");
    for name in ["standpipe.toml", "redist/install.cmd"] {
        place.write(name, &std::fs::read_to_string(example.join(name)).unwrap());
    }
    let without = place.seen(&["pack", "--system", "windows"]);
    assert!(without.contains("exit 78") && without.contains("bin/simple-service.exe"), "{without}");
    place.write("redist/vc_redist.x64.exe", "MZ").write("bin/simple-service.exe", "MZ");
    let output = place.standpipe(&["pack", "--system", "windows", "--json"]).output().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let files = shown["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap());
    assert_eq!(
        files.collect::<Vec<_>>(),
        ["bin/simple-service.exe", "redist/install.cmd", "redist/vc_redist.x64.exe", "standpipe.toml"]
    );
}
