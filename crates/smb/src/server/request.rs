//! What a request is: its header and body, its place in a compound, and how it ended.

use super::DisconnectReason;
use super::state::{PendingId, WaitsFor};
use crate::NtStatus;
use crate::wire::{FileId, Header, Malformed};

/// A request with the session and the tree connect that it means.
pub(crate) struct Request<'a> {
    pub(crate) header: Header,
    /// The request from its header on, with its padding.
    pub(crate) message: &'a [u8],
    /// The session, taken from the request before if this one is related to it.
    pub(crate) session_id: u64,
    /// The tree connect, likewise.
    pub(crate) tree_id: u32,
    /// Its name, should it have to wait.
    pub(crate) id: PendingId,
    /// Whether it was encrypted.
    pub(crate) encrypted: bool,
    /// The length of what follows it in its compound, in bytes.
    pub(crate) following: usize,
    /// The request before, if this one is related to it.
    pub(crate) previous: Option<Previous>,
}

impl Request<'_> {
    /// The open that a request means: its own FileId or, in a related compound, that of the request before.
    pub(crate) fn file_id(&self, own: FileId) -> Result<FileId, NtStatus> {
        match self.previous {
            Some(previous) if own == FileId::ANY => previous.file?.ok_or(NtStatus::INVALID_HANDLE),
            _ => Ok(own),
        }
    }
}

/// What a related request takes over from the one before, [MS-SMB2] 3.3.5.2.7.2.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Previous {
    pub(crate) session_id: u64,
    pub(crate) tree_id: u32,
    /// The open that it made or used; its status when it failed.
    pub(crate) file: Result<Option<FileId>, NtStatus>,
    /// It had no session, or was itself related to nothing: nothing can be related to it.
    pub(crate) is_void: bool,
}

/// How far the requests of a message have been carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compound {
    /// The request before.
    pub(crate) previous: Option<Previous>,
    /// How many there were.
    pub(crate) requests: usize,
    /// The session with whose key the message was encrypted.
    pub(crate) encrypted_by: Option<u64>,
    /// Whether the message ids of the rest are used already.
    pub(crate) ids_used: bool,
}

impl Compound {
    /// The beginning of a message.
    pub(crate) fn new(encrypted_by: Option<u64>) -> Self {
        Self { previous: None, requests: 0, encrypted_by, ids_used: false }
    }
}

/// Where in a compound a request may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MayWait {
    /// Anywhere: it waits for a backend only, which answers by itself.
    Anywhere,
    /// At the end only: it waits for the service to write something, which may be never.
    AtTheEnd,
}

/// How a request ended that was carried out.
pub(crate) enum Done {
    /// The body of the reply was appended.
    Replied(NtStatus),
    /// The same, and related requests mean this open.
    RepliedOn(FileId, NtStatus),
    /// The reply comes later. Related requests mean this open.
    Waits(WaitsFor, FileId),
}

/// How a request ended that was not carried out.
pub(crate) enum Refused {
    /// The reply carries only a status.
    Status(NtStatus),
    /// The connection must be closed.
    Disconnect(DisconnectReason),
}

impl From<NtStatus> for Refused {
    fn from(status: NtStatus) -> Self {
        Self::Status(status)
    }
}

impl From<Malformed> for Refused {
    fn from(_: Malformed) -> Self {
        Self::Status(NtStatus::INVALID_PARAMETER)
    }
}

impl From<DisconnectReason> for Refused {
    fn from(reason: DisconnectReason) -> Self {
        Self::Disconnect(reason)
    }
}
