//! The ids of opens, waits and sessions, which the shell and a connection share.

/// Names one open of a pipe within its connection. It is the volatile half of the protocol's FileId.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenId(pub(crate) u64);

impl OpenId {
    /// The open of this name in messages ([MS-SMB2] 2.2.14.1 *Volatile*).
    #[must_use]
    pub fn from_wire(id: u64) -> Self {
        Self(id)
    }
}

/// Names one request to wait for a pipe within its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitId(pub(crate) u64);

/// Names one session, over all connections of a server: the shell makes sure that no two share a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl SessionId {
    /// The session of this name in messages ([MS-SMB2] 2.2.1.2 *SessionId*).
    #[must_use]
    pub fn from_wire(id: u64) -> Self {
        Self(id)
    }
}
