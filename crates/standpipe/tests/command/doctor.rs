//! What would go wrong on this machine.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::Place;

const FILE: &str = r#"name = "Demo"
[roles.R]
secrets = { Key = "key" }
accounts = "accounts.toml"
[roles.R.service]
command = ["./service"]
[roles.R.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
[roles.R.endpoints.Smb]
protocol = "smb"
port = PORT
"#;

fn place(change: impl Fn(String) -> String) -> (Place, u16) {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.write("standpipe.toml", &change(FILE.replace("PORT", &port.to_string())));
    place.write("service", "").mode("service", 0o700);
    place.write("key", "secret").write("accounts.toml", "");
    (place, port)
}

const DOCTOR: [&str; 5] = ["doctor", "--stop-limit", "1m", "--state-dir", "state"];

/// What `doctor` says of the place, which is wrong in one respect.
#[track_caller]
fn assert_wrong(place: &Place, what: &str, remedy: &str) {
    let seen = place.seen(&DOCTOR);
    assert!(seen.starts_with("exit 78\n") && seen.contains("1 thing is wrong here"), "{seen}");
    let (_, found) = seen.split_once("wrong: ").unwrap();
    let mut lines = found.lines();
    assert!(lines.next().unwrap().contains(what), "{seen}");
    let next = lines.next().unwrap();
    assert!(next.starts_with("  to do: ") && next.contains(remedy), "{seen}");
}

#[test]
fn nothing_is_wrong_with_a_good_deployment() {
    let (place, _) = place(|file| file);
    let seen = place.seen(&DOCTOR);
    assert!(seen.starts_with("exit 0\n") && seen.contains("nothing is wrong here"), "{seen}");
    assert!(seen.contains("state is kept in state") && seen.contains("files may be open"), "{seen}");
    assert!(!place.path("state").exists(), "it changes nothing");
}

#[test]
fn a_port_that_is_taken_is_found() {
    let (place, port) = place(|file| file);
    let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    assert_wrong(&place, "standpipe.toml:11: cannot listen on 127.0.0.1", "ss -ltnp");
}

#[test]
fn a_platform_that_kills_too_soon_is_found() {
    let (place, _) = place(|file| file);
    let seen = place.seen(&["doctor", "--stop-limit", "10s", "--state-dir", "state"]);
    assert!(seen.starts_with("exit 78"), "{seen}");
    assert!(seen.contains("a stop of role `R` may take 20s, and the platform kills it after 10s"), "{seen}");
    assert!(seen.contains("to do: let the platform wait for 20s (`stop_grace_period`"), "{seen}");
}

#[test]
fn a_secret_and_an_accounts_file_that_others_can_read_are_found() {
    let (place, _) = place(|file| file);
    place.mode("key", 0o644);
    assert_wrong(&place, "the secret `Key` is not private", "chmod 600");
    place.mode("key", 0o600);
    place.mode("accounts.toml", 0o644);
    assert_wrong(&place, "accounts.toml", "chmod 600");
}

#[test]
fn a_list_that_lets_everyone_in_is_found() {
    let (place, _) = place(|file| file.replace("AU)", "WD)"));
    assert_wrong(&place, "standpipe.toml:8: the access-control list of pipe `simple` lets everyone in", "AU");
}

#[test]
fn a_command_that_is_not_there_is_found() {
    let (place, _) = place(|file| file.replace("./service", "./servise"));
    assert_wrong(&place, "servise` is not there", "build or copy the program");
}

#[test]
fn wine_that_is_not_there_is_found() {
    let (place, _) = place(|file| {
        file.replace(
            "[roles.R.service]\ncommand = [\"./service\"]",
            "wine.program = \"./wine\"\n[roles.R.service]\nname = \"S\"",
        )
    });
    place.write("wine", "");
    let seen = place.seen(&DOCTOR);
    assert!(seen.starts_with("exit 78") && seen.contains("wine` cannot be executed"), "{seen}");
}

#[test]
fn without_a_deployment_file_the_machine_alone_is_looked_at() {
    let place = Place::new();
    let seen = place.seen(&["doctor", "--address", "192.0.2.1"]);
    assert!(seen.starts_with("exit 78"), "{seen}");
    assert!(seen.contains("wrong: cannot listen on 192.0.2.1:445"), "{seen}");
    assert!(seen.contains("note: no deployment file was looked at"), "{seen}");
    let missing = place.seen(&["doctor", "-f", "other.toml"]);
    assert!(missing.contains("other.toml: there is no such deployment file"), "{missing}");
}

#[test]
fn a_program_reads_the_findings_as_json() {
    let (place, _) = place(|file| file.replace("AU)", "WD)"));
    let output = place.standpipe(&DOCTOR).arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let wrong: Vec<&Value> = findings.iter().filter(|finding| finding["severity"] == "wrong").collect();
    assert_eq!(wrong.len(), 1, "{findings:?}");
    assert_eq!((wrong[0]["line"].as_u64(), wrong[0]["remedy"].is_string()), (Some(8), true));
}
