//! Whether a service has accepted a connection, or has left it in its queue of new clients.
//!
//! `connect` is done as soon as the connection is in the queue. A service that closes its listening socket
//! resets all that are still there, whatever was written to them.

use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use rustix::net::RecvFlags;
#[cfg(target_os = "linux")]
use rustix::net::SendFlags;

#[cfg(target_os = "linux")]
use super::diagnosis;

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
        return Self { netlink: diagnosis::open().ok() };
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

/// The inode of the other end of a connected Unix socket, 0 while nobody has accepted it (`sock_diag(7)`).
#[cfg(target_os = "linux")]
fn peer(netlink: BorrowedFd<'_>, socket: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    let inode = u32::try_from(rustix::fs::fstat(socket)?.st_ino).map_err(|_| Errno::OVERFLOW)?;
    rustix::net::send(netlink, &diagnosis::request_about(inode), SendFlags::empty())?;
    // The kernel answers before `send` is done.
    let mut answer = [0; 256];
    let (_, length) = rustix::net::recv(netlink, &mut answer[..], RecvFlags::DONTWAIT)?;
    diagnosis::peer(answer.get(..length).unwrap_or_default()).ok_or(Errno::BADMSG)
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
}
