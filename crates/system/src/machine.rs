//! What is true of the whole machine.

use std::io;

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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_longest_path_of_a_socket_is_one_that_the_system_takes() {
        let folder = tempfile::tempdir().unwrap();
        let start = folder.path().as_os_str().len() + 1;
        let path = |length: usize| folder.path().join("x".repeat(length - start));
        assert!(UnixListener::bind(path(MAX_SOCKET_PATH)).is_ok());
        assert!(UnixListener::bind(path(MAX_SOCKET_PATH + 1)).is_err());
    }
}
