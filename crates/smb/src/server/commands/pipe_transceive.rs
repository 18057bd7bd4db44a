//! FSCTL_PIPE_TRANSCEIVE, [MS-SMB2] 3.3.5.15.11 and [MS-FSCC] 2.3.47: one message there, one message back.

use alloc::vec::Vec;

use standpipe_security::AccessMask;

use super::write::write_out;
use crate::NtStatus;
use crate::server::PipeMode;
use crate::server::request::{Done, MayWait, Refused, Request};
use crate::server::state::{Holdings, PipeEnd, Reader, Taken, WaitsFor, Writer};
use crate::wire::{ControlCode, FileId, IoctlRequest, IoctlResponse};

/// Hands the message to the backend and waits for the service's.
pub(crate) fn handle(
    request: &Request<'_>,
    asked: &IoctlRequest<'_>,
    holdings: &mut Holdings,
) -> Result<Done, Refused> {
    let Holdings { opens, pending, outputs, .. } = holdings;
    let mut open = opens.find_mut(request, asked.file_id)?;
    open.check_granted(AccessMask::FILE_READ_DATA)?;
    open.check_granted(AccessMask::FILE_WRITE_DATA)?;
    if open.end.mode() != PipeMode::Message || open.end.read_mode() != PipeMode::Message {
        return Err(NtStatus::INVALID_PIPE_STATE.into());
    }
    if let Some(status) = open.end.refuses_write() {
        return Err(status.into());
    }
    if open.end.has_data() || open.end.has_readers() {
        return Err(NtStatus::PIPE_BUSY.into());
    }
    pending.check_room(request, MayWait::AtTheEnd)?;
    let writer = Writer::Transceive { request: request.id, count: asked.input.len() };
    write_out(&mut open, asked.input, writer, pending, outputs)?;
    open.end.add_reader(Reader { request: request.id, max: asked.max_output as usize });
    let file_id = open.granted.file_id;
    Ok(Done::Waits(WaitsFor::Transceive(open.id, file_id), file_id))
}

/// Appends the reply to a transceive whose data `take` appends.
pub(crate) fn answer(
    end: &mut PipeEnd,
    file_id: FileId,
    out: &mut Vec<u8>,
    take: impl FnOnce(&mut PipeEnd, &mut Vec<u8>, bool) -> Taken,
) -> NtStatus {
    IoctlResponse::encode_with(ControlCode::PIPE_TRANSCEIVE, file_id, out, |out| take(end, out, true)).status
}
