//! One connected local socket.

use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendFlags, Shutdown, SocketAddrUnix,
    SocketFlags, SocketType, sockopt,
};
use standpipe_security::SecurityDescriptor;
use standpipe_system::user::User;
use standpipe_transport::keep_alive::keep_alive;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use super::acceptance::{self, Acceptance, Question};
use super::identity;
use super::message_buffer::{LONGEST_MESSAGE, with_message_buffer};
use crate::Mode;
use crate::connection::PipeError;
use crate::platform::Received;

/// Asked of the kernel for messages on their way, in bytes: a message of 1 MiB and what the kernel adds.
/// Without the privilege to exceed `net.core.wmem_max` the kernel gives less.
const SEND_BUFFER: usize = 1024 * 1024 + 64 * 1024;

/// What the kernel keeps of a send buffer for itself when it decides how long a message can be, in bytes
/// (`unix_dgram_sendmsg`).
const SEND_BUFFER_RESERVE: usize = 32;

/// Messages or pieces of bytes that are dropped one by one when a socket is closed, at most, and how long
/// such a piece is.
const MAX_DISCARDED: usize = 256;
const DISCARDED_CHUNK: usize = 4096;

/// Bytes asked for at once in byte mode.
const CHUNK: usize = 64 * 1024;

/// How often a service that has not accepted yet is looked at at once, then after which pause, and after
/// which at most.
const ACCEPT_TURNS: u32 = 4;
const ACCEPT_PAUSE: Duration = Duration::from_millis(1);
const MAX_ACCEPT_PAUSE: Duration = Duration::from_millis(16);

/// How long a listener is watched where the system does not say whether it has accepted.
const UNKNOWN_GRACE: Duration = Duration::from_millis(20);

pub(super) fn socket_type(mode: Mode) -> SocketType {
    match mode {
        Mode::Message => SocketType::SEQPACKET,
        Mode::Byte => SocketType::STREAM,
    }
}

fn grow_send_buffer(fd: &OwnedFd) -> rustix::io::Result<()> {
    if sockopt::set_socket_send_buffer_size_force(fd, SEND_BUFFER).is_err() {
        sockopt::set_socket_send_buffer_size(fd, SEND_BUFFER)?;
    }
    Ok(())
}

/// A connection to the listener at `path`, which does not block.
pub(super) fn connected(path: &Path, mode: Mode) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, socket_type(mode), flags, None)?;
    rustix::net::connect(&fd, &SocketAddrUnix::new(path)?)?;
    Ok(fd)
}

/// The owner of the socket at `path`, which must not be a link.
pub(super) fn owner_of(path: &Path) -> io::Result<User> {
    let found = fs::symlink_metadata(path)?;
    if !found.file_type().is_socket() {
        return Err(denied("it is not a socket".to_owned()));
    }
    Ok(User::from_number(found.uid()))
}

fn denied(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// A connected socket that carries messages or bytes.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) fd: AsyncFd<OwnedFd>,
    mode: Mode,
    /// The other end closed without reading everything it was sent.
    reset: AtomicBool,
    /// The first byte in the queue was read before.
    kept: AtomicBool,
}

impl Socket {
    /// Connects to the listener at `path`. [`io::ErrorKind::WouldBlock`] means that its queue of new
    /// connections is full; there is nothing to wait on, so the caller has to try again.
    pub(crate) fn connect(path: &Path, mode: Mode) -> io::Result<Self> {
        Self::new(connected(path, mode)?, mode)
    }

    /// Like [`Self::connect`], but only to a socket, not through a link to one, and only if the owner of its
    /// file is who listens, and one of `owners` where those are given. The listener is known before the file
    /// could have been exchanged unnoticed: the kernel tells who called `listen`.
    pub(crate) fn connect_to_owner(path: &Path, mode: Mode, owners: Option<&[User]>) -> io::Result<Self> {
        let owner = owner_of(path)?;
        let socket = Self::connect(path, mode)?;
        socket.check_listener(owner, owners)?;
        Ok(socket)
    }

    /// Like [`Self::connect_to_owner`], and with the identity of the owner, who may let only themselves in. A
    /// process that may not act for others connects as itself.
    pub(crate) async fn connect_as_owner(path: &Path, mode: Mode, owners: &[User]) -> io::Result<Self> {
        let owner = owner_of(path)?;
        if owner == User::own() || !owners.contains(&owner) {
            return Self::connect_to_owner(path, mode, Some(owners));
        }
        let socket = match identity::connect_as(owner, path, mode).await {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Self::connect(path, mode)?,
            connected => Self::new(connected?, mode)?,
        };
        socket.check_listener(owner, Some(owners))?;
        Ok(socket)
    }

    fn check_listener(&self, owner: User, owners: Option<&[User]>) -> io::Result<()> {
        let listener = self.peer_user()?;
        if listener != owner {
            return Err(denied(format!("user {listener} listens at a socket of user {owner}")));
        }
        if owners.is_some_and(|owners| !owners.contains(&listener)) {
            return Err(denied(format!("user {listener}, who listens there, is not the service's user")));
        }
        Ok(())
    }

    /// Waits until the service has accepted this new connection, to which nothing was written yet, and says
    /// whether it has; otherwise its listener is closed. Where the system does not say it, a listener that is
    /// not closed within [`UNKNOWN_GRACE`] counts as one that has accepted.
    pub(crate) async fn is_accepted(&self) -> bool {
        let question = Question::new();
        let started = Instant::now();
        let mut pause = ACCEPT_PAUSE;
        for turn in 0_u32.. {
            match question.ask(self.fd.get_ref()) {
                Acceptance::Accepted => break,
                Acceptance::Reset => return false,
                Acceptance::Unknown if started.elapsed() >= UNKNOWN_GRACE => break,
                Acceptance::Unknown | Acceptance::Queued => {}
            }
            if turn < ACCEPT_TURNS {
                tokio::task::yield_now().await;
                continue;
            }
            // What the service does is noticed at once, and that it accepts only by asking again.
            if let Ok(accepted) = tokio::time::timeout(pause, self.has_stirred()).await {
                return accepted;
            }
            pause = (pause * 2).min(MAX_ACCEPT_PAUSE);
        }
        true
    }

    /// Waits until the other end writes or closes, and says whether somebody had accepted it. Takes nothing.
    async fn has_stirred(&self) -> bool {
        while let Ok(mut guard) = self.fd.readable().await {
            match acceptance::of_closed(self.fd.get_ref()) {
                Some(accepted) => return accepted,
                None => guard.clear_ready(),
            }
        }
        false
    }

    /// Takes a TCP connection, which carries bytes.
    pub(crate) fn of_tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        keep_alive(&stream)?;
        Self::new(stream.into_std()?.into(), Mode::Byte)
    }

    /// A socket and what it is connected to, for another process. The latter blocks.
    pub(crate) fn pair(mode: Mode) -> io::Result<(Self, OwnedFd)> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, socket_type(mode), flags, None)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        if mode == Mode::Message {
            grow_send_buffer(&theirs)?;
        }
        Ok((Self::new(ours, mode)?, theirs))
    }

    /// Sockets have no security descriptor.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same signature as on Windows")]
    pub(crate) fn descriptor(&self) -> io::Result<Option<SecurityDescriptor>> {
        Ok(None)
    }

    /// The user who connected to the listener that accepted this socket.
    pub(crate) fn peer_user(&self) -> io::Result<User> {
        Ok(User::from_number(sockopt::socket_peercred(self.fd.get_ref())?.uid.as_raw()))
    }

    /// Takes a connected socket that does not block.
    pub(super) fn new(fd: OwnedFd, mode: Mode) -> io::Result<Self> {
        if mode == Mode::Message {
            // With this every message arrives with its sender's credentials, and the end without: the only
            // way to tell an empty message from the end, since both have no bytes.
            sockopt::set_socket_passcred(&fd, true)?;
            grow_send_buffer(&fd)?;
        }
        Ok(Self { fd: super::watch(fd)?, mode, reset: AtomicBool::new(false), kept: AtomicBool::new(false) })
    }

    /// Whether the other end closed without reading everything it was sent. Known when the end has been read.
    pub(crate) fn was_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Appends a message of at most `limit` bytes, or in byte mode at least one and at most `limit` bytes.
    /// One task at a time can wait here.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<Result<Received, PipeError>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx)).map_err(PipeError::receive)?;
            match self.try_receive(buffer, limit) {
                Err(error) if error.would_block() => guard.clear_ready(),
                done => return Poll::Ready(done),
            }
        }
    }

    /// Like [`Self::poll_receive`] for any number of waiting tasks.
    pub(crate) async fn receive(&self, buffer: &mut Vec<u8>, limit: usize) -> Result<Received, PipeError> {
        loop {
            let mut guard = self.fd.readable().await.map_err(PipeError::receive)?;
            match self.try_receive(buffer, limit) {
                Err(error) if error.would_block() => guard.clear_ready(),
                done => return done,
            }
        }
    }

    /// Receives what is there now.
    fn try_receive(&self, buffer: &mut Vec<u8>, limit: usize) -> Result<Received, PipeError> {
        match self.mode {
            Mode::Message => self.try_receive_message(buffer, limit),
            Mode::Byte => self.try_receive_bytes(buffer, limit),
        }
    }

    fn try_receive_message(&self, buffer: &mut Vec<u8>, limit: usize) -> Result<Received, PipeError> {
        if limit > LONGEST_MESSAGE {
            return self.try_receive_message_of_any_length(buffer, limit);
        }
        with_message_buffer(|room| {
            let room = room.get_mut(..limit).unwrap_or_default();
            let Some(length) = self.receive_or_end(&mut [IoSliceMut::new(room)], RecvFlags::empty())? else {
                return Ok(Received::End);
            };
            let message = room.get(..length).ok_or(PipeError::TooLong { length, limit })?;
            buffer.extend_from_slice(message);
            Ok(Received::Data)
        })
    }

    /// Asks how long the message is before it takes it: one system call more, and no room for the longest.
    fn try_receive_message_of_any_length(
        &self,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Result<Received, PipeError> {
        let Some(length) = self.receive_or_end(&mut [], RecvFlags::PEEK)? else {
            return Ok(Received::End);
        };
        let room = if length > limit { 0 } else { length };
        buffer.reserve(room);
        loop {
            // The capacity may be larger than what was asked for, but there is only one message.
            let received = if room == 0 {
                let nowhere: &mut [u8] = &mut [];
                rustix::net::recv(self.fd.get_ref(), nowhere, RecvFlags::empty()).map(|_| ())
            } else {
                rustix::net::recv(self.fd.get_ref(), spare_capacity(buffer), RecvFlags::empty()).map(|_| ())
            };
            match received {
                Ok(()) if length > limit => return Err(PipeError::TooLong { length, limit }),
                Ok(()) => return Ok(Received::Data),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => {}
                Err(error) => return Err(PipeError::receive(error.into())),
            }
        }
    }

    /// The next message's length, which may be more than there is `room` for; `None` at the end.
    pub(super) fn receive_or_end(
        &self,
        room: &mut [IoSliceMut<'_>],
        flags: RecvFlags,
    ) -> Result<Option<usize>, PipeError> {
        let mut waited_for_reset = false;
        loop {
            // No room for control data: with CTRUNC the kernel tells that credentials came with the message.
            // Descriptors that somebody sends along are dropped.
            let mut control = RecvAncillaryBuffer::new(&mut []);
            match rustix::net::recvmsg(self.fd.get_ref(), room, &mut control, flags | RecvFlags::TRUNC) {
                Ok(received) if received.flags.contains(ReturnFlags::CTRUNC) => {
                    return Ok(Some(received.bytes));
                }
                // Told once, before what is still to be read, when the other end closed without reading
                // everything it was sent.
                Err(rustix::io::Errno::CONNRESET) if !waited_for_reset => {
                    waited_for_reset = true;
                    self.reset.store(true, Ordering::Relaxed);
                }
                Ok(_) | Err(rustix::io::Errno::CONNRESET) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(PipeError::receive(error.into())),
            }
        }
    }

    fn try_receive_bytes(&self, buffer: &mut Vec<u8>, limit: usize) -> Result<Received, PipeError> {
        // Into the room that is there; only a buffer without any grows.
        if buffer.capacity() == buffer.len() {
            buffer.reserve_exact(limit.clamp(1, CHUNK));
        }
        match rustix::net::recv(self.fd.get_ref(), spare_capacity(buffer), RecvFlags::empty()) {
            Ok((0, _)) => Ok(Received::End),
            Err(rustix::io::Errno::CONNRESET) => {
                self.reset.store(true, Ordering::Relaxed);
                Ok(Received::End)
            }
            Ok(_) => Ok(Received::Data),
            Err(error) => Err(PipeError::receive(error.into())),
        }
    }

    /// Reads bytes into `buffer`; 0 at the end.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        loop {
            let mut guard = self.fd.readable().await.map_err(PipeError::receive)?;
            match rustix::net::recv(self.fd.get_ref(), &mut *buffer, RecvFlags::empty()) {
                Ok((length, _)) => return Ok(length),
                Err(rustix::io::Errno::CONNRESET) => return Ok(0),
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(error) => return Err(PipeError::receive(error.into())),
            }
        }
    }

    /// Like [`Self::read`] for one task alone, but leaves the last byte in the queue, and takes it with the
    /// next.
    pub(crate) async fn read_for_abort(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        loop {
            let mut guard = self.fd.readable().await.map_err(PipeError::receive)?;
            let is_end = guard.ready().is_read_closed();
            let kept = usize::from(self.kept.load(Ordering::Relaxed));
            let mut before = [0; 1];
            let mut room = [IoSliceMut::new(&mut before[..kept]), IoSliceMut::new(buffer)];
            let mut control = RecvAncillaryBuffer::new(&mut []);
            match rustix::net::recvmsg(self.fd.get_ref(), &mut room, &mut control, RecvFlags::PEEK) {
                Ok(seen) if seen.bytes > kept => {
                    let mut taken = vec![0; seen.bytes - 1];
                    if !taken.is_empty() {
                        rustix::net::recv(self.fd.get_ref(), &mut taken[..], RecvFlags::empty())
                            .map_err(|error| PipeError::receive(error.into()))?;
                    }
                    self.kept.store(true, Ordering::Relaxed);
                    return Ok(seen.bytes - kept);
                }
                // With one byte left the end is not seen by reading.
                Ok(_) if is_end || kept == 0 => return Ok(0),
                Err(rustix::io::Errno::CONNRESET) => return Ok(0),
                Ok(_) | Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(error) => return Err(PipeError::receive(error.into())),
            }
        }
    }

    /// Reads bytes up to and with the next line feed, or up to the end or `limit`, and nothing beyond.
    pub(crate) async fn read_line(&self, limit: usize) -> Result<Vec<u8>, PipeError> {
        let mut line = Vec::new();
        let mut seen = [0; 1024];
        while !line.ends_with(b"\n") && line.len() < limit {
            let room = seen.len().min(limit - line.len());
            let mut guard = self.fd.readable().await.map_err(PipeError::receive)?;
            let found = match rustix::net::recv(self.fd.get_ref(), &mut seen[..room], RecvFlags::PEEK) {
                Ok((0, _)) | Err(rustix::io::Errno::CONNRESET) => break,
                Ok((length, _)) => &seen[..length],
                Err(rustix::io::Errno::AGAIN) => {
                    guard.clear_ready();
                    continue;
                }
                Err(error) => return Err(PipeError::receive(error.into())),
            };
            let wanted = found.iter().position(|byte| *byte == b'\n').map_or(found.len(), |at| at + 1);
            let taken = rustix::net::recv(self.fd.get_ref(), &mut seen[..wanted], RecvFlags::empty());
            let (taken, _) = taken.map_err(|error| PipeError::receive(error.into()))?;
            line.extend_from_slice(&seen[..taken]);
        }
        Ok(line)
    }

    /// Sends all of `data` (in message mode as one message). `sent` starts at 0 and counts what is done, so
    /// that byte mode goes on where it stopped. One task at a time can wait here.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        // Sending nearly always finds room, so it is tried before readiness is asked for.
        while !self.try_send(data, sent)? {
            ready!(self.fd.poll_write_ready(cx)).map_err(PipeError::send)?.clear_ready();
        }
        Poll::Ready(Ok(()))
    }

    /// Like [`Self::poll_send`] for any number of waiting tasks.
    pub(crate) async fn send(&self, data: &[u8]) -> Result<(), PipeError> {
        let mut sent = 0;
        while !self.try_send(data, &mut sent)? {
            self.fd.writable().await.map_err(PipeError::send)?.clear_ready();
        }
        Ok(())
    }

    /// Sends what there is room for; whether that was everything.
    pub(crate) fn try_send(&self, data: &[u8], sent: &mut usize) -> Result<bool, PipeError> {
        if self.mode == Mode::Byte && data.is_empty() {
            return Ok(true);
        }
        loop {
            match rustix::net::send(self.fd.get_ref(), &data[*sent..], SendFlags::NOSIGNAL) {
                Ok(taken) => {
                    *sent += taken;
                    if *sent == data.len() {
                        return Ok(true);
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(false),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET | rustix::io::Errno::NOTCONN) => {
                    return Err(PipeError::Closed);
                }
                Err(rustix::io::Errno::MSGSIZE) => {
                    let buffer = sockopt::socket_send_buffer_size(self.fd.get_ref()).unwrap_or(0);
                    let limit = buffer.saturating_sub(SEND_BUFFER_RESERVE);
                    return Err(PipeError::TooLong { length: data.len(), limit });
                }
                Err(error) => return Err(PipeError::send(error.into())),
            }
        }
    }

    /// Whether the program that connected runs as this process's user or as root.
    pub(crate) fn is_of_this_user(&self) -> io::Result<bool> {
        Ok(self.peer_user()?.is_trusted())
    }

    /// Waits until the other end is closed, not only for writing.
    pub(crate) async fn hung_up(&self) -> Result<(), PipeError> {
        // Watched a second time, as readiness to write is taken back here, which others may wait for.
        let fd = self.fd.get_ref().try_clone().map_err(PipeError::receive)?;
        let fd = super::watch_for(fd, Interest::WRITABLE).map_err(PipeError::receive)?;
        loop {
            let mut guard = fd.writable().await.map_err(PipeError::receive)?;
            if guard.ready().is_write_closed() {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    /// Says to the other end that nothing more comes. What was sent stays readable.
    pub(crate) fn finish(&self) {
        // Fails only when the other end is gone already, which says the same.
        let _ = rustix::net::shutdown(self.fd.get_ref(), Shutdown::Write);
    }

    /// Ends both directions, which wakes whoever waits here, and drops what was not read. What was sent stays
    /// readable by the other end.
    pub(crate) fn close(&self) {
        let _ = rustix::net::shutdown(self.fd.get_ref(), Shutdown::Both);
        // A socket that goes with something unread makes the other end see a reset: of messages before those
        // that were sent to it, of bytes instead of the end. After the shutdown no more can come.
        let mut nowhere = [0; DISCARDED_CHUNK];
        for _ in 0..MAX_DISCARDED {
            let was_something = match self.mode {
                // An empty message is one as well.
                Mode::Message => {
                    self.receive_or_end(&mut [], RecvFlags::empty()).is_ok_and(|one| one.is_some())
                }
                Mode::Byte => rustix::net::recv(self.fd.get_ref(), &mut nowhere[..], RecvFlags::TRUNC)
                    .is_ok_and(|(_, length)| length > 0),
            };
            if !was_something {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_abort_is_an_error_to_a_program_that_has_written_and_closing_is_not() {
        for aborts in [true, false] {
            let (ours, theirs) = Socket::pair(Mode::Byte).unwrap();
            let mut read = Vec::new();
            for written in [&b"a"[..], b"bcd", b"efgh"] {
                rustix::net::send(&theirs, written, SendFlags::NOSIGNAL).unwrap();
                let until = read.len() + written.len();
                while read.len() < until {
                    let mut buffer = [0; 3];
                    let length = ours.read_for_abort(&mut buffer).await.unwrap();
                    read.extend_from_slice(&buffer[..length]);
                }
            }
            assert_eq!(read, b"abcdefgh");
            let silence =
                tokio::time::timeout(Duration::from_millis(20), ours.read_for_abort(&mut [0; 3])).await;
            assert!(silence.is_err(), "what was read is not read again");
            ours.try_send(b"last", &mut 0).unwrap();
            if !aborts {
                ours.close();
            }
            drop(ours);
            let mut heard = [0; 100];
            let (length, _) = rustix::net::recv(&theirs, &mut heard[..], RecvFlags::empty()).unwrap();
            assert_eq!(&heard[..length], b"last");
            let end =
                rustix::net::recv(&theirs, &mut heard[..], RecvFlags::empty()).map(|(_, length)| length);
            assert_eq!(end, if aborts { Err(rustix::io::Errno::CONNRESET) } else { Ok(0) });
        }
    }

    #[tokio::test]
    async fn the_end_is_seen_behind_the_byte_that_was_left() {
        let (ours, theirs) = Socket::pair(Mode::Byte).unwrap();
        rustix::net::send(&theirs, b"text", SendFlags::NOSIGNAL).unwrap();
        let mut buffer = [0; 10];
        assert_eq!(ours.read_for_abort(&mut buffer).await.unwrap(), 4);
        rustix::net::send(&theirs, b"more", SendFlags::NOSIGNAL).unwrap();
        drop(theirs);
        assert_eq!(ours.read_for_abort(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"more");
        assert_eq!(ours.read_for_abort(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn bytes_written_before_closing_come_without_a_reset_whatever_was_unread() {
        let (ours, theirs) = Socket::pair(Mode::Message).unwrap();
        for message in [&b""[..], b"unread", b"", b"unread"] {
            rustix::net::send(&theirs, message, SendFlags::NOSIGNAL).unwrap();
        }
        assert!(ours.try_send(b"last words", &mut 0).unwrap());
        ours.close();
        drop(ours);
        let mut heard = [0; 100];
        let (length, _) = rustix::net::recv(&theirs, &mut heard[..], RecvFlags::empty()).unwrap();
        assert_eq!(&heard[..length], b"last words");
    }
}
