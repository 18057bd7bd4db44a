//! Unix: pipes are Unix-domain sockets, `SOCK_SEQPACKET` for messages and `SOCK_STREAM` for bytes.

mod acceptance;
#[cfg(target_os = "linux")]
mod diagnosis;
mod identity;
mod listener;
mod message_buffer;
mod native;
mod queue;
mod socket;

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[cfg(test)]
pub(crate) use listener::is_listening;
pub(crate) use listener::{
    Listener, SocketFile, file_of_socket, has_mode, owner_of_socket, user_who_listens,
};
pub(crate) use native::{open, wait};
pub(crate) use socket::Socket;

/// Has the runtime watch `fd`, which must not block.
fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    watch_for(fd, Interest::READABLE | Interest::WRITABLE)
}

#[expect(unsafe_code, reason = "tokio cannot see that the descriptor stays open; the type of `fd` can")]
fn watch_for(fd: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open, names the same description all its life, and `AsyncFd` owns it from here.
    unsafe { AsyncFd::register_with_interest(fd, interest) }.map_err(|error| error.into_parts().1)
}
