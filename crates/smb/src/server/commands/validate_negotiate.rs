//! FSCTL_VALIDATE_NEGOTIATE_INFO, [MS-SMB2] 3.3.5.15.12.

use super::negotiate::security_mode;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused};
use crate::server::state::Negotiated;
use crate::server::{Config, DisconnectReason};
use crate::wire::{
    ControlCode, FileId, IoctlRequest, IoctlResponse, ValidateNegotiateRequest, ValidateNegotiateResponse,
};
use crate::{Dialect, NtStatus};

/// Confirms what was negotiated. Whatever differs was changed on the way, and the only answer is to close the
/// connection.
pub(crate) fn handle(
    asked: &IoctlRequest<'_>,
    config: &Config,
    negotiated: &Negotiated,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let sent = ValidateNegotiateRequest::decode(asked.input);
    if negotiated.dialect == Dialect::Smb311
        || asked.max_output < ValidateNegotiateResponse::LEN
        || sent.as_ref() != Ok(&negotiated.client)
    {
        return Err(DisconnectReason::NegotiationTampered.into());
    }
    let response = ValidateNegotiateResponse {
        capabilities: negotiated.capabilities,
        guid: config.guid,
        security_mode: security_mode(config),
        dialect: negotiated.dialect.to_wire(),
    }
    .encode();
    IoctlResponse { code: ControlCode::VALIDATE_NEGOTIATE_INFO, file_id: FileId::ANY, output: &response }
        .encode(reply.body());
    Ok(Done::Replied(NtStatus::SUCCESS))
}
