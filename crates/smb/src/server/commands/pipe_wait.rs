//! FSCTL_PIPE_WAIT, [MS-SMB2] 3.3.5.15.10: answered when the pipe listens.

use alloc::sync::Arc;

use standpipe_security::{AccessMask, check_pipe_client};

use crate::NtStatus;
use crate::server::request::{Done, MayWait, Refused, Request};
use crate::server::state::{Holdings, Random, WaitsFor};
use crate::server::{Config, Output, PipeId, WaitId};
use crate::wire::{FileId, IoctlRequest, PipeWaitRequest};

/// Has the shell watch the pipe, and waits.
pub(crate) fn handle(
    request: &Request<'_>,
    asked: &IoctlRequest<'_>,
    config: &Config,
    other_names: Option<PipeId>,
    draining: bool,
    random: &mut Random,
    holdings: &mut Holdings,
) -> Result<Done, Refused> {
    // Whatever is wrong with the name, it is the name of no pipe.
    let wanted = PipeWaitRequest::decode(asked.input).map_err(|_| NtStatus::OBJECT_NAME_NOT_FOUND)?;
    let pipe = config.find_pipe(&wanted.name).or(other_names).ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?;
    let session = holdings.sessions.established(request.session_id).ok_or(NtStatus::USER_SESSION_DELETED)?;
    // A place in the queue is of no use to a client that does not encrypt where that is required.
    let may_open = (request.encrypted || !config.requires_encryption(pipe))
        && config.pipes.get(pipe.0).is_some_and(|pipe| {
            // What the service's end says is known once it is connected.
            pipe.security_descriptor.as_ref().is_none_or(|descriptor| {
                check_pipe_client(descriptor, session.token(), AccessMask::MAXIMUM_ALLOWED.into())
                    .is_granted()
            })
        });
    if draining {
        return Err(NtStatus::PIPE_NOT_AVAILABLE.into());
    }
    holdings.pending.check_room(request, MayWait::AtTheEnd)?;
    holdings.pending.check_room_for_wait()?;
    let timeout = wanted.wait(config.limits.max_pipe_wait);
    let wait = WaitId(random.id());
    let user = Arc::clone(session.user());
    holdings.outputs.push(Output::Wait { wait, pipe, timeout, user, may_open });
    Ok(Done::Waits(WaitsFor::Pipe(wait), FileId::ANY))
}
