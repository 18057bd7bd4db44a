//! Answering requests that had to wait, [MS-SMB2] 3.3.4.2.

use alloc::vec::Vec;

use super::Connection;
use crate::NtStatus;
use crate::server::Now;
use crate::server::state::{Pending, PendingId};
use crate::wire::encode_error;

impl Connection {
    /// Answers the requests that failed while others were carried out.
    pub(super) fn answer_deferred(&mut self, now: Now) {
        while let Some((id, status)) = self.state.holdings.pending.next_deferred() {
            self.complete(now, id, status, encode_error);
        }
    }

    /// Answers a pending request, and goes on with the compound that it is part of.
    pub(super) fn complete(
        &mut self,
        now: Now,
        id: PendingId,
        status: NtStatus,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(pending) = self.state.holdings.pending.remove(id) else {
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
        self.replies.begin();
        self.replies.reply(&header, reply.keys.clone())
    }

    /// Ends the answer to a pending request, and goes on with the compound that it is part of.
    pub(super) fn end_completion(&mut self, now: Now, pending: Pending, status: NtStatus) {
        self.replies.set_status(status);
        match pending.rest {
            None => self.end_frame(pending.reply.encrypted_by),
            Some(mut rest) => {
                self.state.holdings.pending.release(rest.bytes.len());
                if status.is_error()
                    && let Some(previous) = &mut rest.compound.previous
                {
                    previous.file = Err(status);
                }
                self.carry_out(now, &rest.bytes, rest.compound);
            }
        }
    }

    /// Sends the interim replies that are due.
    pub(super) fn send_interims(&mut self, now: Now) {
        while let Some((reply, async_id)) = self.state.holdings.pending.next_interim(now.monotonic) {
            // The interim reply grants the credits; it is never signed ([MS-SMB2] 3.3.4.1.1).
            let credits = self.credits.grant(reply.credits_requested);
            let header = reply.header(NtStatus::PENDING, credits, Some(async_id));
            let encrypted_by = reply.encrypted_by;
            self.replies.begin();
            encode_error(self.replies.reply(&header, None));
            self.end_frame(encrypted_by);
        }
    }
}
