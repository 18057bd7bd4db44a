//! WRITE, [MS-SMB2] 3.3.5.13: answered when the backend has taken it.

use standpipe_security::AccessMask;

use crate::NtStatus;
use crate::server::request::{Done, MayWait, Refused, Request};
use crate::server::state::{
    ConnectedOpen, Holdings, Negotiated, Outputs, PendingRequests, PipeEnd, WaitsFor, Writer,
};
use crate::wire::WriteRequest;
use crate::wire::transfer::WriteFlags;

/// Hands the data to the backend and waits.
pub(crate) fn handle(
    request: &Request<'_>,
    negotiated: &Negotiated,
    holdings: &mut Holdings,
) -> Result<Done, Refused> {
    let Holdings { opens, pending, outputs, .. } = holdings;
    let asked = WriteRequest::decode(request.message)?;
    let mut open = opens.find_mut(request, asked.file_id)?;
    negotiated.check_size(request, asked.data.len())?;
    if negotiated.dialect.is_smb3()
        && (asked.channel != 0 || asked.flags.intersects(WriteFlags::THROUGH | WriteFlags::UNBUFFERED))
    {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    open.check_granted(AccessMask::FILE_WRITE_DATA)?;
    pending.check_room(request, MayWait::Anywhere)?;
    let writer = Writer::Write { request: request.id, count: asked.data.len() };
    write_out(&mut open, asked.data, writer, pending, outputs)?;
    Ok(Done::Waits(WaitsFor::Write(open.id), open.granted.file_id))
}

/// Hands `data` to the backend; `writer` waits until the backend has taken it.
pub(super) fn write_out(
    open: &mut ConnectedOpen<'_, &mut PipeEnd>,
    data: &[u8],
    writer: Writer,
    pending: &mut PendingRequests,
    outputs: &mut Outputs,
) -> Result<(), NtStatus> {
    pending.check_room_for_bytes(writer.held())?;
    if let Some(status) = open.end.refuses_write() {
        return Err(status);
    }
    pending.hold(writer.held());
    open.end.add_writer(writer);
    outputs.write(open.id, data);
    Ok(())
}
