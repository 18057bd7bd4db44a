//! READ, [MS-SMB2] 3.3.5.12: answered at once if there is data or an end to report, else when there is.

use alloc::vec::Vec;

use standpipe_security::AccessMask;

use crate::server::PipeMode;
use crate::server::replies::Reply;
use crate::server::request::{Done, MayWait, Refused, Request};
use crate::server::state::{Negotiated, Opens, PendingRequests, PipeEnd, Reader, Taken, WaitsFor};
use crate::wire::ReadResponse;
use crate::wire::transfer::{ReadFlags, ReadRequest};
use crate::{Dialect, NtStatus};

/// Reads what is held, or waits for data.
pub(crate) fn handle(
    request: &Request<'_>,
    negotiated: &Negotiated,
    opens: &mut Opens,
    pending: &PendingRequests,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let asked = ReadRequest::decode(request.message)?;
    let open = opens.find_mut(request, asked.file_id)?;
    negotiated.check_size(request, asked.length as usize)?;
    if asked.channel != 0 && negotiated.dialect.is_smb3()
        || asked.flags.contains(ReadFlags::UNBUFFERED) && negotiated.dialect >= Dialect::Smb302
    {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    open.check_granted(AccessMask::FILE_READ_DATA)?;
    let (file_id, max) = (open.granted.file_id, asked.length as usize);
    // Requests that wait get their data first.
    if !open.end.has_readers() {
        if open.end.has_data() {
            let status =
                answer(open.end, reply.body(), |end, out, by_message| end.read_into(out, max, by_message));
            let id = open.id;
            opens.recount(id);
            return Ok(Done::RepliedOn(file_id, status));
        }
        if let Some(status) = open.end.end_of_data() {
            return Err(status.into());
        }
    }
    pending.check_room(request, MayWait::AtTheEnd)?;
    open.end.add_reader(Reader { request: request.id, max });
    Ok(Done::Waits(WaitsFor::Read(open.id), file_id))
}

/// Appends the reply to a READ whose data `take` appends.
pub(crate) fn answer(
    end: &mut PipeEnd,
    out: &mut Vec<u8>,
    take: impl FnOnce(&mut PipeEnd, &mut Vec<u8>, bool) -> Taken,
) -> NtStatus {
    let by_message = end.read_mode() == PipeMode::Message;
    ReadResponse::encode_with(out, |out| take(end, out, by_message)).status
}
