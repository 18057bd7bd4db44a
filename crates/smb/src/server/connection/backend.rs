//! Events from the backends, and the replies to the requests that waited for them.

use alloc::vec::Vec;

use super::Connection;
use crate::NtStatus;
use crate::server::commands::{create, pipe_transceive, read};
use crate::server::state::{LOST, PipeEnd, Reader, Taken, WaitsFor, Writer};
use crate::server::{Now, OpenFailure, OpenId, ServiceEnd, WaitId, WriteFailure};
use crate::wire::{ControlCode, Empty, FileId, IoctlResponse, WriteResponse, encode_error};

impl Connection {
    fn end_of(&mut self, open: OpenId) -> Option<&mut PipeEnd> {
        self.state.holdings.opens.end_of(open)
    }

    /// The backend's answer to an open: the CREATE is answered.
    pub(super) fn opened(&mut self, now: Now, open: OpenId, result: Result<ServiceEnd, OpenFailure>) {
        let holdings = &mut self.state.holdings;
        let (config, other_names) = (&self.state.config, self.state.other_names);
        match create::opened(open, result, config, other_names, &mut holdings.opens, &mut holdings.outputs) {
            Some((request, Ok(response))) => {
                self.complete(now, request, NtStatus::SUCCESS, |out| response.encode(out));
            }
            Some((request, Err(status))) => self.complete(now, request, status, encode_error),
            None => {}
        }
    }

    /// The service wrote.
    pub(super) fn data(&mut self, now: Now, open: OpenId, bytes: &[u8]) {
        let Some(end) = self.end_of(open) else {
            return;
        };
        match end.take_reader_for(bytes) {
            Some(reader) => self.answer_with_data(now, open, reader, |end, out, by_message| {
                end.pass_into(bytes, out, reader.max, by_message)
            }),
            None => end.push(bytes),
        }
        self.answer_readers(now, open);
        self.state.holdings.opens.recount(open);
    }

    /// Answers requests that wait, while there is data or an end to report.
    fn answer_readers(&mut self, now: Now, open: OpenId) {
        while let Some((reader, end_of_data)) = self.end_of(open).and_then(PipeEnd::next_answerable) {
            match end_of_data {
                None => self.answer_with_data(now, open, reader, |end, out, by_message| {
                    end.read_into(out, reader.max, by_message)
                }),
                Some(status) => self.complete(now, reader.request, status, encode_error),
            }
        }
    }

    /// Answers a READ or a transceive with the data that `take` appends.
    fn answer_with_data(
        &mut self,
        now: Now,
        open: OpenId,
        reader: Reader,
        take: impl FnOnce(&mut PipeEnd, &mut Vec<u8>, bool) -> Taken,
    ) {
        let Some(pending) = self.state.holdings.pending.remove(reader.request) else {
            return;
        };
        self.begin_completion(&pending);
        let (mut reply, end) = (self.replies.current_mut(), self.state.holdings.opens.end_of(open));
        let out = reply.body();
        let status = match (end, pending.waits_for) {
            (Some(end), WaitsFor::Transceive(_, file_id)) => pipe_transceive::answer(end, file_id, out, take),
            (Some(end), _) => read::answer(end, out, take),
            (None, _) => {
                encode_error(out);
                NtStatus::FILE_CLOSED
            }
        };
        self.end_completion(now, pending, status);
    }

    /// The backend's answer to the oldest write.
    pub(super) fn written(&mut self, now: Now, open: OpenId, result: Result<(), WriteFailure>) {
        let Some(writer) = self.end_of(open).and_then(PipeEnd::take_writer) else {
            return;
        };
        self.state.holdings.pending.release(writer.held());
        let failure = result.err().map(|failure| match failure {
            WriteFailure::Gone => NtStatus::PIPE_BROKEN,
            WriteFailure::Lost => LOST,
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
                    end.forget_reader(request);
                }
                self.complete(now, request, status, encode_error);
            }
            // The service's message answers a transceive; a flush has no write of its own.
            (Writer::Transceive { .. } | Writer::Flush { .. }, None) => {}
        }
        while let Some(request) = self.end_of(open).and_then(PipeEnd::take_flush) {
            self.complete(now, request, NtStatus::SUCCESS, Empty::encode);
        }
    }

    /// The service closed its end.
    pub(super) fn backend_closed(&mut self, now: Now, open: OpenId) {
        if let Some(end) = self.end_of(open) {
            end.close();
            self.answer_readers(now, open);
            self.state.holdings.opens.recount(open);
        }
    }

    /// The service disconnected its end.
    pub(super) fn backend_disconnected(&mut self, now: Now, open: OpenId) {
        if let Some(end) = self.end_of(open) {
            end.disconnect();
            self.answer_readers(now, open);
            self.state.holdings.opens.recount(open);
        }
    }

    /// The way to the service is gone.
    pub(super) fn backend_lost(&mut self, now: Now, open: OpenId) {
        if let Some(end) = self.end_of(open) {
            end.lose();
            self.answer_readers(now, open);
            self.state.holdings.opens.recount(open);
        }
    }

    /// The shell's answer to a wait for a pipe.
    pub(super) fn waited(&mut self, now: Now, wait: WaitId, available: bool) {
        let requests = self.state.holdings.pending.find(|pending| pending.waits_for == WaitsFor::Pipe(wait));
        for request in requests {
            if available {
                self.complete(now, request, NtStatus::SUCCESS, |out| {
                    IoctlResponse { code: ControlCode::PIPE_WAIT, file_id: FileId::ANY, output: &[] }
                        .encode(out);
                });
            } else {
                self.complete(now, request, NtStatus::IO_TIMEOUT, encode_error);
            }
        }
    }
}
