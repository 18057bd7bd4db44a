//! IOCTL, [MS-SMB2] 3.3.5.15.

use alloc::sync::Arc;

use standpipe_security::{AccessMask, check_pipe_client};

use super::dispatch::{Compound, Handled, Request};
use super::pending::Operation;
use super::session::Session;
use super::{Connection, Now, Output, WaitId};
use crate::NtStatus;
use crate::wire::{
    ControlCode, FileId, IOCTL_IS_FSCTL, IoctlRequest, IoctlResponse, PipeWaitRequest, encode_error,
};

impl Connection {
    pub(super) fn ioctl(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = IoctlRequest::decode(request.message)?;
        if asked.flags != IOCTL_IS_FSCTL {
            return Err(NtStatus::NOT_SUPPORTED.into());
        }
        self.check_size(request, asked.input.len().max(asked.max_output as usize))?;
        let without_open = matches!(
            asked.code,
            ControlCode::PIPE_WAIT
                | ControlCode::VALIDATE_NEGOTIATE_INFO
                | ControlCode::DFS_GET_REFERRALS
                | ControlCode::DFS_GET_REFERRALS_EX
                | ControlCode::QUERY_NETWORK_INTERFACE_INFO
        );
        if without_open && asked.file_id != FileId::ANY {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        match asked.code {
            ControlCode::PIPE_TRANSCEIVE => self.transceive(request, &asked),
            ControlCode::PIPE_PEEK => self.peek(request, &asked),
            ControlCode::PIPE_WAIT => self.pipe_wait(request, &asked),
            ControlCode::VALIDATE_NEGOTIATE_INFO => self.validate_negotiate(asked.input, asked.max_output),
            ControlCode::DFS_GET_REFERRALS | ControlCode::DFS_GET_REFERRALS_EX => {
                Err(NtStatus::FS_DRIVER_REQUIRED.into())
            }
            ControlCode::QUERY_NETWORK_INTERFACE_INFO => Err(NtStatus::NOT_SUPPORTED.into()),
            _ => {
                self.find_open(request, asked.file_id)?;
                Err(NtStatus::NOT_SUPPORTED.into())
            }
        }
    }

    /// FSCTL_PIPE_WAIT, [MS-SMB2] 3.3.5.15.10: tells when an instance of a pipe listens.
    fn pipe_wait(&mut self, request: &Request<'_>, asked: &IoctlRequest<'_>) -> Result<Handled, Handled> {
        // Whatever is wrong with the name, it is the name of no pipe.
        let wait = PipeWaitRequest::decode(asked.input).map_err(|_| NtStatus::OBJECT_NAME_NOT_FOUND)?;
        let pipe = self.config.find_pipe(&wait.name).ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?;
        let Some(valid) = self.sessions.get(&request.session_id).and_then(Session::established) else {
            return Err(NtStatus::USER_SESSION_DELETED.into());
        };
        let user = Arc::clone(&valid.user);
        // A place is of no use to a client that does not encrypt where that is required.
        let may_open = (request.sealed || !self.requires_encryption(pipe))
            && self.config.pipes.get(pipe.0).is_some_and(|pipe| {
                check_pipe_client(&pipe.security_descriptor, &valid.token, AccessMask::MAXIMUM_ALLOWED.into())
                    .result
                    .is_ok()
            });
        if self.draining {
            return Err(NtStatus::PIPE_NOT_AVAILABLE.into());
        }
        self.may_wait(request, Compound::Last)?;
        if self.pending.waits() >= self.config.limits.waits {
            return Err(NtStatus::INSUFFICIENT_RESOURCES.into());
        }
        let timeout = wait.wait(self.config.limits.max_pipe_wait);
        let wait = WaitId(self.random_id());
        self.output(Output::Wait { wait, pipe, timeout, user, may_open });
        Ok(Handled::Wait(Operation::Wait(wait), FileId::ANY))
    }

    /// The shell's answer to a wait.
    pub(super) fn waited(&mut self, now: Now, wait: WaitId, available: bool) {
        for id in self.pending.find(|pending| pending.operation == Operation::Wait(wait)) {
            if available {
                self.complete(now, id, NtStatus::SUCCESS, |out| {
                    IoctlResponse { code: ControlCode::PIPE_WAIT, file_id: FileId::ANY, output: &[] }
                        .encode(out);
                });
            } else {
                self.complete(now, id, NtStatus::IO_TIMEOUT, encode_error);
            }
        }
    }
}
