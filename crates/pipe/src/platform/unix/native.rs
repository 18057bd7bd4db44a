//! Native pipes, which Unix does not have.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::Socket;
use crate::platform::Presence;

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "only Windows has native pipes; here a pipe is a socket")
}

pub(crate) fn open(_path: &Path) -> io::Result<Socket> {
    Err(unsupported())
}

pub(crate) fn wait(_path: &Path, _wait: Duration) -> io::Result<Presence> {
    Err(unsupported())
}
