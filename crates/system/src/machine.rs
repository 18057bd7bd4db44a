//! What is true of the whole machine.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::platform;

/// The longest path that names a socket, in bytes: what `sun_path` holds before its final NUL.
pub const MAX_SOCKET_PATH: usize = platform::MAX_SOCKET_PATH;

/// This machine's name; empty when it has none that is text.
#[must_use]
pub fn host_name() -> String {
    platform::host_name()
}

/// Whether the system or this process ran out of something (memory, descriptors), so that a later attempt may
/// succeed.
#[must_use]
pub fn is_exhausted(error: &io::Error) -> bool {
    platform::is_exhausted(error)
}

/// How many files and connections this process may have open at once, and up to how many it may raise that;
/// `None` where there is no such limit.
#[must_use]
pub fn open_file_limits() -> Option<(u64, u64)> {
    platform::open_file_limits()
}

/// How many bytes this user may still write to the file system that holds `path`; `None` when that is not
/// known.
#[must_use]
pub fn free_space(path: &Path) -> Option<u64> {
    platform::free_space(path)
}

/// The lowest port that a user without privileges may listen on; `None` where every port is free for all.
#[must_use]
pub fn unprivileged_port_start() -> Option<u16> {
    platform::unprivileged_port_start()
}

/// How long this system itself waits for processes when it stops, by the names of the settings that say so.
#[must_use]
pub fn stop_limits() -> Vec<(&'static str, Duration)> {
    platform::stop_limits()
}

/// How much memory this process can use at most, in bytes: the lowest of the machine's, the limits of the
/// groups that it is in (cgroups, version 1 and 2), and its own limits on address space and data. `None`
/// where the system does not say, which is so on Windows.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    platform::memory_limit()
}

/// How many descriptors this process can have open now; at most a million.
#[must_use]
pub fn descriptor_limit() -> usize {
    platform::descriptor_limit()
}

/// Raises the limit on descriptors as far as the system allows, and gives what it was and what it is now.
///
/// The usual limit is low for the sake of programs that use `select`. Processes that this one starts should
/// get the old one back: [`first_descriptor_limit`].
pub fn raise_descriptor_limit() -> (usize, usize) {
    platform::raise_descriptor_limit()
}

/// The limit on descriptors before [`raise_descriptor_limit`] raised it; `None` if it did not.
#[must_use]
pub fn first_descriptor_limit() -> Option<u64> {
    platform::first_descriptor_limit()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn limits_of_this_machine_are_known() {
        let (now, most) = open_file_limits().unwrap();
        assert!(0 < now && now <= most);
        assert!(free_space(Path::new("/")).is_some());
        assert_eq!(free_space(Path::new("/surely/not/there")), None);
        assert!(unprivileged_port_start().is_some_and(|port| port <= 1024));
    }

    #[test]
    fn the_longest_path_of_a_socket_is_one_that_the_system_takes() {
        let folder = tempfile::tempdir().unwrap();
        let start = folder.path().as_os_str().len() + 1;
        let path = |length: usize| folder.path().join("x".repeat(length - start));
        assert!(UnixListener::bind(path(MAX_SOCKET_PATH)).is_ok());
        assert!(UnixListener::bind(path(MAX_SOCKET_PATH + 1)).is_err());
    }
}
