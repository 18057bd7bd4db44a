//! What differs between operating systems: local sockets.
//!
//! Both sides have the same names; the Windows one says *not yet supported* where it cannot do the work.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod imp;
#[cfg(windows)]
#[path = "windows.rs"]
mod imp;

pub(crate) use imp::{Listener, Socket, is_listening, owner_of_socket};

/// What came out of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A message or some bytes were appended to the buffer; a message may be empty.
    Data,
    /// The other end is closed and everything it wrote has been read.
    End,
}
