//! Running programs, so that the developer sees which, and a failure says which.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

/// What stopped a command of this tool.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Runs a command with its output shown and no standard input; anything but exit code 0 is a failure.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure(format!("cannot run `{line}`: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("`{line}` ended with {status}"))) }
}

/// The longest that one program of a stage may take: several times what a slow machine needs, and short
/// enough that a hanging one is named before whoever waits for the whole run loses patience.
pub(crate) const STAGE: Duration = Duration::from_mins(25);

/// How long a program that was interrupted may take to clear away what it started.
const CLEARING: Duration = Duration::from_secs(30);

/// As [`run`], for a command that might hang: it is interrupted, and then killed, when `limit` has passed.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let cannot_run = |error| Failure(format!("cannot run `{line}`: {error}"));
    let mut child = command.stdin(Stdio::null()).spawn().map_err(cannot_run)?;
    match ended_within(&mut child, limit).map_err(cannot_run)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(Failure(format!("`{line}` ended with {status}"))),
        None => {
            interrupt(&child);
            if !matches!(ended_within(&mut child, CLEARING), Ok(Some(_))) {
                // It fails only when the program has just ended.
                let _ = child.kill();
                let _ = child.wait();
            }
            Err(Failure(format!("`{line}` did not end within {} s", limit.as_secs())))
        }
    }
}

/// How the program ended, or `None` when it still runs after `limit`.
fn ended_within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Asks a program to stop as Ctrl-C does, so that it clears away what it started.
#[cfg(unix)]
fn interrupt(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process};
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::INT);
    }
}

#[cfg(not(unix))]
fn interrupt(_: &Child) {}

/// Runs a command quietly and returns its standard output; its standard error is shown only in a failure.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let line = describe(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure(format!("cannot run `{line}`: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure(format!("`{line}` ended with {}: {}", output.status, said.trim())));
    }
    String::from_utf8(output.stdout).map_err(|_| Failure(format!("`{line}` printed what is not UTF-8")))
}

/// Whether a command can be run and ends with exit code 0; its output is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it: the program's file name, and what is set for it beyond the target
/// directory.
fn describe(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value
            && name != "CARGO_TARGET_DIR"
            && name != "PATH"
        {
            words.push(format!("{}={}", name.to_string_lossy(), quote(&value.to_string_lossy())));
        }
    }
    let program = std::path::Path::new(command.get_program());
    words.push(program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned());
    words.extend(command.get_args().map(|argument| quote(&argument.to_string_lossy())));
    words.join(" ")
}

fn quote(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_a_command_as_it_would_be_typed() {
        let mut command = Command::new("/somewhere/bin/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings").env("CARGO_TARGET_DIR", "x");
        assert_eq!(describe(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_program_is_named_with_its_code() {
        let failure = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(failure.0.contains("sh -c 'exit 3'") && failure.0.contains('3'), "{failure}");
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended_and_named() {
        let mut hangs = Command::new("sleep");
        let failure = run_within(Duration::from_millis(50), hangs.arg("1000")).unwrap_err();
        assert!(failure.0.contains("sleep 1000") && failure.0.contains("did not end"), "{failure}");
    }
}
