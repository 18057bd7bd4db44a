//! LOGOFF, [MS-SMB2] 3.3.5.6.

use alloc::sync::Arc;

use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::Holdings;
use crate::server::{Event, Now};
use crate::wire::Empty;

/// Ends the session with everything in it.
pub(crate) fn handle(
    now: Now,
    request: &Request<'_>,
    holdings: &mut Holdings,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    Empty::decode(request.message)?;
    let user = holdings.sessions.established(request.session_id).map(|session| Arc::clone(session.user()));
    holdings.end_session(now, request.session_id);
    if let Some(user) = user {
        holdings.outputs.event(Event::LoggedOff { user });
    }
    Empty::encode(reply.body());
    Ok(Done::Replied(NtStatus::SUCCESS))
}
