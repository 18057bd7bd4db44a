//! There is no control socket on Windows yet.

use std::io;
use std::path::Path;

use tokio::io::DuplexStream;

/// The listening end, which never is.
#[derive(Debug)]
pub(crate) enum Listener {}

impl Listener {
    /// Says that it cannot.
    pub(crate) fn bind(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never called.
    #[expect(clippy::unused_async, reason = "the same name on every system")]
    pub(crate) async fn accept(&self) -> io::Result<Option<DuplexStream>> {
        match *self {}
    }
}

/// Says that it cannot.
#[expect(clippy::unused_async, reason = "the same name on every system")]
pub(crate) async fn connect(_: &Path) -> io::Result<DuplexStream> {
    Err(io::ErrorKind::Unsupported.into())
}
