//! One instance in the foreground.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::support::{Place, assert_seen, seen};

/// A role without a service, with `more` in it.
fn place(more: &str) -> Place {
    let place = Place::new();
    let text = format!(
        r#"name = "Demo"
[roles.Pipes]
[roles.Pipes.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
backend = "unix:simple.sock"
[roles.Pipes.endpoints.Smb]
protocol = "smb"
port = {}
{more}"#,
        free_port()
    );
    place.write("standpipe.toml", &text);
    place
}

/// A port that nobody listens on at the moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

const RUN: [&str; 5] = ["run", "--log", "off", "--state-dir", "state"];

#[test]
fn it_serves_until_it_is_asked_to_stop_and_leaves_nothing() {
    let place = place("");
    let mut command = place.standpipe(&["run", "--state-dir", "state"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("serving pipes")));
    let ps = place.seen(&["ps", "--state-dir", "state"]);
    assert!(ps.contains("Pipes/0") && ps.contains("smb://127.0.0.1:"), "{ps}");
    let again = place.seen(&RUN);
    assert!(again.starts_with("exit 75") && again.contains("in use"), "{again}");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!place.path("state").exists());
    let ps = place.seen(&["ps", "--state-dir", "state"]);
    assert_seen(&ps, "exit 0\n--- stderr\nnothing runs: there is no instance in state");
}

#[test]
fn a_stop_says_how_long_it_takes_and_warns_of_a_platform_that_does_not_wait() {
    let place = place("drain-timeout = \"2s\"");
    let text = std::fs::read_to_string(place.path("standpipe.toml")).unwrap();
    let (key, rest) = (text.lines().last().unwrap().to_owned(), text.replace("drain-timeout = \"2s\"", ""));
    place.write("standpipe.toml", &rest.replace("[roles.Pipes]\n", &format!("[roles.Pipes]\n{key}\n")));
    for (limit, warned) in [("6s", true), ("7s", false)] {
        let mut command = place.standpipe(&["run", "--state-dir", "state", "--stop-limit", limit]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let log: Vec<String> = lines.take_while(|line| !line.contains("serving pipes")).collect();
        interrupt(&child);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        let log = log.join("\n");
        assert!(log.contains("a stop takes 7s at most: 2s for clients, 5s for what is left"), "{log}");
        assert_eq!(log.contains("kills this instance 6s after"), warned, "{log}");
    }
}

#[test]
fn a_startup_task_that_fails_has_its_own_code() {
    let place = place("[[roles.Pipes.startup]]\ncommand = [\"sh\", \"-c\", \"echo why >&2; exit 3\"]");
    let seen = place.seen(&RUN);
    assert!(seen.starts_with("exit 76\n--- stderr\nerror: startup task 1 `sh -c"), "{seen}");
    assert!(seen.contains('3') && seen.contains("why"), "{seen}");
}

#[test]
fn a_service_that_cannot_be_kept_running_has_its_own_code() {
    let place = place("[roles.Pipes.service]\nname = \"Broken\"\ncommand = [\"false\"]\nmax-failures = 1");
    let seen = place.seen(&RUN);
    assert!(seen.starts_with("exit 69\n--- stderr\nerror: "), "{seen}");
    let listed = place.seen(&["ps", "--state-dir", "state"]);
    assert!(listed.contains("failed") && listed.contains("last error of Pipes/0"), "{listed}");
}

#[test]
fn what_a_service_says_and_logs_is_json_on_standard_output() {
    let more = "[roles.Pipes.service]\nname = \"Talker\"\ncommand = [\"sh\", \"talk.sh\"]\n\
                start-timeout = \"1m\"\nlogs.files = [\"logs/*.log\"]";
    let place = place(more);
    let script = "echo out\necho err >&2\nmkdir logs\nprintf '%01000000d\\n' 7 > logs/a.log\n\
                  printf 'b\\377d \"q\"\\n' >> logs/a.log\nexec sleep 1000";
    place.write("talk.sh", script);
    let mut command = place.standpipe(&["run", "--log-format", "json", "--state-dir", "state"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines = lines.take(4).map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let mut said: Vec<(String, String)> = lines
        .map(|line| {
            assert_eq!((&line["process"], &line["level"]), (&"Talker".into(), &"INFO".into()), "{line}");
            assert_eq!(line["file"].is_string(), line["stream"] == "file", "{line}");
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("stream"), text("message"))
        })
        .collect();
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    said.sort();
    let long = said.remove(0);
    assert!(long == ("file".to_owned(), "0".repeat(999_999) + "7"), "{} characters", long.1.len());
    let expected = [("file", "b\u{fffd}d \"q\""), ("stderr", "err"), ("stdout", "out")];
    assert_eq!(said, expected.map(|(stream, text)| (stream.to_owned(), text.to_owned())));
}

#[test]
fn the_role_is_asked_for_when_there_are_several() {
    let more = "[roles.Other.service]\ncommand = [\"true\"]";
    assert_seen(
        &place(more).seen(&RUN),
        "
exit 64
--- stderr
error: the deployment has more than one role
hint: say which one with --role: Pipes, Other",
    );
    let seen = place(more).seen(&[&RUN[..], &["--role", "Pipe"]].concat());
    assert!(seen.starts_with("exit 64") && seen.contains("its roles are Pipes, Other"), "{seen}");
}

#[test]
fn a_call_to_nobody_is_temporary() {
    let place = Place::new();
    place.write("secret", "x");
    let address = format!("//127.0.0.1:{}/pipe/simple", free_port());
    let seen = place.seen(&["call", &address, "hello", "-u", "me", "--password-file", "secret"]);
    assert!(seen.starts_with("exit 75\n--- stderr\nerror: could not connect to 127.0.0.1:"), "{seen}");
    assert!(seen.contains("caused by: Connection refused"), "{seen}");
}

#[test]
fn up_runs_every_role_says_where_the_page_is_and_leaves_nothing() {
    let more = format!(
        r#"
[[roles.Pipes.startup]]
command = ["standpipe", "account", "add", "me", "--password-file", "secret"]
[roles.Web.endpoints.Http]
protocol = "http"
port = {}
[roles.Web.calls.simple]
target = "Pipes/Smb"
user = "me"
password-file = "secret"
"#,
        free_port()
    );
    let place = place(&more);
    place.write("secret", "x");
    let mut command = place.standpipe(&["up", "--state-dir", "state"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let (mut added, mut page) = (false, false);
    while !(added && page) {
        let line = log.next().expect("it ended");
        added |= line.contains("Pipes.0 | ") && line.ends_with("standpipe | added me");
        page |= line.contains("the page is at http://127.0.0.1:");
    }
    let ps = place.seen(&["ps", "--state-dir", "state", "--json"]);
    assert!(ps.contains("\"Web\"") && ps.contains("\"Pipes\""), "{ps}");
    let again = place.seen(&["up", "--state-dir", "state"]);
    let runs = format!("runs already, as process {}", child.id());
    assert!(again.starts_with("exit 75") && again.contains(&runs), "{again}");
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!place.path("state").exists());
}

/// A service whose arguments are too long together, which no look at the file alone shows.
fn too_long() -> (String, String) {
    let arguments = vec!["\"${LONG}\""; 70].join(", ");
    (format!("service.command = [\"true\", {arguments}]"), "x".repeat(100_000))
}

#[test]
fn arguments_that_are_too_long_are_a_mistake_of_the_file_at_once() {
    let (service, long) = too_long();
    let place = place(&format!("[roles.Other]\n{service}"));
    let mut command = place.standpipe(&["run", "--role", "Other", "--state-dir", "state"]);
    command.env("LONG", long);
    let seen = seen(command, &place.path(""));
    assert!(seen.starts_with("exit 78"), "{seen}");
    assert!(seen.contains("too long together") && !seen.contains("failed 2 times"), "{seen}");
}

#[test]
fn up_ends_with_the_code_of_what_cannot_be_kept() {
    let (service, long) = too_long();
    let place = place(&format!("[roles.Other]\n{service}"));
    let text = std::fs::read_to_string(place.path("standpipe.toml")).unwrap();
    place.write("standpipe.toml", &text.replace("[roles.Pipes]", &format!("[roles.Pipes]\n{service}")));
    let mut command = place.standpipe(&["up", "--log", "off", "--state-dir", "state"]);
    command.env("LONG", long);
    let seen = seen(command, &place.path(""));
    assert!(seen.starts_with("exit 78"), "{seen}");
    assert!(
        seen.contains("error: Pipes.0 cannot be kept running") && seen.contains("error: Other.0 cannot"),
        "{seen}"
    );
    assert!(!place.path("state").exists());
}
