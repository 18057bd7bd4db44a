//! ECHO, [MS-SMB2] 3.3.5.17.

use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::Sessions;
use crate::server::{DisconnectReason, Violation};
use crate::wire::Empty;

/// Answers, if a user has ever logged on.
pub(crate) fn handle(
    request: &Request<'_>,
    sessions: &Sessions,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    Empty::decode(request.message)?;
    if sessions.were_none_ever() {
        // [MS-SMB2] 3.3.5.17 would also close the connection of a user who has logged off; Windows and Samba
        // answer.
        return Err(DisconnectReason::from(Violation::EchoWithoutSession).into());
    }
    Empty::encode(reply.body());
    Ok(Done::Replied(NtStatus::SUCCESS))
}
