//! One connected local pipe, from either end.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use standpipe_security::SecurityDescriptor;
use tokio::net::TcpStream;

use crate::Mode;
use crate::caller::Caller;
use crate::greeting::{self, GreetingError};
use crate::memory;
pub use crate::platform::Received;
use crate::platform::Socket;
use standpipe_system::user::User;

/// The longest message read unless another limit is set, in bytes.
pub const DEFAULT_MAX_MESSAGE: usize = 1024 * 1024;

/// How long connecting waits before it tries again while the service's queue of new connections is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(2);

/// What can go wrong with a connected pipe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PipeError {
    /// The message is longer than what is taken here. A message that was to be read is gone; the next one
    /// can be read.
    #[error("a message of {length} bytes is longer than the {limit} bytes that are taken here")]
    TooLong {
        /// The message's length in bytes.
        length: usize,
        /// The most bytes a message may have.
        limit: usize,
    },
    /// The other end is closed.
    #[error("the other end of the pipe is closed")]
    Closed,
    /// The way to the other end is gone, and nobody knows what became of the other end itself.
    #[error("the way to the other end of the pipe is gone: {reason}")]
    Lost {
        /// Why.
        reason: Arc<str>,
    },
    /// The call needs the other [`Mode`].
    #[error("the pipe is in {actual} mode, and this needs {needed} mode")]
    WrongMode {
        /// The pipe's mode.
        actual: Mode,
        /// The mode that was needed.
        needed: Mode,
    },
    /// The operating system refused.
    #[error("cannot {action} the pipe")]
    Io {
        /// `read from` or `write to`.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl PipeError {
    pub(crate) fn receive(source: io::Error) -> Self {
        Self::Io { action: "read from", source }
    }

    pub(crate) fn send(source: io::Error) -> Self {
        Self::Io { action: "write to", source }
    }

    #[cfg(unix)]
    pub(crate) fn would_block(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::WouldBlock)
    }
}

impl PipeError {
    /// What a user can do about it, when there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooLong { .. } => Some(
                "split the message, or raise the reader's limit; without privileges the kernel's \
                 net.core.wmem_max bounds the writer too",
            ),
            _ => None,
        }
    }
}

/// One connected pipe: what a service's listener accepted, or what connected to one.
///
/// Everything takes `&self`, so one task can read while another writes. Dropping it closes the pipe; what was
/// written before stays readable by the other end.
#[derive(Debug)]
pub struct PipeConnection {
    link: Link,
    max_message: usize,
    caller: Option<Caller>,
    descriptor: Option<Arc<SecurityDescriptor>>,
    guard: Guard,
}

/// What goes with a connection.
struct Guard(Option<Box<dyn Send + Sync>>);

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "some" } else { "none" })
    }
}

/// What carries it.
#[derive(Debug)]
enum Link {
    Socket(Socket),
    Memory(memory::End),
}

impl PipeConnection {
    pub(crate) fn new(socket: Socket, max_message: usize) -> Self {
        Self { link: Link::Socket(socket), max_message, caller: None, descriptor: None, guard: Guard(None) }
    }

    /// Takes a TCP connection, which carries bytes.
    pub(crate) fn of_tcp(stream: TcpStream) -> io::Result<Self> {
        Ok(Self::new(Socket::of_tcp(stream)?, DEFAULT_MAX_MESSAGE))
    }

    /// A connection whose other end is a socket for another process: `SOCK_SEQPACKET` in message mode,
    /// `SOCK_STREAM` in byte mode. That end blocks, as programs expect of their standard input.
    #[cfg(unix)]
    pub fn socketpair(mode: Mode) -> io::Result<(Self, std::os::fd::OwnedFd)> {
        let (ours, theirs) = Socket::pair(mode)?;
        Ok((Self::new(ours, DEFAULT_MAX_MESSAGE), theirs))
    }

    /// Drops `guard` when the connection is dropped, so that who made it knows.
    #[must_use]
    pub fn with_guard(mut self, guard: impl Send + Sync + 'static) -> Self {
        self.guard = Guard(Some(Box::new(guard)));
        self
    }

    /// Two ends within this process. A direction holds 256 KiB before its writer waits; a longer message
    /// passes by itself.
    pub fn pair(mode: Mode) -> (Self, Self) {
        let (one, other) = memory::pair(mode);
        let connection = |end| Self {
            link: Link::Memory(end),
            max_message: DEFAULT_MAX_MESSAGE,
            caller: None,
            descriptor: None,
            guard: Guard(None),
        };
        (connection(one), connection(other))
    }

    /// Says which security descriptor the service has put on its end of the pipe.
    #[must_use]
    pub fn with_descriptor(mut self, descriptor: Arc<SecurityDescriptor>) -> Self {
        self.descriptor = Some(descriptor);
        self
    }

    /// The security descriptor that the service has put on the pipe, where pipes carry one: on Windows, and
    /// in Wine.
    pub fn descriptor(&self) -> Option<&Arc<SecurityDescriptor>> {
        self.descriptor.as_ref()
    }

    #[must_use]
    pub(crate) fn with_caller(mut self, caller: Caller) -> Self {
        self.caller = Some(caller);
        self
    }

    /// Connects to the service that listens at `path`, which must carry the same mode. Waits while the
    /// service's queue of new connections is full.
    ///
    /// The errors of the operating system to tell apart are [`io::ErrorKind::NotFound`] and
    /// [`io::ErrorKind::ConnectionRefused`]: nobody listens.
    pub async fn connect(path: &Path, mode: Mode) -> io::Result<Self> {
        loop {
            match Self::try_connect(path, mode) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                connected => return connected,
            }
        }
    }

    /// Connects now; [`io::ErrorKind::WouldBlock`] when the service's queue of new connections is full.
    pub(crate) fn try_connect(path: &Path, mode: Mode) -> io::Result<Self> {
        Ok(Self::new(Socket::connect(path, mode)?, DEFAULT_MAX_MESSAGE))
    }

    /// Like [`Self::try_connect`], for a folder that somebody else can write to: only if the path is no link
    /// and the owner of its file is who listens, and one of `owners` where those are given; otherwise
    /// [`io::ErrorKind::PermissionDenied`].
    pub(crate) fn try_connect_to_owner(path: &Path, mode: Mode, owners: Option<&[User]>) -> io::Result<Self> {
        Ok(Self::new(Socket::connect_to_owner(path, mode, owners)?, DEFAULT_MAX_MESSAGE))
    }

    /// Like [`Self::try_connect_to_owner`], with the identity of the socket's owner where this process may
    /// take it. Waits until the service has accepted; [`io::ErrorKind::ConnectionReset`] when it closed its
    /// listener without.
    pub(crate) async fn connect_as_owner(path: &Path, mode: Mode, owners: &[User]) -> io::Result<Self> {
        let socket = Socket::connect_as_owner(path, mode, owners).await?;
        if socket.is_accepted().await {
            Ok(Self::new(socket, DEFAULT_MAX_MESSAGE))
        } else {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }

    /// Sets the longest message that [`Self::read_message`] takes, in bytes;
    /// [`DEFAULT_MAX_MESSAGE`] until then.
    #[must_use]
    pub fn with_max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// What it carries.
    pub fn mode(&self) -> Mode {
        match &self.link {
            Link::Socket(socket) => socket.mode(),
            Link::Memory(end) => end.mode(),
        }
    }

    /// The client that opened the pipe, where it is known: to a function in the server's process always, to
    /// another service after [`Self::introduced`].
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Takes the line in which the server says who opened the pipe, for a service that has asked for it
    /// ([`Backend::with_greeting`](crate::backend::Backend::with_greeting)); [`Self::caller`] knows it then.
    /// To be called before anything is read.
    ///
    /// Only root and the service's own user are believed. Whoever connects and says nothing is waited for, so
    /// this belongs into the client's own task and not between two calls of `accept`.
    pub async fn introduced(self) -> Result<Self, GreetingError> {
        let Link::Socket(socket) = &self.link else {
            return if self.caller.is_some() { Ok(self) } else { Err(GreetingError::Missing) };
        };
        let user = socket.peer_user().map_err(PipeError::receive)?;
        if !user.is_trusted() {
            return Err(GreetingError::Untrusted { user });
        }
        let line = match socket.mode() {
            Mode::Byte => socket.read_line(greeting::LIMIT).await?,
            Mode::Message => {
                let mut message = Vec::new();
                socket.receive(&mut message, greeting::LIMIT).await?;
                message
            }
        };
        let caller = greeting::parse(&line)?;
        Ok(self.with_caller(caller))
    }

    /// Reads one whole message, which may be empty; `None` when the other end is closed and everything it
    /// wrote was read.
    pub async fn read_message(&self) -> Result<Option<Vec<u8>>, PipeError> {
        let mut message = Vec::new();
        Ok(self.read_message_into(&mut message).await?.then_some(message))
    }

    /// Like [`Self::read_message`] into a buffer that can be used again: it is emptied first. `false` at the
    /// end.
    pub async fn read_message_into(&self, message: &mut Vec<u8>) -> Result<bool, PipeError> {
        self.require(Mode::Message)?;
        message.clear();
        let received = match &self.link {
            Link::Socket(socket) => socket.receive(message, self.max_message).await?,
            Link::Memory(end) => poll_fn(|cx| end.poll_receive(cx, message, self.max_message)).await?,
        };
        Ok(received == Received::Data)
    }

    /// Writes one message, which may be empty. It arrives whole or not at all.
    pub async fn write_message(&self, message: &[u8]) -> Result<(), PipeError> {
        self.require(Mode::Message)?;
        self.send(message).await
    }

    /// Reads at least one byte into `buffer`, and says how many; 0 when the other end is closed and
    /// everything it wrote was read.
    pub async fn read(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        self.require(Mode::Byte)?;
        match &self.link {
            Link::Socket(socket) => socket.read(buffer).await,
            Link::Memory(end) => poll_fn(|cx| end.poll_read(cx, buffer)).await,
        }
    }

    /// Like [`Self::read`] for one task alone, and keeps [`Self::abort`] able to tell the other end of an
    /// error, for which the kernel needs something that was not read: the last byte stays in the socket's
    /// queue until more is read, or the connection closes.
    pub async fn read_for_abort(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        self.require(Mode::Byte)?;
        match &self.link {
            Link::Socket(socket) => socket.read_for_abort(buffer).await,
            Link::Memory(_) => self.read(buffer).await,
        }
    }

    /// Writes all of `bytes`. Two tasks that do so at once may find theirs mixed.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<(), PipeError> {
        self.require(Mode::Byte)?;
        self.send(bytes).await
    }

    async fn send(&self, data: &[u8]) -> Result<(), PipeError> {
        match &self.link {
            Link::Socket(socket) => socket.send(data).await,
            Link::Memory(end) => {
                let mut sent = 0;
                poll_fn(|cx| end.poll_send(cx, data, &mut sent)).await
            }
        }
    }

    /// Says that nothing more will be written; reading goes on. A native pipe of Windows cannot say that: its
    /// other end notices once this one is dropped.
    pub fn finish(&self) {
        match &self.link {
            Link::Socket(socket) => socket.finish(),
            Link::Memory(end) => end.finish(),
        }
    }

    /// Whether the program that opened the pipe runs as this process's user, or may do everything anyway.
    pub fn is_of_this_user(&self) -> io::Result<bool> {
        match &self.link {
            Link::Socket(socket) => socket.is_of_this_user(),
            Link::Memory(_) => Ok(true),
        }
    }

    /// Waits until the other end is closed, not only for writing.
    pub async fn hung_up(&self) -> Result<(), PipeError> {
        match &self.link {
            Link::Socket(socket) => socket.hung_up().await,
            Link::Memory(end) => {
                poll_fn(|cx| end.poll_hung_up(cx)).await;
                Ok(())
            }
        }
    }

    /// Ends the pipe in [`PipeError::Lost`] for the other end, once that has read what was written: for who
    /// passes on what happens elsewhere. The other end of a socket sees it closed.
    pub fn lose(&self, reason: impl Into<Arc<str>>) {
        match &self.link {
            Link::Socket(socket) => socket.close(),
            Link::Memory(end) => end.lose(&reason.into()),
        }
    }

    /// Closes the pipe. What was written stays readable by the other end; what was not read here is lost.
    pub fn disconnect(self) {
        self.close();
    }

    /// Closes the pipe as something that broke: if the other end wrote something that was not read here
    /// ([`Self::read_for_abort`]), it sees an error (`ECONNRESET`) after what it still has to read, and
    /// otherwise the end.
    pub fn abort(self) {
        if let Link::Memory(end) = &self.link {
            end.close();
        }
        // A socket with something unread that closes without further words does the rest.
    }

    /// Like [`Self::disconnect`] while others still hold the connection: what waits for it ends.
    pub fn close(&self) {
        match &self.link {
            Link::Socket(socket) => socket.close(),
            Link::Memory(end) => end.close(),
        }
    }

    /// Whether the other end closed without reading everything it was sent. Known when the end has been read.
    pub fn was_reset(&self) -> bool {
        match &self.link {
            Link::Socket(socket) => socket.was_reset(),
            Link::Memory(end) => end.was_reset(),
        }
    }

    /// How much of what was written the other end has not read, as far as this machine holds it, in bytes: of
    /// a socket, with what the system keeps beside it.
    pub fn unread(&self) -> usize {
        match &self.link {
            Link::Socket(socket) => socket.unread(),
            Link::Memory(end) => end.unread(),
        }
    }

    /// How long the message is that [`Self::poll_receive`] would give, without taking it. `None` where that
    /// is not known: of bytes, at the end, on an error, and on Windows.
    pub fn poll_length(&self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        match &self.link {
            Link::Socket(socket) => socket.poll_length(cx),
            Link::Memory(end) => end.poll_length(cx),
        }
    }

    /// Appends a message or some bytes to `buffer`. One task at a time can wait here.
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<Received, PipeError>> {
        match &self.link {
            Link::Socket(socket) => socket.poll_receive(cx, buffer, self.max_message),
            Link::Memory(end) => end.poll_receive(cx, buffer, self.max_message),
        }
    }

    /// Writes what there is room for now; whether that was all of `data`, whose buffer may then be gone.
    /// `sent` starts at 0 and says what is done, for [`Self::poll_send`]. A native pipe of Windows takes the
    /// rest too and writes it as soon as it can, whether or not somebody waits for it.
    pub fn try_send(&self, data: &mut Vec<u8>, sent: &mut usize) -> Result<bool, PipeError> {
        match &self.link {
            Link::Socket(socket) => socket.try_send(data, sent),
            Link::Memory(end) => end.try_send_owned(data, sent),
        }
    }

    /// Writes all of `data`. One task at a time can wait here.
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        match &self.link {
            Link::Socket(socket) => socket.poll_send(cx, data, sent),
            Link::Memory(end) => end.poll_send(cx, data, sent),
        }
    }

    fn require(&self, needed: Mode) -> Result<(), PipeError> {
        let actual = self.mode();
        if actual == needed { Ok(()) } else { Err(PipeError::WrongMode { actual, needed }) }
    }
}
