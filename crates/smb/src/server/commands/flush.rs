//! FLUSH, [MS-SMB2] 3.3.5.11: done when the backend has taken everything that was written before.

use standpipe_security::AccessMask;

use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, MayWait, Refused, Request};
use crate::server::state::{Opens, PendingRequests, WaitsFor, Writer};
use crate::wire::{Empty, FlushRequest};

/// Answers at once if nothing is being written, else waits.
pub(crate) fn handle(
    request: &Request<'_>,
    opens: &mut Opens,
    pending: &PendingRequests,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let asked = FlushRequest::decode(request.message)?;
    let open = opens.find_mut(request, asked.file_id)?;
    open.check_granted(AccessMask::FILE_WRITE_DATA)?;
    if let Some(status) = open.end.refuses_write() {
        return Err(status.into());
    }
    let file_id = open.granted.file_id;
    if !open.end.has_writers() {
        Empty::encode(reply.body());
        return Ok(Done::RepliedOn(file_id, NtStatus::SUCCESS));
    }
    pending.check_room(request, MayWait::Anywhere)?;
    open.end.add_writer(Writer::Flush { request: request.id });
    Ok(Done::Waits(WaitsFor::Write(open.id), file_id))
}
