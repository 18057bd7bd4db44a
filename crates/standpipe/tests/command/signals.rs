//! What an instance does about signals, and how it stops where not everything is as usual.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::Place;

/// A deployment of one service, which is a shell script that says `ready`.
fn place(script: &str, more: &str) -> Place {
    let place = Place::new();
    place.write("service.sh", &format!("{script}\necho ready\nwhile :; do sleep 0.02; done"));
    let text = format!("name = \"S\"\n[roles.R.service]\ncommand = [\"sh\", \"service.sh\"]\n{more}");
    place.write("standpipe.toml", &text);
    place
}

/// A running instance and its log.
struct Instance {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Instance {
    /// Started by way of another program.
    fn start(place: &Place, by: &[&str]) -> Self {
        Self::start_with(place, "run", by)
    }

    fn start_with(place: &Place, command: &str, by: &[&str]) -> Self {
        let run = place.standpipe(&[command, "--state-dir", "state"]);
        let mut command = Command::new(by[0]);
        command.args(&by[1..]).arg(run.get_program()).args(run.get_args());
        command.current_dir(place.path(".")).stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The lines of the log up to one that has these words.
    fn log_to(&mut self, words: &str) -> String {
        let mut seen = Vec::new();
        let mut has_come = false;
        while !has_come && let Some(line) = self.log.next() {
            let line = line.unwrap();
            has_come = line.contains(words);
            seen.push(line);
        }
        let seen = seen.join("\n");
        assert!(has_come, "never came: {words}\n{seen}");
        seen
    }

    /// The rest of the log, and the exit code.
    fn end(mut self) -> (String, Option<i32>) {
        let log: Vec<String> = self.log.map(Result::unwrap).collect();
        (log.join("\n"), self.child.wait().unwrap().code())
    }
}

#[test]
fn signals_for_the_service_reach_it_and_end_nothing() {
    let traps = ["HUP", "USR1", "USR2", "WINCH"].map(|name| format!("trap 'echo got {name}' {name}"));
    let place = place(&traps.join("\n"), "");
    // In a session of its own there is no terminal that could send them.
    let mut instance = Instance::start(&place, &["setsid"]);
    instance.log_to("| ready");
    let signals =
        [(Signal::HUP, "HUP"), (Signal::USR1, "USR1"), (Signal::USR2, "USR2"), (Signal::WINCH, "WINCH")];
    for (signal, name) in signals {
        instance.signal(signal);
        instance.log_to(&format!("| got {name}"));
    }
    instance.signal(Signal::TERM);
    let (log, code) = instance.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn signals_for_services_reach_them_through_up_too_and_end_nothing() {
    let place = place("trap 'echo got HUP' HUP\ntrap 'echo got USR1' USR1", "");
    let mut up = Instance::start_with(&place, "up", &["setsid"]);
    up.log_to("| ready");
    // `up` looks at its instances at intervals, and does not know the new one's process yet.
    std::thread::sleep(Duration::from_secs(1));
    for (signal, name) in [(Signal::HUP, "HUP"), (Signal::USR1, "USR1")] {
        up.signal(signal);
        up.log_to(&format!("| got {name}"));
    }
    up.signal(Signal::TERM);
    let (log, code) = up.end();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_signal_that_no_service_can_get_is_named() {
    let place = Place::new();
    let text = "name = \"S\"\n[roles.R.service]\ncommand = [\"sleep\", \"1000\"]\n[[roles.R.startup]]\ncommand = [\"sh\", \"-c\", \"echo busy; exec sleep 1000\"]\n";
    place.write("standpipe.toml", text);
    let mut instance = Instance::start(&place, &["setsid"]);
    instance.log_to("| busy");
    instance.signal(Signal::USR1);
    instance.log_to("SIGUSR1: no process of a service runs that could get it");
    instance.signal(Signal::TERM);
    assert_eq!(instance.end().1, Some(0));
}

#[test]
fn a_request_to_stop_that_was_blocked_at_the_start_still_comes_through() {
    let place = place("trap 'echo asked; exit 0' TERM", "");
    let mut instance = Instance::start(&place, &["env", "--block-signal=TERM"]);
    instance.log_to("| ready");
    let began = Instant::now();
    instance.signal(Signal::TERM);
    // It is not blocked in the service either.
    instance.log_to("| asked");
    assert_eq!(instance.end().1, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8));
}

/// What begins a PID namespace without `/proc`.
const WITHOUT_PROC: [&str; 8] =
    ["unshare", "-r", "-m", "-p", "-f", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\""];

/// Whether this machine lets this process begin one.
fn can_do_without_proc() -> bool {
    let mut probe = Command::new(WITHOUT_PROC[0]);
    probe.args(&WITHOUT_PROC[1..]).args(["sh", "true"]).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

#[test]
fn without_proc_a_service_is_asked_and_killed_all_the_same() {
    if !can_do_without_proc() {
        eprintln!("left out: this machine does not let this user make namespaces");
        return;
    }
    let cases = [("trap 'echo asked; exit 0' TERM", "| asked"), ("trap '' TERM", "killing it")];
    for (script, words) in cases {
        let place = place(script, "stop-timeout = \"500ms\"");
        let mut instance = Instance::start(&place, &[&WITHOUT_PROC[..], &["sh"]].concat());
        instance.log_to("| ready");
        // The first process of a namespace gets it only from outside, by its number there.
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", instance.child.id()));
        let inside: i32 = children.unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(inside).unwrap(), Signal::TERM).unwrap();
        let (log, code) = instance.end();
        assert!(log.contains(words), "{log}");
        assert!(!log.contains("still there"), "{log}");
        assert_eq!(code, Some(0), "{log}");
    }
}
