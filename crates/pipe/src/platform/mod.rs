//! What differs between operating systems: sockets on Unix, named pipes on Windows.
//!
//! Both sides have the same names; each says *not supported* where there is nothing that could do the work.

#[cfg(unix)]
#[path = "unix/mod.rs"]
mod imp;
#[cfg(windows)]
#[path = "windows/mod.rs"]
mod imp;

pub(crate) use imp::{
    Listener, Socket, SocketFile, file_of_socket, has_mode, open, owner_of_socket, user_who_listens, wait,
};

#[cfg(all(test, unix))]
pub(crate) use imp::is_listening;

/// What came out of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// A message or some bytes were appended to the buffer; a message may be empty.
    Data,
    /// The other end is closed and everything it wrote has been read.
    End,
}

/// Whether a native pipe is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// An instance waits for a client.
    #[cfg_attr(unix, allow(dead_code, reason = "there are no native pipes on Unix"))]
    Free,
    /// All instances are in use.
    Busy,
    /// Nobody offers it.
    Missing,
}
