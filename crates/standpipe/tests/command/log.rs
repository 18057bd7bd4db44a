//! The log of an instance: it holds nothing up, keeps the last words, and is JSON where that is asked for.

use std::io::Read;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::Place;

/// A deployment of one service, which is a shell script.
fn place(script: &str, more: &str) -> Place {
    let place = Place::new();
    place.write("service.sh", script);
    place.write(
        "standpipe.toml",
        &format!(
            "name = \"Logs\"\n[roles.Talker.service]\ncommand = [\"sh\", \"service.sh\"]\nstart-timeout = \"1m\"\n{more}"
        ),
    );
    place
}

/// The process of the service, once the instance runs and it is not `other`.
fn service_pid(place: &Place, other: Option<i32>) -> i32 {
    let start = Instant::now();
    loop {
        let ps = place.standpipe(&["ps", "--state-dir", "state", "--json"]).output().unwrap();
        let records: Value = serde_json::from_slice(&ps.stdout).unwrap_or_default();
        let record = &records[0];
        let pid = record["services"][0]["pid"].as_i64().map(|pid| i32::try_from(pid).unwrap());
        if let Some(pid) = pid
            && pid > 0
            && Some(pid) != other
            && record["ready"] == true
        {
            return pid;
        }
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "no other process than {other:?} after a minute: {record}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The exit code of a process that has to end by itself in time.
fn exit_within(child: &mut Child, limit: Duration) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if start.elapsed() > limit {
            child.kill().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_log_that_nobody_reads_holds_nothing_up() {
    for format in ["human", "json"] {
        let place = place("while :; do echo 'a line of a service that talks all the time'; done", "");
        let mut command = place.standpipe(&["run", "--log-format", format, "--state-dir", "state"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let first = service_pid(&place, None);
        // Long enough for every pipe and queue to be full.
        std::thread::sleep(Duration::from_secs(2));
        kill_process(Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
        service_pid(&place, Some(first));
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(exit_within(&mut child, Duration::from_secs(15)), Some(0), "{format}");
    }
}

#[test]
fn a_burst_and_the_last_words_of_a_service_that_dies_are_all_in_the_log() {
    let script = "i=0; while [ $i -lt 20 ]; do seq 1000 1999; i=$((i+1)); done; echo the reason >&2; exit 9";
    let place = place(script, "max-failures = 2");
    let log = std::fs::File::create(place.path("log")).unwrap();
    let mut command = place.standpipe(&["run", "--state-dir", "state"]);
    let status = command.stdout(Stdio::null()).stderr(log).status().unwrap();
    assert_eq!(status.code(), Some(69));
    let log = std::fs::read_to_string(place.path("log")).unwrap();
    let reasons = log.lines().filter(|line| line.ends_with("| the reason")).count();
    let lines = log.lines().filter(|line| line.ends_with("| 1500")).count();
    assert_eq!((reasons, lines), (2, 40), "{}", log.lines().rev().take(20).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_log_in_json_is_json_to_its_last_line() {
    let give_up = place("exit 3", "max-failures = 1");
    let wrong_key = place("exit 3", "max-failure = 1");
    for (place, code, word) in [(give_up, 69, "exit code 3"), (wrong_key, 78, "max-failure")] {
        let mut command = place.standpipe(&["run", "--log-format", "json", "--state-dir", "state"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{log}");
        let lines: Vec<Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect();
        let last = lines.last().unwrap();
        assert_eq!((&last["level"], &last["exit_code"]), (&"ERROR".into(), &code.into()), "{log}");
        let message = last["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
        assert_eq!(last["line"].as_u64(), (code == 78).then_some(5), "{log}");
    }
}
