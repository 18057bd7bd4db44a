//! READ, WRITE, FLUSH, and the transceive and peek of a pipe, [MS-SMB2] 3.3.5.11 to 3.3.5.13 and [MS-FSCC] 2.3.

use alloc::vec::Vec;

use standpipe_security::AccessMask;

use super::dispatch::{Compound, Handled, Request};
use super::negotiate::Negotiated;
use super::pending::Operation;
use super::pipe_end::{PipeEnd, Taken, Waiting, Writer};
use super::{Connection, Now, OpenId, Output, PipeMode, WriteFailure};
use crate::NtStatus;
use crate::wire::transfer::{READ_UNBUFFERED, WRITE_THROUGH_OR_UNBUFFERED};
use crate::wire::{
    ControlCode, Empty, FileId, FlushRequest, IoctlRequest, IoctlResponse, PipePeek, ReadRequest,
    ReadResponse, WriteRequest, WriteResponse, encode_error,
};

/// What one credit pays for, in bytes ([MS-SMB2] 3.3.5.2.5).
const CREDIT_UNIT: u32 = 65_536;

impl Connection {
    /// Checks the size of a request or of its answer against what was negotiated and what its credits pay for.
    pub(super) fn check_size(&self, request: &Request<'_>, size: usize) -> Result<(), NtStatus> {
        let Some(Negotiated { max_transfer, multi_credit, .. }) = self.negotiated() else {
            return Err(NtStatus::INVALID_PARAMETER);
        };
        let paid = u64::from(request.header.credit_charge.max(1)) * u64::from(CREDIT_UNIT);
        if size > *max_transfer as usize || *multi_credit && size as u64 > paid {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        Ok(())
    }

    /// Checks that the open was granted these rights.
    pub(super) fn check_granted(&self, open: OpenId, needed: AccessMask) -> Result<(), NtStatus> {
        match self.opens.get(&open) {
            Some(entry) if entry.access.contains(needed) => Ok(()),
            Some(_) => Err(NtStatus::ACCESS_DENIED),
            None => Err(NtStatus::FILE_CLOSED),
        }
    }

    pub(super) fn read(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = ReadRequest::decode(request.message)?;
        let open = self.find_open(request, asked.file_id)?;
        self.check_size(request, asked.length as usize)?;
        let dialect = self.negotiated().map(|negotiated| negotiated.dialect);
        if asked.channel != 0 && dialect.is_some_and(crate::Dialect::is_smb3)
            || asked.flags & READ_UNBUFFERED != 0 && dialect >= Some(crate::Dialect::Smb302)
        {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.check_granted(open, AccessMask::FILE_READ_DATA)?;
        let Some(entry) = self.opens.get_mut(&open) else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        let file_id = entry.file_id;
        let Some(end) = entry.end_mut() else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        let max = asked.length as usize;
        // Those who waited before get their data before.
        if end.readers.is_empty() {
            if end.has_data() {
                let by_message = end.read_mode == PipeMode::Message;
                let taken = ReadResponse::encode_with(self.frames.clear_body(), |out| {
                    end.read_into(out, max, by_message)
                });
                return Ok(Handled::DoneWith(taken.status, file_id));
            }
            if let Some(status) = end.end_of_data() {
                return Err(status.into());
            }
        }
        self.may_wait(request, Compound::Last)?;
        if let Some(end) = self.end_of(open) {
            end.readers.push_back(Waiting { request: request.id, max });
        }
        Ok(Handled::Wait(Operation::Read(open), file_id))
    }

    pub(super) fn write(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = WriteRequest::decode(request.message)?;
        let open = self.find_open(request, asked.file_id)?;
        self.check_size(request, asked.data.len())?;
        let smb3 = self.negotiated().is_some_and(|negotiated| negotiated.dialect.is_smb3());
        if smb3 && (asked.channel != 0 || asked.flags & WRITE_THROUGH_OR_UNBUFFERED != 0) {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        self.check_granted(open, AccessMask::FILE_WRITE_DATA)?;
        self.may_wait(request, Compound::Anywhere)?;
        let count = asked.data.len();
        let file_id = self.write_out(open, asked.data, Writer::Write { request: request.id, count })?;
        Ok(Handled::Wait(Operation::Write(open), file_id))
    }

    /// Hands `data` to the backend; `writer` is told when it has been taken.
    fn write_out(&mut self, open: OpenId, data: &[u8], writer: Writer) -> Result<FileId, NtStatus> {
        if self.backlog.saturating_add(writer.held()) > self.config.limits.write_backlog {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        let entry = self.opens.get_mut(&open).ok_or(NtStatus::FILE_CLOSED)?;
        let file_id = entry.file_id;
        let end = entry.end_mut().ok_or(NtStatus::FILE_CLOSED)?;
        if let Some(status) = end.refuses_write() {
            return Err(status);
        }
        self.backlog += writer.held();
        end.writers.push_back(writer);
        self.output(Output::Write { open, bytes: data.to_vec() });
        Ok(file_id)
    }

    pub(super) fn flush(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = FlushRequest::decode(request.message)?;
        let open = self.find_open(request, asked.file_id)?;
        self.check_granted(open, AccessMask::FILE_WRITE_DATA)?;
        let Some(entry) = self.opens.get_mut(&open) else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        let file_id = entry.file_id;
        let Some(end) = entry.end_mut() else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        if let Some(status) = end.refuses_write() {
            return Err(status.into());
        }
        if end.writers.is_empty() {
            Empty::encode(self.frames.clear_body());
            return Ok(Handled::DoneWith(NtStatus::SUCCESS, file_id));
        }
        self.may_wait(request, Compound::Anywhere)?;
        if let Some(end) = self.end_of(open) {
            end.writers.push_back(Writer::Flush { request: request.id });
        }
        Ok(Handled::Wait(Operation::Write(open), file_id))
    }

    /// FSCTL_PIPE_TRANSCEIVE, [MS-FSCC] 2.3.47: one message there, one message back.
    pub(super) fn transceive(
        &mut self,
        request: &Request<'_>,
        asked: &IoctlRequest<'_>,
    ) -> Result<Handled, Handled> {
        let open = self.find_open(request, asked.file_id)?;
        self.check_granted(open, AccessMask::FILE_READ_DATA)?;
        self.check_granted(open, AccessMask::FILE_WRITE_DATA)?;
        let Some(end) = self.end_of(open) else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        if end.mode() != PipeMode::Message || end.read_mode != PipeMode::Message {
            return Err(NtStatus::INVALID_PIPE_STATE.into());
        }
        if let Some(status) = end.refuses_write() {
            return Err(status.into());
        }
        if end.has_data() || !end.readers.is_empty() {
            return Err(NtStatus::PIPE_BUSY.into());
        }
        self.may_wait(request, Compound::Last)?;
        let writer = Writer::Transceive { request: request.id, count: asked.input.len() };
        let file_id = self.write_out(open, asked.input, writer)?;
        if let Some(end) = self.end_of(open) {
            end.readers.push_back(Waiting { request: request.id, max: asked.max_output as usize });
        }
        Ok(Handled::Wait(Operation::Transceive(open, file_id), file_id))
    }

    /// FSCTL_PIPE_PEEK, [MS-FSCC] 2.3.45: a look that takes nothing and never waits.
    pub(super) fn peek(
        &mut self,
        request: &Request<'_>,
        asked: &IoctlRequest<'_>,
    ) -> Result<Handled, Handled> {
        let open = self.find_open(request, asked.file_id)?;
        self.check_granted(open, AccessMask::FILE_READ_DATA)?;
        if asked.max_output < PipePeek::LEN {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        let Some(entry) = self.opens.get_mut(&open) else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        let file_id = entry.file_id;
        let Some(end) = entry.end_mut() else {
            return Err(NtStatus::FILE_CLOSED.into());
        };
        if !end.has_data()
            && !end.is_connected()
            && let Some(status) = end.end_of_data()
        {
            return Err(status.into());
        }
        let status =
            IoctlResponse::encode_with(ControlCode::PIPE_PEEK, file_id, self.frames.clear_body(), |out| {
                end.peek_into(out, asked.max_output as usize)
            });
        Ok(Handled::DoneWith(status, file_id))
    }

    /// The service wrote.
    pub(super) fn data(&mut self, now: Now, open: OpenId, bytes: &[u8]) {
        let Some(end) = self.end_of(open) else {
            return;
        };
        if end.has_data() || end.readers.is_empty() || (bytes.is_empty() && end.mode() == PipeMode::Byte) {
            end.push(bytes);
        } else if let Some(waiting) = end.readers.pop_front() {
            self.answer(now, open, waiting, |end, out, by_message| {
                end.pass_into(bytes, out, waiting.max, by_message)
            });
        }
        self.serve_readers(now, open);
    }

    /// Answers those who wait, while there is data or an end to tell.
    fn serve_readers(&mut self, now: Now, open: OpenId) {
        while let Some(end) = self.end_of(open)
            && let Some(waiting) = end.readers.front().copied()
        {
            if end.has_data() {
                end.readers.pop_front();
                self.answer(now, open, waiting, |end, out, by_message| {
                    end.read_into(out, waiting.max, by_message)
                });
            } else if let Some(status) = end.end_of_data() {
                end.readers.pop_front();
                self.complete(now, waiting.request, status, encode_error);
            } else {
                break;
            }
        }
    }

    /// Answers a READ or a transceive with what `take` appends.
    fn answer(
        &mut self,
        now: Now,
        open: OpenId,
        waiting: Waiting,
        take: impl FnOnce(&mut PipeEnd, &mut Vec<u8>, bool) -> Taken,
    ) {
        let Some(pending) = self.pending.remove(waiting.request) else {
            return;
        };
        self.begin_completion(&pending);
        let out = self.frames.clear_body();
        let status = if let Some(end) = self.opens.get_mut(&open).and_then(|open| open.end_mut()) {
            if let Operation::Transceive(_, file_id) = pending.operation {
                let code = ControlCode::PIPE_TRANSCEIVE;
                IoctlResponse::encode_with(code, file_id, out, |out| take(end, out, true)).status
            } else {
                let by_message = end.read_mode == PipeMode::Message;
                ReadResponse::encode_with(out, |out| take(end, out, by_message)).status
            }
        } else {
            encode_error(out);
            NtStatus::FILE_CLOSED
        };
        self.end_completion(now, pending, status);
    }

    /// The backend's answer to the oldest write.
    pub(super) fn written(&mut self, now: Now, open: OpenId, result: Result<(), WriteFailure>) {
        let Some(writer) = self.end_of(open).and_then(|end| end.writers.pop_front()) else {
            return;
        };
        self.backlog = self.backlog.saturating_sub(writer.held());
        let failure = result.err().map(|failure| match failure {
            WriteFailure::Gone => NtStatus::PIPE_BROKEN,
            WriteFailure::TooLong => NtStatus::INVALID_PARAMETER,
        });
        match (writer, failure) {
            (Writer::Write { request, count }, None) => {
                self.complete(now, request, NtStatus::SUCCESS, |out| {
                    WriteResponse { count: count as u32 }.encode(out);
                });
            }
            (Writer::Write { request, .. } | Writer::Flush { request }, Some(status)) => {
                self.complete(now, request, status, encode_error);
            }
            (Writer::Transceive { request, .. }, Some(status)) => {
                if let Some(end) = self.end_of(open) {
                    end.readers.retain(|waiting| waiting.request != request);
                }
                self.complete(now, request, status, encode_error);
            }
            // A transceive is answered by what the service says; a flush has no write of its own.
            (Writer::Transceive { .. } | Writer::Flush { .. }, None) => {}
        }
        while let Some(end) = self.end_of(open)
            && let Some(Writer::Flush { request }) = end.writers.front().copied()
        {
            end.writers.pop_front();
            self.complete(now, request, NtStatus::SUCCESS, Empty::encode);
        }
    }

    /// The service closed its end.
    pub(super) fn peer_closed(&mut self, now: Now, open: OpenId) {
        if let Some(end) = self.end_of(open) {
            end.close();
            self.serve_readers(now, open);
        }
    }

    /// The service disconnected its end.
    pub(super) fn peer_disconnected(&mut self, now: Now, open: OpenId) {
        if let Some(end) = self.end_of(open) {
            end.disconnect();
            self.serve_readers(now, open);
        }
    }
}
