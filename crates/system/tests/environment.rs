//! What others see of a process's environment once it hides that.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::fs;
use std::process::Command;

const NAME: &str = "a_hidden_variable_is_read_by_nobody_but_this_process_and_those_that_it_starts";

/// Set for the process that hides its environment.
const HIDES: &str = "STANDPIPE_TEST_HIDES";

const VARIABLES: [(&str, &str); 5] = [
    ("ITS_SECRET", "hidden words"),
    ("EMPTY", ""),
    ("STANDPIPE_TREE", "1 2"),
    ("STANDPIPE_TARGETS", "/state/targets.json"),
    ("LAST", "x=y"),
];

/// Its own harness: it says what tests there are, and runs the one.
fn main() {
    let asked = |option: &str| std::env::args().any(|argument| argument == option);
    if asked("--list") {
        if !asked("--ignored") {
            println!("{NAME}: test");
        }
    } else if std::env::var_os(HIDES).is_some() {
        a_hidden_variable_is_read_by_nobody_but_this_process_and_those_that_it_starts();
    } else if cfg!(target_os = "linux") {
        let mut command = Command::new(std::env::current_exe().unwrap());
        assert!(command.env_clear().env(HIDES, "1").envs(VARIABLES).status().unwrap().success());
    }
}

fn a_hidden_variable_is_read_by_nobody_but_this_process_and_those_that_it_starts() {
    let shown = || String::from_utf8_lossy(&fs::read("/proc/self/environ").unwrap()).into_owned();
    assert!(shown().contains("hidden words"));
    standpipe_system::hide_environment().unwrap();
    let shown = shown();
    // Whoever looks for what a killed process left behind asks for these.
    let left: Vec<&str> = shown.split('\0').filter(|text| !text.is_empty()).collect();
    assert_eq!(left, ["STANDPIPE_TARGETS=/state/targets.json", "STANDPIPE_TREE=1 2"]);
    for (name, value) in VARIABLES {
        assert_eq!(std::env::var(name).unwrap(), value);
    }
    let started = Command::new("/bin/sh").args(["-c", "printf %s \"$ITS_SECRET\""]).output().unwrap();
    assert_eq!(started.stdout, b"hidden words");
}
