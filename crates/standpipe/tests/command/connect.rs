//! A remote pipe offered to programs on this machine.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStderr, Stdio};
use std::time::Duration;

use crate::remote::Remote;
use crate::support::Place;

const PATIENCE: Duration = Duration::from_secs(20);

/// `standpipe connect`, running.
struct Connect {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Connect {
    fn new(place: &Place, pipe: &str, more: &[&str]) -> Self {
        let arguments = ["connect", pipe, "-u", "anna", "--password-file", "secret", "--log", "info"];
        let mut command = place.standpipe(&[&arguments[..], more].concat());
        command.env("TMPDIR", place.path("")).env("STANDPIPE_PIPES", place.path("local"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, log }
    }

    /// Waits for a log line.
    fn says(&mut self, text: &str) {
        let found = self.log.by_ref().map(Result::unwrap).any(|line| line.contains(text));
        assert!(found, "it never said: {text}");
    }

    fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Connect {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn place() -> (Place, Remote) {
    let place = Place::new();
    place.write("secret", "secret");
    std::fs::create_dir(place.path("remote")).unwrap();
    let remote = Remote::new(&place.path("remote"));
    (place, remote)
}

fn echoed(place: &Place, socket: &str, text: &str) -> String {
    let mut stream = UnixStream::connect(place.path(socket)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn local_programs_use_a_remote_pipe_until_it_is_asked_to_stop() {
    let (place, remote) = place();
    let mut connect =
        Connect::new(&place, &remote.pipe("echo"), &["--local", "here", "--mode", "byte", "--encrypt"]);
    connect.says("offering");
    assert_eq!(echoed(&place, "local/here", "Hello."), "Hello.");
    assert_eq!(echoed(&place, "local/here", "Again."), "Again.");
    let mode = |name: &str| std::fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("local"), mode("local/here")), (0o700, 0o600));
    assert_eq!(connect.stop(), Some(0));
    assert!(!place.path("local/here").exists());
}

#[test]
fn programs_on_dotnet_find_it_where_they_look() {
    let (place, remote) = place();
    let mut connect = Connect::new(&place, &remote.pipe("echo"), &["--dotnet"]);
    connect.says("offering");
    assert_eq!(echoed(&place, "CoreFxPipe_echo", "Hello."), "Hello.");
    assert_eq!(connect.stop(), Some(0));
    assert!(!place.path("CoreFxPipe_echo").exists());
}

#[test]
fn there_is_no_local_pipe_while_the_server_or_its_pipe_is_away() {
    let (place, remote) = place();
    let (address, pipe) = (remote.address, remote.pipe("echo"));
    drop(remote);
    let mut connect = Connect::new(&place, &pipe, &["--mode", "byte"]);
    connect.says("it is tried again");
    connect.says("not offered");
    assert!(!place.path("local/echo").exists());
    for _ in 0..2 {
        let remote = Remote::at(address, &place.path("remote"));
        connect.says("offering");
        assert_eq!(echoed(&place, "local/echo", "Hello."), "Hello.");
        let mut broken = UnixStream::connect(place.path("local/echo")).unwrap();
        broken.write_all(b"Hello,").unwrap();
        broken.read_exact(&mut [0; 6]).unwrap();
        drop(remote);
        let error = broken.read(&mut [0; 1]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        connect.says("offered no more");
        assert!(!place.path("local/echo").exists());
    }
    assert_eq!(connect.stop(), Some(0));
}

#[test]
fn a_pipe_that_the_server_does_not_have_is_not_offered_and_others_of_it_are() {
    let (place, remote) = place();
    let mut missing = Connect::new(&place, &remote.pipe("nothing"), &["--mode", "byte"]);
    missing.says("there is no pipe");
    assert!(!place.path("local/nothing").exists());
    let mut other = Connect::new(&place, &remote.pipe("echo"), &["--mode", "byte"]);
    other.says("offering");
    assert_eq!(echoed(&place, "local/echo", "Hello."), "Hello.");
}

#[test]
fn a_socket_that_a_killed_run_left_is_taken_over_and_one_in_use_is_not() {
    let (place, remote) = place();
    let mut first = Connect::new(&place, &remote.pipe("echo"), &["--mode", "byte"]);
    first.says("offering");
    let arguments = ["connect", &remote.pipe("echo"), "-u", "anna", "--password-file", "secret"];
    let folder = place.path("local").display().to_string();
    let second = place.seen(&[&arguments[..], &["--folder", &folder]].concat());
    assert!(second.starts_with("exit 75") && second.contains("already offered"), "{second}");
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    assert!(place.path("local/echo").exists());
    let mut third = Connect::new(&place, &remote.pipe("echo"), &["--mode", "byte"]);
    third.says("offering");
    assert_eq!(echoed(&place, "local/echo", "Hello."), "Hello.");
}

#[test]
fn a_connection_that_cannot_work_is_refused_at_once() {
    let (place, remote) = place();
    place.write("wrong", "wrong");
    let connect = |more: &[&str]| {
        let folder = place.path("local").display().to_string();
        let arguments = ["connect", &remote.pipe("simple"), "--log", "off", "-u", "anna"];
        let mut command = place.standpipe(&[&arguments[..], more].concat());
        command.env("STANDPIPE_PIPES", folder);
        crate::support::seen(command, &place.path(""))
    };
    let refused = connect(&["--password-file", "wrong"]);
    assert!(refused.starts_with("exit 77") && refused.contains("log-on failed"), "{refused}");
    assert!(!place.path("local/simple").exists());
    let mixed = connect(&["--password-file", "secret", "--dotnet", "--mode", "message"]);
    assert!(mixed.starts_with("exit 64") && mixed.contains(".NET"), "{mixed}");
    let long = connect(&["--password-file", "secret", "--local", &"x".repeat(100)]);
    assert!(long.starts_with("exit 78") && long.contains("bytes"), "{long}");
}
