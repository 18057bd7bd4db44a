//! SET_INFO, [MS-SMB2] 3.3.5.21: the read mode of a pipe.

use standpipe_security::AccessMask;

use super::query_info::LAST_CLASS;
use crate::NtStatus;
use crate::server::PipeMode;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Negotiated, Opens};
use crate::wire::info::{
    FileInfoClass, FilePipeInformation, InfoType, PipeCompletionMode, PipeReadMode, SetInfoRequest,
    encode_set_info_response,
};

/// Sets the read mode, and whether reads wait.
pub(crate) fn handle(
    request: &Request<'_>,
    negotiated: &Negotiated,
    opens: &mut Opens,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let asked = SetInfoRequest::decode(request.message)?;
    let open = opens.find_mut(request, asked.file_id)?;
    if asked.input.is_empty() {
        return Err(NtStatus::INVALID_PARAMETER.into());
    }
    negotiated.check_size(request, asked.input.len())?;
    match (asked.info_type, asked.class) {
        (InfoType::FILE, FileInfoClass::PIPE) => {}
        // The descriptor is the deployment's; no client changes it.
        (InfoType::SECURITY, _) => return Err(NtStatus::ACCESS_DENIED.into()),
        (InfoType::FILE, class) if !(1..=LAST_CLASS).contains(&class.0) => {
            return Err(NtStatus::INVALID_INFO_CLASS.into());
        }
        _ => return Err(NtStatus::NOT_SUPPORTED.into()),
    }
    open.check_granted(AccessMask::FILE_WRITE_ATTRIBUTES)?;
    let wanted = FilePipeInformation::decode(asked.input).map_err(|_| NtStatus::INFO_LENGTH_MISMATCH)?;
    let end = open.end;
    let read_mode = match wanted.read_mode {
        PipeReadMode::BYTE => PipeMode::Byte,
        PipeReadMode::MESSAGE if end.mode() == PipeMode::Message => PipeMode::Message,
        _ => return Err(NtStatus::INVALID_PARAMETER.into()),
    };
    let nonblocking = match wanted.completion_mode {
        PipeCompletionMode::QUEUE => false,
        PipeCompletionMode::COMPLETE if !end.has_readers() && !end.has_writers() => true,
        PipeCompletionMode::COMPLETE => return Err(NtStatus::PIPE_BUSY.into()),
        _ => return Err(NtStatus::INVALID_PARAMETER.into()),
    };
    end.set_modes(read_mode, nonblocking);
    encode_set_info_response(reply.body());
    Ok(Done::RepliedOn(open.granted.file_id, NtStatus::SUCCESS))
}
