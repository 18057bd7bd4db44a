//! FSCTL_PIPE_PEEK, [MS-FSCC] 2.3.45: a look that takes nothing and never waits.

use standpipe_security::AccessMask;

use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Ledger, Opens};
use crate::wire::{ControlCode, IoctlRequest, IoctlResponse, PipePeek};

/// Answers with what can be read.
pub(crate) fn handle(
    request: &Request<'_>,
    asked: &IoctlRequest<'_>,
    opens: &Opens,
    ledger: &Ledger,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let open = opens.find(request, asked.file_id)?;
    open.check_granted(AccessMask::FILE_READ_DATA)?;
    if asked.max_output < PipePeek::LEN {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    let end = open.end;
    if !end.has_data()
        && !end.is_connected()
        && let Some(status) = end.end_of_data()
    {
        return Err(status.into());
    }
    // What is shown is held twice until the client has taken the reply.
    ledger.check_room(end.available().min(asked.max_output as usize))?;
    let file_id = open.granted.file_id;
    let status = IoctlResponse::encode_with(ControlCode::PIPE_PEEK, file_id, reply.body(), |out| {
        end.peek_into(out, asked.max_output as usize)
    });
    Ok(Done::RepliedOn(file_id, status))
}
