//! Answering requests that had to wait, and giving them up, [MS-SMB2] 3.3.4.2 and 3.3.5.16.

use alloc::vec::Vec;

use super::connection::Connection;
use super::pending::{Operation, Pending, PendingId};
use super::pipe_end::Writer;
use super::session::Session;
use super::{DisconnectReason, Event, Now, Output};
use crate::NtStatus;
use crate::crypto::Sender;
use crate::wire::{Flags, Header, encode_error};

impl Connection {
    /// Answers a pending request with a failure, once the request being dispatched is answered.
    pub(super) fn defer(&mut self, id: PendingId, status: NtStatus) {
        self.deferred.push_back((id, status));
    }

    /// Answers what was deferred.
    pub(super) fn settle(&mut self, now: Now) {
        while let Some((id, status)) = self.deferred.pop_front() {
            self.complete(now, id, status, encode_error);
        }
    }

    /// Answers a pending request, and goes on with the compound it is part of.
    pub(super) fn complete(
        &mut self,
        now: Now,
        id: PendingId,
        status: NtStatus,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(pending) = self.pending.remove(id) else {
            return;
        };
        body(self.begin_completion(&pending));
        self.end_completion(now, pending, status);
    }

    /// Begins the answer to a pending request and gives the buffer to which its body is to be appended.
    pub(super) fn begin_completion(&mut self, pending: &Pending) -> &mut Vec<u8> {
        let reply = &pending.reply;
        // An interim reply has granted the credits.
        let credits = if pending.async_id.is_some() { 0 } else { self.grant(reply.credits_requested) };
        let header = reply.header(NtStatus::SUCCESS, credits, pending.async_id);
        self.frames.begin();
        self.frames.reply(&header, reply.keys.clone())
    }

    /// Ends the answer to a pending request, and goes on with the compound that it is part of.
    pub(super) fn end_completion(&mut self, now: Now, pending: Pending, status: NtStatus) {
        self.frames.set_status(status);
        match pending.rest {
            None => self.end_frame(pending.reply.sealed),
            Some(mut rest) => {
                self.backlog = self.backlog.saturating_sub(rest.bytes.len());
                if status.is_error()
                    && let Some(previous) = &mut rest.chain.previous
                {
                    previous.file = Err(status);
                }
                self.chain(now, &rest.bytes, rest.chain);
            }
        }
    }

    /// CANCEL, [MS-SMB2] 3.3.5.16: it has no reply, and an unknown target is ignored.
    pub(super) fn cancel(&mut self, header: &Header, message: &[u8], sealed: bool) {
        let Some(session) = self.sessions.get(&header.session_id).and_then(Session::established) else {
            return;
        };
        let signed = header.flags.contains(Flags::SIGNED);
        if !sealed
            && (signed && session.keys.signing.verify(message, Sender::Client).is_err()
                || !signed && session.signing_required
                || session.encryption_required)
        {
            return self.event(Event::BadSignature { missing: !signed });
        }
        let targets = self.pending.find(|pending| {
            pending.reply.session_id == header.session_id
                && match header.async_id() {
                    Some(async_id) => pending.async_id == Some(async_id),
                    None => pending.reply.message_id == header.message_id,
                }
        });
        for id in targets {
            let open =
                self.pending.operation(id).and_then(Operation::open).and_then(|open| self.opens.get(&open));
            if !sealed && open.is_some_and(|open| self.requires_encryption(open.pipe)) {
                continue;
            }
            match self.pending.operation(id) {
                Some(Operation::Open(open)) => self.drop_open(open, NtStatus::CANCELLED),
                Some(Operation::Wait(wait)) => {
                    self.output(Output::CancelWait { wait });
                    self.defer(id, NtStatus::CANCELLED);
                }
                // What was written may have reached the service; only its answer is given up.
                Some(operation) => {
                    if let Some(end) = operation.open().and_then(|open| self.end_of(open)) {
                        end.readers.retain(|waiting| waiting.request != id);
                        // Nothing was written for a flush, so nothing would bound how many are given up.
                        end.writers
                            .retain(|writer| !matches!(writer, Writer::Flush { request } if *request == id));
                    }
                    self.defer(id, NtStatus::CANCELLED);
                }
                None => {}
            }
        }
    }

    pub(super) fn timeout(&mut self, now: Now) {
        if self.logon_deadline.is_some_and(|deadline| deadline <= now.monotonic) {
            return self.disconnect(DisconnectReason::LogonTimeout);
        }
        self.resume(now);
        while let Some((reply, async_id)) = self.pending.next_interim(now.monotonic) {
            // The interim reply grants the credits; it is never signed ([MS-SMB2] 3.3.4.1.1).
            let credits = self.window.grant(reply.credits_requested);
            let header = reply.header(NtStatus::PENDING, credits, Some(async_id));
            let sealed = reply.sealed;
            self.frames.begin();
            encode_error(self.frames.reply(&header, None));
            self.end_frame(sealed);
        }
    }

    pub(super) fn drain(&mut self) {
        self.draining = true;
        for id in self.pending.find(|pending| matches!(pending.operation, Operation::Wait(_))) {
            if let Some(Operation::Wait(wait)) = self.pending.operation(id) {
                self.output(Output::CancelWait { wait });
            }
            self.defer(id, NtStatus::PIPE_NOT_AVAILABLE);
        }
    }
}
