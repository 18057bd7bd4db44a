//! CLOSE, [MS-SMB2] 3.3.5.10.

use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::Holdings;
use crate::wire::{CloseRequest, encode_close_response};

/// Ends an open; its unanswered requests end with it.
pub(crate) fn handle(
    request: &Request<'_>,
    holdings: &mut Holdings,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let asked = CloseRequest::decode(request.message)?;
    let Holdings { opens, folders, pending, outputs, .. } = holdings;
    if let Some(folder) = folders.find_mut(request, asked.file_id)?.map(|folder| folder.file_id.volatile) {
        folders.remove(folder);
        encode_close_response(reply.body());
        return Ok(Done::Replied(NtStatus::SUCCESS));
    }
    let open = opens.find(request, asked.file_id)?.id;
    opens.end(open, NtStatus::PIPE_BROKEN, pending, outputs);
    encode_close_response(reply.body());
    Ok(Done::Replied(NtStatus::SUCCESS))
}
