//! A process that others cannot look into, and that cannot do more than it needs.

use crate::platform;

/// Hides this process's memory and environment, in which it may have secrets, from other processes of the
/// same user, and keeps them out of core files. On Linux it is *not dumpable* from now on; elsewhere nothing
/// changes.
///
/// # Errors
///
/// Those of the system.
pub fn conceal() -> std::io::Result<()> {
    platform::conceal()
}

/// Hides the variables that this process was started with from whoever reads its environment in `/proc`, root
/// too. For this process and for those that it starts nothing changes. Elsewhere than on Linux, nothing
/// happens.
///
/// # Errors
///
/// There is a second thread already: it could read a variable meanwhile.
pub fn hide_environment() -> std::io::Result<()> {
    platform::hide_environment()
}

/// Gives up what a process does not need that answers the network and starts nothing, in all threads and for
/// good: to start a program, to become another user, to look into other processes, to mount, and to change
/// the machine. Nothing that it could start would gain rights (`no_new_privs`). Whether that was possible: it
/// is on Linux.
///
/// # Errors
///
/// The kernel has no seccomp, or forbids it.
pub fn confine() -> std::io::Result<bool> {
    platform::confine()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::process::Command;

    use rustix::process::{DumpableBehavior, dumpable_behavior};

    use super::*;

    /// Set for a process in which a test runs alone.
    const ALONE: &str = "STANDPIPE_TEST_ALONE";

    /// Whether a test runs alone in its process; else it is run so.
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn alone(test: &str) -> bool {
        if std::env::var_os(ALONE).is_some() {
            return true;
        }
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("concealment::tests::{test}")]);
        let ended = command.env(ALONE, "1").output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        assert!(String::from_utf8_lossy(&ended.stdout).contains("1 passed"));
        false
    }

    #[test]
    fn a_process_that_hides_is_not_dumpable() {
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
        conceal().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }

    #[test]
    fn a_process_with_threads_does_not_hide_its_variables() {
        std::thread::scope(|scope| {
            let (end, wait) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || wait.recv());
            assert!(hide_environment().is_err());
            drop(end);
        });
    }

    #[test]
    fn a_confined_process_starts_nothing_in_any_thread() {
        if !alone("a_confined_process_starts_nothing_in_any_thread") {
            return;
        }
        let (begin, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            wait.recv().unwrap();
            Command::new("true").status().map_err(|error| error.kind())
        });
        assert!(Command::new("true").status().unwrap().success());
        assert!(confine().unwrap());
        begin.send(()).unwrap();
        assert_eq!(other.join().unwrap().unwrap_err(), std::io::ErrorKind::PermissionDenied);
        assert!(Command::new("true").status().is_err());
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n"), "{status}");
        fs::read("/proc/self/stat").unwrap();
        std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    }
}
