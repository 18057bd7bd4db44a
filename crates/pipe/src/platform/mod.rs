//! What differs between operating systems: local sockets and who may read a file.
//!
//! Both sides have the same names; the Windows one says *not yet supported* where it cannot do the work.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod imp;
#[cfg(windows)]
#[path = "windows.rs"]
mod imp;

pub(crate) use imp::{Listener, Socket, default_directory, is_listening, prepare_directory};

/// What came out of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// A message or some bytes were appended to the buffer; a message may be empty.
    Data,
    /// The other end is closed and everything it wrote has been read.
    End,
}
