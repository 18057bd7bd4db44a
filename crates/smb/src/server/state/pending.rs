//! Requests that are not answered yet, [MS-SMB2] 3.3.4.2, and what is held for them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Outputs;
use crate::NtStatus;
use crate::crypto::SessionKeys;
use crate::server::request::{Compound, MayWait, Request};
use crate::server::{Limits, OpenId, Output, WaitId};
use crate::wire::{Command, FileId, Flags, Header, TreeOrAsync};

/// About what a request takes until it is answered, beside the bytes that it carries.
const REQUEST: usize = 256;

/// For how many requests room is kept when none waits any more.
const KEPT: usize = 8;

/// Names a request until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PendingId(u64);

/// The parts of a request that its reply needs.
#[derive(Clone)]
pub(crate) struct ReplyTo {
    pub(crate) command: Command,
    pub(crate) message_id: u64,
    pub(crate) credit_charge: u16,
    pub(crate) credits_requested: u16,
    pub(crate) session_id: u64,
    pub(crate) tree_id: u32,
    pub(crate) related: bool,
    /// The keys to sign with, if the session's requests are signed.
    pub(crate) keys: Option<Arc<SessionKeys>>,
    /// The session whose key encrypts the reply, because the request was encrypted.
    pub(crate) encrypted_by: Option<u64>,
}

impl ReplyTo {
    /// The header of a reply; with an AsyncId if an interim reply carried it.
    pub(crate) fn header(&self, status: NtStatus, credits: u16, async_id: Option<u64>) -> Header {
        let mut flags = Flags::RESPONSE;
        if self.related {
            flags = flags.with(Flags::RELATED);
        }
        Header {
            credit_charge: self.credit_charge,
            status,
            command: self.command,
            credits,
            flags,
            next_command: 0,
            message_id: self.message_id,
            tree_or_async: async_id.map_or(TreeOrAsync::Tree(self.tree_id), TreeOrAsync::Async),
            session_id: self.session_id,
        }
    }
}

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    /// A CREATE: for the backend to take the open.
    Open(OpenId),
    /// A READ: for data.
    Read(OpenId),
    /// A WRITE or FLUSH: for the backend to take what was written.
    Write(OpenId),
    /// A transceive: for the service's answer.
    Transceive(OpenId, FileId),
    /// FSCTL_PIPE_WAIT: for the pipe to be listening.
    Pipe(WaitId),
}

impl WaitsFor {
    /// The open that it belongs to.
    pub(crate) fn open(self) -> Option<OpenId> {
        match self {
            Self::Open(open) | Self::Read(open) | Self::Write(open) | Self::Transceive(open, _) => Some(open),
            Self::Pipe(_) => None,
        }
    }
}

/// The requests of a compound that follow one which is not answered yet.
pub(crate) struct Rest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) compound: Compound,
}

/// A request that is not answered yet.
pub(crate) struct Pending {
    pub(crate) reply: ReplyTo,
    pub(crate) waits_for: WaitsFor,
    /// The AsyncId, if an interim reply carried it to the client.
    pub(crate) async_id: Option<u64>,
    pub(crate) rest: Option<Box<Rest>>,
}

/// All requests that are not answered yet.
pub(crate) struct PendingRequests {
    next: u64,
    /// In the order of their names. Mostly the newest is answered first, or there is only one.
    entries: VecDeque<(PendingId, Pending)>,
    /// When requests need an interim reply, in order. Answered ones are skipped.
    interims: VecDeque<(Duration, PendingId)>,
    /// Requests that failed while another was being carried out; they are answered after it.
    deferred: VecDeque<(PendingId, NtStatus)>,
    /// What backends have not taken yet, and the rest of compounds that wait, in bytes.
    backlog: usize,
    /// What the account's budget has room for, in bytes.
    room: usize,
    max_pending: usize,
    max_waits: usize,
    max_backlog: usize,
}

impl PendingRequests {
    /// None yet, and not more than these limits allow.
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            next: 0,
            entries: VecDeque::new(),
            interims: VecDeque::new(),
            deferred: VecDeque::new(),
            backlog: 0,
            room: usize::MAX,
            max_pending: limits.pending,
            max_waits: limits.waits,
            max_backlog: limits.write_backlog,
        }
    }

    /// How many bytes they take.
    pub(crate) fn held(&self) -> usize {
        self.backlog + self.entries.len() * REQUEST
    }

    /// Whether a request may wait, before it has done anything: there is room, and it is where it may.
    pub(crate) fn check_room(&self, request: &Request<'_>, may_wait: MayWait) -> Result<(), NtStatus> {
        if request.following > 0 && may_wait == MayWait::AtTheEnd {
            // What Windows answers when a request would wait before the end of its compound ([MS-SMB2] note
            // 266).
            return Err(NtStatus::INTERNAL_ERROR);
        }
        if self.entries.len() >= self.max_pending
            || self.backlog.saturating_add(request.following) > self.max_backlog
            || request.following.saturating_add(REQUEST) > self.room
        {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        Ok(())
    }

    /// Whether one more request may wait for a pipe to come up.
    pub(crate) fn check_room_for_wait(&self) -> Result<(), NtStatus> {
        let waits = self.entries.iter().filter(|(_, pending)| matches!(pending.waits_for, WaitsFor::Pipe(_)));
        if waits.count() >= self.max_waits { Err(NtStatus::INSUFFICIENT_RESOURCES) } else { Ok(()) }
    }

    /// Whether this many bytes more may wait for backends.
    pub(crate) fn check_room_for_bytes(&self, bytes: usize) -> Result<(), NtStatus> {
        if self.backlog.saturating_add(bytes) > self.max_backlog || bytes > self.room {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        Ok(())
    }

    /// Says what the account's budget has room for, before each request.
    pub(crate) fn set_room(&mut self, bytes: usize) {
        self.room = bytes;
    }

    /// Counts bytes that wait for a backend.
    pub(crate) fn hold(&mut self, bytes: usize) {
        self.backlog += bytes;
    }

    /// Counts bytes that wait no more.
    pub(crate) fn release(&mut self, bytes: usize) {
        self.backlog = self.backlog.saturating_sub(bytes);
    }

    /// Answers a request with a failure, once the request being carried out is answered.
    pub(crate) fn defer(&mut self, id: PendingId, status: NtStatus) {
        self.deferred.push_back((id, status));
    }

    /// The next request to be answered with a failure.
    pub(crate) fn next_deferred(&mut self) -> Option<(PendingId, NtStatus)> {
        self.deferred.pop_front()
    }

    /// Gives up the waits for a pipe that `matches` accepts; they end with `status`.
    pub(crate) fn end_waits(
        &mut self,
        outputs: &mut Outputs,
        status: NtStatus,
        matches: impl Fn(&ReplyTo) -> bool,
    ) {
        let gone = self.find(|Pending { reply, waits_for, .. }| {
            matches!(waits_for, WaitsFor::Pipe(_)) && matches(reply)
        });
        for id in gone {
            if let Some(WaitsFor::Pipe(wait)) = self.waits_for(id) {
                outputs.push(Output::CancelWait { wait });
            }
            self.defer(id, status);
        }
    }

    /// Forgets all of them, for the connection is closed.
    pub(super) fn clear(&mut self, outputs: &mut Outputs) {
        for id in self.find(|_| true) {
            if let Some(Pending { waits_for: WaitsFor::Pipe(wait), .. }) = self.remove(id) {
                outputs.push(Output::CancelWait { wait });
            }
        }
        self.deferred.clear();
        self.backlog = 0;
    }

    /// A name for a request that may have to wait.
    pub(crate) fn name(&mut self) -> PendingId {
        self.next += 1;
        PendingId(self.next)
    }

    /// Keeps a request; at `interim_at` the client gets an interim reply.
    pub(crate) fn insert(&mut self, id: PendingId, pending: Pending, interim_at: Option<Duration>) {
        let index = self.entries.partition_point(|(other, _)| *other < id);
        self.entries.insert(index, (id, pending));
        if let Some(at) = interim_at {
            // Mostly the end: clients with few credits get an early reply.
            let index = self.interims.partition_point(|(due, _)| *due <= at);
            self.interims.insert(index, (at, id));
        }
    }

    /// Takes a request out to answer it.
    pub(crate) fn remove(&mut self, id: PendingId) -> Option<Pending> {
        let (_, pending) = self.entries.remove(self.index(id)?)?;
        while self.interims.front().is_some_and(|(_, id)| self.index(*id).is_none()) {
            self.interims.pop_front();
        }
        if self.entries.is_empty() {
            self.entries.shrink_to(KEPT);
        }
        Some(pending)
    }

    fn index(&self, id: PendingId) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    fn get_mut(&mut self, id: PendingId) -> Option<&mut Pending> {
        let index = self.index(id)?;
        self.entries.get_mut(index).map(|(_, pending)| pending)
    }

    /// The requests that follow this one in its compound have to wait for it.
    pub(crate) fn set_rest(&mut self, id: PendingId, rest: Rest) {
        self.hold(rest.bytes.len());
        if let Some(pending) = self.get_mut(id) {
            pending.rest = Some(Box::new(rest));
        }
    }

    /// The next request that needs an interim reply by `now`, with its new AsyncId.
    pub(crate) fn next_interim(&mut self, now: Duration) -> Option<(&ReplyTo, u64)> {
        while let Some((at, id)) = self.interims.front().copied() {
            if at > now {
                return None;
            }
            self.interims.pop_front();
            if let Some(index) = self.index(id) {
                let (_, pending) = self.entries.get_mut(index)?;
                pending.async_id = Some(id.0);
                return Some((&pending.reply, id.0));
            }
        }
        None
    }

    /// When the next interim reply is due.
    pub(crate) fn interim_due(&self) -> Option<Duration> {
        self.interims.front().map(|(at, _)| *at)
    }

    /// The requests that `matches` accepts.
    pub(crate) fn find(&self, matches: impl Fn(&Pending) -> bool) -> Vec<PendingId> {
        self.entries.iter().filter(|(_, pending)| matches(pending)).map(|(id, _)| *id).collect()
    }

    /// What this request waits for.
    pub(crate) fn waits_for(&self, id: PendingId) -> Option<WaitsFor> {
        self.index(id).and_then(|index| self.entries.get(index)).map(|(_, pending)| pending.waits_for)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
