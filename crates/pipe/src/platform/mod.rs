//! What differs between operating systems: local sockets and who may read a file.
//!
//! Both sides have the same names; the Windows one says *not yet supported* where it cannot do the work.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod imp;
#[cfg(windows)]
#[path = "windows.rs"]
mod imp;

pub(crate) use imp::{
    FileIdentity, Listener, Socket, check_private, check_shared_directory, default_directory, host_name,
    identity, is_exhausted, is_listening, is_settled, keep_alive, keep_owner, open_private, open_to_read,
    own_user, owner_of_socket, prepare_directory, sync_folder_of,
};

/// What came out of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A message or some bytes were appended to the buffer; a message may be empty.
    Data,
    /// The other end is closed and everything it wrote has been read.
    End,
}
