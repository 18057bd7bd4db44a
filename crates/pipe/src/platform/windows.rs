//! Windows: local pipes and private files are not yet supported; everything says so.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use tokio::net::TcpStream;

use crate::Mode;
use crate::accounts::AccountFileError;
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

    pub(crate) fn connect_to_owner(_path: &Path, _mode: Mode, _owners: Option<&[u32]>) -> io::Result<Socket> {
        Err(unsupported())
    }

    pub(crate) fn of_tcp(_stream: TcpStream) -> io::Result<Socket> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "TCP backends are not yet supported on Windows"))
    }

    pub(crate) fn peer_user(&self) -> io::Result<u32> {
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

    pub(crate) fn path(&self) -> &Path {
        match self.0 {}
    }
}

pub(crate) fn is_listening(_path: &Path) -> bool {
    false
}

pub(crate) fn owner_of_socket(_path: &Path) -> Option<u32> {
    None
}

pub(crate) fn own_user() -> u32 {
    0
}

pub(crate) fn default_directory(_variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    std::env::temp_dir()
}

pub(crate) fn prepare_directory(_directory: &Path) -> io::Result<()> {
    Err(unsupported())
}

pub(crate) fn check_shared_directory(_directory: &Path) -> io::Result<()> {
    Err(unsupported())
}

/// Tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity(());

pub(crate) fn identity(_found: &Metadata) -> FileIdentity {
    FileIdentity(())
}

pub(crate) fn is_settled(_found: &Metadata) -> bool {
    false
}

fn private_unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "private files are not yet supported on Windows")
}

pub(crate) fn check_private(path: &Path, _found: &Metadata) -> Result<(), AccountFileError> {
    Err(AccountFileError::Io {
        path: path.to_owned(),
        action: "check who can read",
        source: private_unsupported(),
    })
}

pub(crate) fn open_to_read(_path: &Path) -> io::Result<File> {
    Err(private_unsupported())
}

pub(crate) fn open_private(_path: &Path, _new: bool) -> io::Result<File> {
    Err(private_unsupported())
}

pub(crate) fn keep_owner(_new: &File, _old: &Metadata) -> io::Result<()> {
    Err(private_unsupported())
}

pub(crate) fn sync_folder_of(_path: &Path) -> io::Result<()> {
    Err(private_unsupported())
}

/// Windows' own settings stay as they are.
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
pub(crate) fn keep_alive(_stream: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// Whether the system or this process ran out of something, so that trying again later may help.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

/// This machine's name; empty when it has none that is text.
pub(crate) fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}
