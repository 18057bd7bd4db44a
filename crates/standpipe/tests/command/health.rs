//! Readiness as an exit code, and the ways in which platforms start an instance.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};

use crate::support::{Place, assert_seen};

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A role with a pipe and the page of another, in a file that is not in the deployment's folder.
fn place() -> Place {
    let place = Place::new();
    let text = format!(
        r#"name = "Demo"
[roles.Pipes.service]
command = ["./listen"]
[roles.Pipes.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"
[roles.Pipes.endpoints.Smb]
protocol = "smb"
port = {}
"#,
        free_port()
    );
    place.write("config/standpipe.toml", &text);
    place.write("content/listen", "#!/bin/sh\nexec sleep 60\n").mode("content/listen", 0o700);
    place
}

#[track_caller]
fn wait_until_served(log: &mut impl Iterator<Item = std::io::Result<String>>) {
    let mut seen = Vec::new();
    let served = log.map_while(Result::ok).any(|line| {
        seen.push(line);
        seen.last().is_some_and(|line| line.contains("serving pipes"))
    });
    assert!(served, "it ended: {seen:?}");
}

fn interrupt(child: &mut Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    child.wait().unwrap();
}

#[test]
fn nothing_that_runs_is_not_healthy() {
    let seen = place().seen(&["health", "--state-dir", "state"]);
    assert_seen(&seen, "exit 75\n--- stderr\nerror: no such instance runs: there is none in state");
}

#[test]
fn an_instance_takes_its_number_from_a_pods_name() {
    let place = place();
    let file = "config/standpipe.toml";
    // A role without a service is ready at once.
    let text = std::fs::read_to_string(place.path(file)).unwrap();
    let pipe = "sddl = \"D:(A;;GRGW;;;AU)\"";
    let text = text.replace("[roles.Pipes.service]\ncommand = [\"./listen\"]\n", "");
    place.write(file, &text.replace(pipe, &format!("{pipe}\ncommand = [\"./listen\"]")));
    let manager = UnixDatagram::bind(place.path("notify")).unwrap();
    let run =
        ["run", "-f", file, "--folder", "content", "--state-dir", "state", "--instance", "demo-pipes-3"];
    let mut command = place.standpipe(&run);
    let mut child =
        command.env("NOTIFY_SOCKET", place.path("notify")).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    wait_until_served(&mut log);
    let mut message = [0; 256];
    let ready = (0..3).any(|_| {
        let length = manager.recv(&mut message).unwrap();
        message[..length].starts_with(b"READY=1\n")
    });
    let health =
        place.seen(&["health", "--state-dir", "state", "--role", "Pipes", "--instance", "demo-pipes-3"]);
    let other = place.seen(&["health", "--state-dir", "state", "--role", "Pipes", "--instance", "2"]);
    let ps = place.seen(&["ps", "--state-dir", "state"]);
    interrupt(&mut child);
    assert!(ready);
    assert_seen(&health, "exit 0\n--- stdout\nready");
    assert!(other.starts_with("exit 75"), "{other}");
    assert!(ps.contains("Pipes/3") && ps.contains("smb://127.0.0.4:"), "{ps}");
}

#[test]
fn an_instance_whose_pipe_does_not_accept_is_not_healthy() {
    let place = place();
    let run = ["run", "-f", "config/standpipe.toml", "--folder", "content", "--state-dir", "state"];
    let mut child = place.standpipe(&run).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    wait_until_served(&mut log);
    let health = place.seen(&["health", "--state-dir", "state"]);
    interrupt(&mut child);
    assert!(health.starts_with("exit 75\n--- stderr\nerror: Pipes/0 is not ready ("), "{health}");
}

/// What a health port answers.
fn get(port: u16, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn wait_until_ready(port: u16) {
    while !get(port, "/readyz").starts_with("HTTP/1.1 200") {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn the_health_port_answers_while_the_instance_stops() {
    let place = Place::new();
    let port = free_port();
    let text = format!(
        "name = \"Demo\"\n[roles.R]\nhealth.port = {port}\n[roles.R.service]\ncommand = [\"./stubborn\"]\n\
         stop-timeout = \"3s\"\n"
    );
    place.write("standpipe.toml", &text);
    place.write("stubborn", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n").mode("stubborn", 0o700);
    let run = ["run", "--state-dir", "state"];
    let mut child = place.standpipe(&run).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("the service is running")));
    wait_until_ready(port);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(log.any(|line| line.contains("stopping the service")));
    let (ready, live) = (get(port, "/readyz"), get(port, "/livez"));
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("the instance is draining"), "{ready}");
    assert!(live.starts_with("HTTP/1.1 200"), "{live}");
    assert!(get(port, "/metrics").contains("standpipe_stage{stage=\"draining\"} 1"));
    drop(log);
    child.wait().unwrap();
}

#[test]
fn an_instance_whose_state_folder_is_swept_away_says_so_once_and_is_not_ready() {
    let place = Place::new();
    let port = free_port();
    let text = format!(
        "name = \"Demo\"\n[roles.R]\nhealth.port = {port}\n[roles.R.service]\ncommand = [\"sleep\", \"1000\"]\n"
    );
    place.write("standpipe.toml", &text);
    let mut child = place.standpipe(&["run", "--state-dir", "state"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("the service is running")));
    wait_until_ready(port);
    std::fs::remove_dir_all(place.path("state")).unwrap();
    assert!(log.any(|line| line.contains("was removed while the instance ran")));
    let ready = get(port, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("was removed"), "{ready}");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let rest: Vec<String> = log.collect();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest:?}");
    assert!(!rest.iter().any(|line| line.contains("was removed") || line.contains(" WARN ")), "{rest:?}");
}

#[test]
fn the_reason_of_a_failure_is_left_where_kubernetes_looks_and_said_once() {
    let place = Place::new();
    let service = "command = [\"sh\", \"-c\", \"sleep 0.3; exit 3\"]\nmax-failures = 2\n";
    place.write("standpipe.toml", &format!("name = \"Demo\"\n[roles.R.service]\n{service}"));
    let seen = place.seen(&["run", "--state-dir", "state", "--termination-log", "why"]);
    let why = std::fs::read_to_string(place.path("why")).unwrap();
    let reason =
        "the service failed 2 times: it ended with exit code 3 after running for less than 1s each time";
    let expected = format!("exit code 69 (the service could not be kept running): R: {reason}\n");
    assert_eq!(why, expected, "{seen}");
    assert!(seen.starts_with("exit 69"), "{seen}");
    assert_eq!(seen.matches("failed 2 times").count(), 1, "{seen}");
}

/// Needs root: it is root that mounts a secret.
#[test]
fn a_password_that_root_mounts_for_a_group_is_read_by_a_process_with_that_group() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can mount secrets");
        return;
    }
    let place = Place::new();
    let call = |mode: u32| {
        place.write("..version/user", "secret").mode("..version/user", mode);
        chown(place.path("..version/user"), Some(0), Some(10_001)).unwrap();
        std::fs::set_permissions(place.path(""), std::fs::Permissions::from_mode(0o755)).unwrap();
        let _ = std::os::unix::fs::symlink("..version/user", place.path("user"));
        let mut command = place.standpipe(&[
            "call",
            "//127.0.0.1:1/pipe/simple",
            "x",
            "-u",
            "u",
            "--password-file",
            "user",
        ]);
        // The binary may be in a folder that only root enters.
        let program = place.path("standpipe");
        let _ = std::fs::copy(command.get_program(), &program);
        let mut again = std::process::Command::new(program);
        again.args(command.get_args()).current_dir(place.path("")).stdin(Stdio::null());
        command = again;
        command.uid(10_001).gid(10_001);
        crate::support::seen(command, &place.path(""))
    };
    assert!(call(0o440).contains("127.0.0.1:1"), "{}", call(0o440));
    assert!(call(0o444).contains("can be read by others"), "{}", call(0o444));
}

#[test]
fn the_metrics_show_what_the_pipes_may_hold() {
    let place = Place::new();
    let (health, pipes) = (free_port(), free_port());
    let text = format!(
        "name = \"Demo\"\n[roles.R]\nhealth.port = {health}\nlimits = {{ memory = \"64MiB\", opens = 40 }}\n\
         [roles.R.pipes.simple]\nsddl = \"D:(A;;GRGW;;;AU)\"\nbackend = \"unix:run/simple\"\n\
         [roles.R.endpoints.P]\nprotocol = \"smb\"\nport = {pipes}\n"
    );
    place.write("standpipe.toml", &text).write("run/.keep", "");
    let mut child = place.standpipe(&["run", "--state-dir", "state"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    wait_until_served(&mut log);
    let metrics = get(health, "/metrics");
    for line in [
        "standpipe_budget_memory_bytes{of=\"all\"} 0",
        "standpipe_budget_opens{of=\"account\"} 0",
        "standpipe_budget_opens_limit{of=\"all\"} 40",
        "standpipe_budget_opens_limit{of=\"account\"} 20",
        "standpipe_budget_postponed_total 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("standpipe_page_memory"), "there is no page");
    interrupt(&mut child);
}
