//! Windows: local pipes are not yet supported; everything says so.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use standpipe_system::user::User;
use tokio::net::TcpStream;

use crate::Mode;
use crate::connection::PipeError;
use crate::listener::ListenError;
use crate::platform::Received;

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "local pipes are not yet supported on Windows")
}

/// A connected local socket; there is none on Windows.
#[derive(Debug)]
pub(crate) struct Socket(Infallible);

impl Socket {
    pub(crate) fn connect(_path: &Path, _mode: Mode) -> io::Result<Socket> {
        Err(unsupported())
    }

    pub(crate) fn connect_to_owner(
        _path: &Path,
        _mode: Mode,
        _owners: Option<&[User]>,
    ) -> io::Result<Socket> {
        Err(unsupported())
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn connect_as_owner(_path: &Path, _mode: Mode, _owners: &[User]) -> io::Result<Socket> {
        Err(unsupported())
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn is_accepted(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn of_tcp(_stream: TcpStream) -> io::Result<Socket> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "TCP backends are not yet supported on Windows"))
    }

    pub(crate) fn peer_user(&self) -> io::Result<User> {
        match self.0 {}
    }

    pub(crate) fn was_reset(&self) -> bool {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn read_line(&self, _limit: usize) -> Result<Vec<u8>, PipeError> {
        match self.0 {}
    }

    pub(crate) fn mode(&self) -> Mode {
        match self.0 {}
    }

    pub(crate) fn poll_receive(
        &self,
        _cx: &mut Context<'_>,
        _buffer: &mut Vec<u8>,
        _limit: usize,
    ) -> Poll<Result<Received, PipeError>> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn receive(&self, _buffer: &mut Vec<u8>, _limit: usize) -> Result<Received, PipeError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn read_for_abort(&self, _buffer: &mut [u8]) -> Result<usize, PipeError> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn read(&self, _buffer: &mut [u8]) -> Result<usize, PipeError> {
        match self.0 {}
    }

    pub(crate) fn poll_send(
        &self,
        _cx: &mut Context<'_>,
        _data: &[u8],
        _sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn send(&self, _data: &[u8]) -> Result<(), PipeError> {
        match self.0 {}
    }

    pub(crate) fn is_of_this_user(&self) -> io::Result<bool> {
        match self.0 {}
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn hung_up(&self) -> Result<(), PipeError> {
        match self.0 {}
    }

    pub(crate) fn finish(&self) {
        match self.0 {}
    }

    pub(crate) fn try_send(&self, _data: &[u8], _sent: &mut usize) -> Result<bool, PipeError> {
        match self.0 {}
    }

    pub(crate) fn close(&self) {
        match self.0 {}
    }
}

/// A listening local socket; there is none on Windows.
#[derive(Debug)]
pub(crate) struct Listener(Infallible);

impl Listener {
    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn bind(path: &Path, _mode: Mode) -> Result<Listener, ListenError> {
        Err(ListenError::Io { path: path.to_owned(), action: "listen at", source: unsupported() })
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        match self.0 {}
    }

    pub(crate) fn mode(&self) -> Mode {
        match self.0 {}
    }

    pub(crate) fn path(&self) -> &Path {
        match self.0 {}
    }
}

pub(crate) fn is_listening(_path: &Path) -> bool {
    false
}

pub(crate) fn owner_of_socket(_path: &Path) -> Option<User> {
    None
}
