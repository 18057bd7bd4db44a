//! Requests that are not answered yet, [MS-SMB2] 3.3.4.2.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::{OpenId, WaitId};
use crate::NtStatus;
use crate::crypto::SessionKeys;
use crate::wire::{Command, FileId, Flags, Header};

/// Names a request until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PendingId(u64);

/// What a reply needs to know of its request.
#[derive(Clone)]
pub(super) struct ReplyTo {
    pub(super) command: Command,
    pub(super) message_id: u64,
    pub(super) credit_charge: u16,
    pub(super) credits_requested: u16,
    pub(super) session_id: u64,
    pub(super) tree_id: u32,
    pub(super) related: bool,
    /// The keys to sign with: those of a session whose requests are signed.
    pub(super) keys: Option<Arc<SessionKeys>>,
    /// The session whose key encrypts the reply, because the request was encrypted.
    pub(super) sealed: Option<u64>,
}

impl ReplyTo {
    /// The header of a reply; with an AsyncId when an interim reply has told it.
    pub(super) fn header(&self, status: NtStatus, credits: u16, async_id: Option<u64>) -> Header {
        let mut flags = Flags::RESPONSE;
        if self.related {
            flags = flags.with(Flags::RELATED);
        }
        if async_id.is_some() {
            flags = flags.with(Flags::ASYNC);
        }
        Header {
            credit_charge: self.credit_charge,
            status,
            command: self.command,
            credits,
            flags,
            next_command: 0,
            message_id: self.message_id,
            tree_or_async: async_id.unwrap_or_else(|| Header::tree_field(self.tree_id)),
            session_id: self.session_id,
        }
    }
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// A CREATE: for the backend to take the open.
    Open(OpenId),
    /// A READ: for data.
    Read(OpenId),
    /// A WRITE or FLUSH: for the backend to take what was written.
    Write(OpenId),
    /// A transceive: for the service's answer.
    Transceive(OpenId, FileId),
    /// FSCTL_PIPE_WAIT: for an instance of the pipe to listen.
    Wait(WaitId),
}

impl Operation {
    /// The open that it belongs to.
    pub(super) fn open(self) -> Option<OpenId> {
        match self {
            Operation::Open(open)
            | Operation::Read(open)
            | Operation::Write(open)
            | Operation::Transceive(open, _) => Some(open),
            Operation::Wait(_) => None,
        }
    }
}

/// What the elements of a related compound take over from the one before, [MS-SMB2] 3.3.5.2.7.2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Previous {
    pub(super) session_id: u64,
    pub(super) tree_id: u32,
    /// The open it made or used; its status when it failed.
    pub(super) file: Result<Option<FileId>, NtStatus>,
    /// It had no session, or was itself related to nothing: nothing can be related to it.
    pub(super) is_void: bool,
}

/// How far the elements of a message have been dispatched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    /// The element before.
    pub(super) previous: Option<Previous>,
    /// How many there were.
    pub(super) elements: usize,
    /// The session with whose key the message was encrypted.
    pub(super) sealed: Option<u64>,
    /// Whether the message ids of the rest are used already.
    pub(super) ids_used: bool,
}

impl Chain {
    /// The beginning of a message.
    pub(super) fn new(sealed: Option<u64>) -> Chain {
        Chain { previous: None, elements: 0, sealed, ids_used: false }
    }
}

/// The elements of a compound that follow a request which is not answered yet.
pub(super) struct Rest {
    pub(super) bytes: Vec<u8>,
    pub(super) chain: Chain,
}

/// A request that is not answered yet.
pub(super) struct Pending {
    pub(super) reply: ReplyTo,
    pub(super) operation: Operation,
    /// Told to the client by an interim reply.
    pub(super) async_id: Option<u64>,
    pub(super) rest: Option<Box<Rest>>,
}

/// All requests that are not answered yet.
#[derive(Default)]
pub(super) struct PendingTable {
    next: u64,
    entries: BTreeMap<PendingId, Pending>,
    /// When to tell the client that a request is pending, in order. Answered ones are skipped.
    interims: VecDeque<(Duration, PendingId)>,
}

impl PendingTable {
    /// A name for a request that may have to wait.
    pub(super) fn name(&mut self) -> PendingId {
        self.next += 1;
        PendingId(self.next)
    }

    /// Keeps a request; `interim_at` is when the client is to be told.
    pub(super) fn insert(&mut self, id: PendingId, pending: Pending, interim_at: Option<Duration>) {
        self.entries.insert(id, pending);
        if let Some(at) = interim_at {
            // Mostly the end: those with few credits are told before others that came earlier.
            let place = self.interims.partition_point(|(due, _)| *due <= at);
            self.interims.insert(place, (at, id));
        }
    }

    /// Takes a request out to answer it.
    pub(super) fn remove(&mut self, id: PendingId) -> Option<Pending> {
        let pending = self.entries.remove(&id);
        while self.interims.front().is_some_and(|(_, id)| !self.entries.contains_key(id)) {
            self.interims.pop_front();
        }
        pending
    }

    /// The elements that follow this request in its compound have to wait for it.
    pub(super) fn set_rest(&mut self, id: PendingId, rest: Rest) {
        if let Some(pending) = self.entries.get_mut(&id) {
            pending.rest = Some(Box::new(rest));
        }
    }

    /// The next request whose client has to be told by `now` that it is pending, with its new AsyncId.
    pub(super) fn next_interim(&mut self, now: Duration) -> Option<(&ReplyTo, u64)> {
        while let Some((at, id)) = self.interims.front().copied() {
            if at > now {
                return None;
            }
            self.interims.pop_front();
            if self.entries.contains_key(&id) {
                let pending = self.entries.get_mut(&id)?;
                pending.async_id = Some(id.0);
                return Some((&pending.reply, id.0));
            }
        }
        None
    }

    /// When the next interim reply is due.
    pub(super) fn interim_due(&self) -> Option<Duration> {
        self.interims.front().map(|(at, _)| *at)
    }

    /// The requests for which `matches` says yes.
    pub(super) fn find(&self, matches: impl Fn(&Pending) -> bool) -> Vec<PendingId> {
        self.entries.iter().filter(|(_, pending)| matches(pending)).map(|(id, _)| *id).collect()
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many of them wait for a pipe to come up.
    pub(super) fn waits(&self) -> usize {
        self.entries.values().filter(|pending| matches!(pending.operation, Operation::Wait(_))).count()
    }

    /// What this request waits for.
    pub(super) fn operation(&self, id: PendingId) -> Option<Operation> {
        self.entries.get(&id).map(|pending| pending.operation)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
