//! Unix: pipes are Unix-domain sockets, `SOCK_SEQPACKET` for messages and `SOCK_STREAM` for bytes.

mod directory;
mod listener;
mod network;
mod private_file;
mod socket;

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub(crate) use directory::{check_shared_directory, default_directory, prepare_directory};
pub(crate) use listener::{Listener, is_listening, owner_of_socket};
pub(crate) use network::{host_name, is_exhausted, keep_alive, own_user};
pub(crate) use private_file::{
    FileIdentity, check_private, identity, is_settled, keep_owner, open_private, open_to_read, sync_folder_of,
};
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
