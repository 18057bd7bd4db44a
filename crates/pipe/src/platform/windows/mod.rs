//! Windows: pipes are named pipes of the system.

mod client;
mod end;
mod listener;
mod operation;
mod tcp;

#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use standpipe_security::SecurityDescriptor;
use standpipe_system::user::User;
use tokio::net::TcpStream;

pub(crate) use self::client::{open, wait};
use self::end::PipeEnd;
pub(crate) use self::listener::Listener;
use self::tcp::TcpEnd;
use crate::Mode;
use crate::connection::PipeError;
use crate::platform::{Presence, Received};

/// One end of a named pipe, or a TCP connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Pipe(Box<PipeEnd>),
    Tcp(TcpEnd),
}

impl Socket {
    fn pipe(end: PipeEnd) -> Self {
        Self::Pipe(Box::new(end))
    }

    /// Opens the pipe `path`, which must carry this mode.
    pub(crate) fn connect(path: &Path, mode: Mode) -> io::Result<Self> {
        let socket = open(path)?;
        if socket.mode() == mode {
            return Ok(socket);
        }
        let actual = socket.mode();
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("the pipe is in {actual} mode, not in {mode} mode"),
        ))
    }

    pub(crate) fn connect_to_owner(_path: &Path, _mode: Mode, _owners: Option<&[User]>) -> io::Result<Self> {
        let text = "there are no sockets in folders on Windows: a pipe has a name only";
        Err(io::Error::new(io::ErrorKind::Unsupported, text))
    }

    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn connect_as_owner(path: &Path, mode: Mode, owners: &[User]) -> io::Result<Self> {
        Self::connect_to_owner(path, mode, Some(owners))
    }

    /// A client's end of a pipe belongs to one of the service's instances from the beginning.
    #[expect(clippy::unused_async, reason = "the same signature as on Unix")]
    pub(crate) async fn is_accepted(&self) -> bool {
        true
    }

    pub(crate) fn of_tcp(stream: TcpStream) -> io::Result<Self> {
        TcpEnd::new(stream).map(Self::Tcp)
    }

    /// The security descriptor that the service has put on the pipe.
    pub(crate) fn descriptor(&self) -> io::Result<Option<SecurityDescriptor>> {
        match self {
            Self::Pipe(end) => end.handle().map_or(Ok(None), |handle| client::descriptor(&handle)),
            Self::Tcp(_) => Ok(None),
        }
    }

    /// The user who opened the pipe that the listener accepted.
    pub(crate) fn peer_user(&self) -> io::Result<User> {
        let unknown = |text: &str| io::Error::new(io::ErrorKind::Unsupported, text.to_owned());
        match self {
            Self::Pipe(end) => {
                let handle = end.handle().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected))?;
                client::user_of_client(&handle)
            }
            Self::Tcp(_) => Err(unknown("nobody knows the user at the other end of a TCP connection")),
        }
    }

    /// Whether the other end went without reading everything it was sent, as far as that is known: a pipe
    /// tells only of what it had no room for.
    pub(crate) fn was_reset(&self) -> bool {
        match self {
            Self::Pipe(end) => end.was_reset(),
            Self::Tcp(end) => end.was_reset(),
        }
    }

    /// Reads bytes up to and with the next line feed, or up to the end or `limit`, and nothing beyond.
    pub(crate) async fn read_line(&self, limit: usize) -> Result<Vec<u8>, PipeError> {
        match self {
            Self::Pipe(end) => {
                let mut line = Vec::new();
                poll_fn(|cx| end.poll_line(cx, &mut line, limit)).await?;
                Ok(line)
            }
            Self::Tcp(end) => end.read_line(limit).await,
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        match self {
            Self::Pipe(end) => end.mode(),
            Self::Tcp(_) => Mode::Byte,
        }
    }

    /// What a pipe of Windows holds is taken from its own quota.
    #[expect(clippy::unused_self, reason = "the same signature as on Unix")]
    pub(crate) fn unread(&self) -> usize {
        0
    }

    /// Known on Unix only.
    #[expect(clippy::unused_self, reason = "the same signature as on Unix")]
    pub(crate) fn poll_length(&self, _cx: &mut Context<'_>) -> Poll<Option<usize>> {
        Poll::Ready(None)
    }

    /// Appends a message of at most `limit` bytes, or in byte mode at least one and at most `limit` bytes.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<Result<Received, PipeError>> {
        match self {
            Self::Pipe(end) => end.poll_receive(cx, buffer, limit),
            Self::Tcp(end) => end.poll_receive(cx, buffer, limit),
        }
    }

    /// Like [`Self::poll_receive`].
    pub(crate) async fn receive(&self, buffer: &mut Vec<u8>, limit: usize) -> Result<Received, PipeError> {
        poll_fn(|cx| self.poll_receive(cx, buffer, limit)).await
    }

    /// Reads bytes into `buffer`; 0 at the end.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        match self {
            Self::Pipe(end) => {
                let mut bytes = Vec::new();
                let limit = buffer.len();
                poll_fn(|cx| end.poll_receive(cx, &mut bytes, limit)).await?;
                buffer.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
                Ok(bytes.len())
            }
            Self::Tcp(end) => end.read(buffer).await,
        }
    }

    /// As [`Self::read`]: nothing that was left unread would be told to the other end of a pipe.
    pub(crate) async fn read_for_abort(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        self.read(buffer).await
    }

    /// Sends all of `data` (in message mode as one message). `sent` starts at 0 and belongs to the socket.
    /// One task at a time can wait here.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        match self {
            Self::Pipe(end) => end.poll_send(cx, data, sent),
            Self::Tcp(end) => end.poll_send(cx, data, sent),
        }
    }

    /// Like [`Self::poll_send`] for any number of waiting tasks.
    pub(crate) async fn send(&self, data: &[u8]) -> Result<(), PipeError> {
        match self {
            Self::Pipe(end) => end.send(data).await,
            Self::Tcp(end) => end.send(data).await,
        }
    }

    /// Sends what there is room for; whether that was everything. A pipe takes the rest too and writes it
    /// when it can.
    pub(crate) fn try_send(&self, data: &[u8], sent: &mut usize) -> Result<bool, PipeError> {
        match self {
            Self::Pipe(end) => end.try_send(data, sent),
            Self::Tcp(end) => end.try_send(data, sent),
        }
    }

    /// Whether the program that connected runs as this process's user or may do everything anyway.
    pub(crate) fn is_of_this_user(&self) -> io::Result<bool> {
        Ok(self.peer_user()?.is_trusted())
    }

    /// Waits until the other end is closed; of a pipe, until everything is read too.
    pub(crate) async fn hung_up(&self) -> Result<(), PipeError> {
        match self {
            Self::Pipe(end) => {
                end.hung_up().await;
                Ok(())
            }
            Self::Tcp(end) => end.hung_up().await,
        }
    }

    /// Says to the other end that nothing more comes. A named pipe cannot say that: it is closed in both
    /// directions or in none, so its other end notices once this one is dropped.
    pub(crate) fn finish(&self) {
        if let Self::Tcp(end) = self {
            end.finish();
        }
    }

    /// Ends both directions, which wakes whoever waits here. What was sent stays readable by the other end.
    pub(crate) fn close(&self) {
        match self {
            Self::Pipe(end) => end.close(),
            Self::Tcp(end) => end.close(),
        }
    }
}

/// Whether somebody offers the pipe `path`.
pub(crate) fn is_listening(path: &Path) -> bool {
    wait(path, Duration::ZERO).is_ok_and(|presence| presence != Presence::Missing)
}

/// Whether somebody offers the pipe `path`; its mode is known to whoever opens it.
///
/// # Errors
/// When nobody does.
pub(crate) fn has_mode(path: &Path, _mode: Mode) -> io::Result<bool> {
    if is_listening(path) { Ok(true) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// A pipe's name belongs to nobody.
///
/// # Errors
/// Always.
pub(crate) fn owner_of_socket(_path: &Path) -> io::Result<User> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A pipe's name belongs to nobody.
pub(crate) fn user_who_listens(_path: &Path) -> Option<User> {
    None
}

/// Pipes are no files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketFile;

/// Pipes are no files.
pub(crate) fn file_of_socket(_path: &Path) -> Option<SocketFile> {
    None
}
