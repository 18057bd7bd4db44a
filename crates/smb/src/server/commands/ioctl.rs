//! IOCTL, [MS-SMB2] 3.3.5.15: which control code goes where.

use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Holdings, Negotiated, Random};
use crate::server::{Config, PipeId, commands};
use crate::wire::{ControlCode, FileId, IoctlFlags, IoctlRequest};

/// What IOCTL may touch.
pub(crate) struct Ioctl<'a> {
    pub(crate) config: &'a Config,
    pub(crate) other_names: Option<PipeId>,
    pub(crate) negotiated: &'a Negotiated,
    pub(crate) draining: bool,
    pub(crate) random: &'a mut Random,
    pub(crate) holdings: &'a mut Holdings,
}

impl Ioctl<'_> {
    /// Hands an IOCTL to the control code's own function.
    pub(crate) fn handle(self, request: &Request<'_>, reply: Reply<'_>) -> Result<Done, Refused> {
        let Self { config, other_names, negotiated, draining, random, holdings } = self;
        let asked = IoctlRequest::decode(request.message)?;
        if asked.flags != IoctlFlags::IS_FSCTL {
            return Err(NtStatus::NOT_SUPPORTED.into());
        }
        negotiated.check_size(request, asked.input.len().max(asked.max_output as usize))?;
        if is_without_open(asked.code) && asked.file_id != FileId::ANY {
            return Err(NtStatus::INVALID_PARAMETER.into());
        }
        match asked.code {
            ControlCode::PIPE_TRANSCEIVE => commands::pipe_transceive::handle(request, &asked, holdings),
            ControlCode::PIPE_PEEK => {
                commands::pipe_peek::handle(request, &asked, &holdings.opens, &holdings.ledger, reply)
            }
            ControlCode::PIPE_WAIT => {
                commands::pipe_wait::handle(request, &asked, config, other_names, draining, random, holdings)
            }
            ControlCode::VALIDATE_NEGOTIATE_INFO => {
                commands::validate_negotiate::handle(&asked, config, negotiated, reply)
            }
            ControlCode::DFS_GET_REFERRALS | ControlCode::DFS_GET_REFERRALS_EX => {
                Err(NtStatus::FS_DRIVER_REQUIRED.into())
            }
            ControlCode::QUERY_NETWORK_INTERFACE_INFO => Err(NtStatus::NOT_SUPPORTED.into()),
            _ => {
                holdings.opens.find(request, asked.file_id)?;
                Err(NtStatus::NOT_SUPPORTED.into())
            }
        }
    }
}

/// Whether a control code is about the server or a pipe, and not about an open.
fn is_without_open(code: ControlCode) -> bool {
    matches!(
        code,
        ControlCode::PIPE_WAIT
            | ControlCode::VALIDATE_NEGOTIATE_INFO
            | ControlCode::DFS_GET_REFERRALS
            | ControlCode::DFS_GET_REFERRALS_EX
            | ControlCode::QUERY_NETWORK_INTERFACE_INFO
    )
}
