//! Whether a service has accepted a connection, or has left it in its queue of new clients.
//!
//! `connect` is done as soon as the connection is in the queue. A service that closes its listening socket
//! resets all that are still there, whatever was written to them.

#[cfg(target_os = "linux")]
use std::mem::size_of;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::RecvFlags;
#[cfg(target_os = "linux")]
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, netlink};

/// What has become of a new connection to which nothing was written yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acceptance {
    /// The service has accepted it; it may have closed it since.
    Accepted,
    /// It is in the queue.
    Queued,
    /// The service closed its listener without having accepted it.
    Reset,
    /// The system does not say whether it is accepted or in the queue.
    Unknown,
}

/// Asks the kernel about connections, for as long as one of them is waited for.
#[derive(Debug)]
pub(super) struct Question {
    #[cfg(target_os = "linux")]
    netlink: Option<OwnedFd>,
}

impl Question {
    /// A way to ask. That the system has none shows in the answers.
    pub(super) fn new() -> Self {
        #[cfg(target_os = "linux")]
        return Self { netlink: open().ok() };
        #[cfg(not(target_os = "linux"))]
        Self {}
    }

    /// What has become of `socket`, which does not block.
    pub(super) fn ask(&self, socket: &OwnedFd) -> Acceptance {
        match of_closed(socket) {
            Some(true) => Acceptance::Accepted,
            Some(false) => Acceptance::Reset,
            None => self.of_open(socket),
        }
    }

    #[cfg(target_os = "linux")]
    fn of_open(&self, socket: &OwnedFd) -> Acceptance {
        let peer = self.netlink.as_ref().and_then(|netlink| peer(netlink.as_fd(), socket.as_fd()).ok());
        match peer {
            // Only `accept` gives the other end an inode.
            Some(0) => Acceptance::Queued,
            Some(_) => Acceptance::Accepted,
            None => Acceptance::Unknown,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of_open(&self, _socket: &OwnedFd) -> Acceptance {
        Acceptance::Unknown
    }
}

/// Whether the service had accepted `socket`, when it has written to it, closed it or closed its listener;
/// `None` while it has done nothing. The system tells of a reset only once.
pub(super) fn of_closed(socket: &OwnedFd) -> Option<bool> {
    match rustix::net::recv(socket, &mut [0_u8; 1][..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok(_) => Some(true),
        // Nothing was written, so nothing can have been left unread by a service that had accepted.
        Err(Errno::CONNRESET) => Some(false),
        Err(_) => None,
    }
}

/// `SOCK_DIAG_BY_FAMILY`, a request and its answer.
#[cfg(target_os = "linux")]
const BY_FAMILY: u16 = 20;
#[cfg(target_os = "linux")]
const REQUEST: u16 = 1;
/// `UDIAG_SHOW_PEER`, and the attribute that comes of it.
#[cfg(target_os = "linux")]
const SHOW_PEER: u32 = 4;
#[cfg(target_os = "linux")]
const PEER: u16 = 2;
/// The bytes of `nlmsghdr`, of `unix_diag_req`, of `unix_diag_msg` and of `nlattr`.
#[cfg(target_os = "linux")]
const HEADER: usize = 16;
#[cfg(target_os = "linux")]
const QUESTION: usize = 24;
#[cfg(target_os = "linux")]
const ANSWER: usize = 16;
#[cfg(target_os = "linux")]
const ATTRIBUTE: usize = 4;

#[cfg(target_os = "linux")]
fn open() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let protocol = Some(netlink::SOCK_DIAG);
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
    // The kernel has the number 0, and is the only one who is heard.
    rustix::net::connect(&socket, &netlink::SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// The inode of the other end of a connected Unix socket, 0 while nobody has accepted it (`sock_diag(7)`).
#[cfg(target_os = "linux")]
fn peer(netlink: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    let inode = u32::try_from(rustix::fs::fstat(socket)?.st_ino).map_err(|_| Errno::OVERFLOW)?;
    rustix::net::send(netlink, &request(inode), SendFlags::empty())?;
    // The kernel answers before `send` is done.
    let mut answer = [0; 256];
    let (_, length) = rustix::net::recv(netlink, &mut answer[..], RecvFlags::DONTWAIT)?;
    parse(answer.get(..length).unwrap_or_default()).ok_or(Errno::BADMSG)
}

#[cfg(target_os = "linux")]
fn request(inode: u32) -> Vec<u8> {
    let length = (HEADER + QUESTION) as u32;
    let mut message = Vec::with_capacity(HEADER + QUESTION);
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    message.extend_from_slice(&REQUEST.to_ne_bytes());
    message.extend_from_slice(&[0; 8]); // sequence, port
    message.extend_from_slice(&[AddressFamily::UNIX.as_raw() as u8, 0, 0, 0]);
    // States (any), inode, what to show, and a cookie that fits every socket.
    for word in [u32::MAX, inode, SHOW_PEER, u32::MAX, u32::MAX] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
    message
}

/// The inode of the peer in the kernel's answer; `None` for anything else, such as an error.
#[cfg(target_os = "linux")]
fn parse(answer: &[u8]) -> Option<u32> {
    let short = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + size_of::<u16>())?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + size_of::<u32>())?.try_into().ok()?));
    if short(4)? != BY_FAMILY {
        return None;
    }
    let mut at = HEADER + ANSWER;
    loop {
        let (length, kind) = (usize::from(short(at)?), short(at + 2)?);
        if kind == PEER {
            return word(at + ATTRIBUTE);
        }
        // Attributes begin at multiples of four.
        at += length.max(ATTRIBUTE).next_multiple_of(4);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    fn connected(folder: &tempfile::TempDir) -> (UnixListener, OwnedFd) {
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let client = UnixStream::connect(&path).unwrap();
        client.set_nonblocking(true).unwrap();
        (listener, client.into())
    }

    #[test]
    fn a_connection_is_in_the_queue_until_it_is_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, client) = connected(&folder);
        let question = Question::new();
        assert_eq!(question.ask(&client), Acceptance::Queued);
        let (service, _) = listener.accept().unwrap();
        assert_eq!(question.ask(&client), Acceptance::Accepted);
        drop(listener);
        assert_eq!(question.ask(&client), Acceptance::Accepted);
        drop(service);
        assert_eq!(question.ask(&client), Acceptance::Accepted, "the service closed it");
    }

    #[test]
    fn a_listener_that_closes_resets_its_queue() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, client) = connected(&folder);
        drop(listener);
        assert_eq!(Question::new().ask(&client), Acceptance::Reset);
    }

    #[test]
    fn without_an_answer_only_a_reset_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, client) = connected(&folder);
        let nobody = Question { netlink: None };
        assert_eq!(nobody.ask(&client), Acceptance::Unknown);
        drop(listener);
        assert_eq!(nobody.ask(&client), Acceptance::Reset);
    }

    #[test]
    fn an_answer_that_ends_too_soon_or_is_an_error_says_nothing() {
        let mut answer = vec![0; HEADER + ANSWER];
        answer[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        answer.extend_from_slice(&[8, 0, 5, 0, 1, 2, 3, 4]);
        answer.extend_from_slice(&[8, 0, 2, 0]);
        answer.extend_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(parse(&answer), if cfg!(target_endian = "little") { Some(7) } else { None });
        for length in 0..answer.len() {
            assert_eq!(parse(&answer[..length]), None);
        }
        answer[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert_eq!(parse(&answer), None);
    }
}
