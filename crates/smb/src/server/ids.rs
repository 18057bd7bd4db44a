//! The names by which the shell and a connection speak of opens, waits and sessions.

/// Names one open of a pipe within its connection. It is the volatile half of the protocol's FileId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenId(pub(crate) u64);

/// Names one request to wait for a pipe within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitId(pub(crate) u64);

/// Names one session, over all connections of a server: the shell sees to it that no two have one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl SessionId {
    /// The session of this name in messages ([MS-SMB2] 2.2.1.2 *SessionId*).
    #[must_use]
    pub fn from_wire(id: u64) -> SessionId {
        SessionId(id)
    }
}
