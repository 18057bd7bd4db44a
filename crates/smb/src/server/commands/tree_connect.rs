//! TREE_CONNECT and TREE_DISCONNECT, [MS-SMB2] 3.3.5.7 and 3.3.5.8: the one share is `IPC$`.

use alloc::sync::Arc;

use standpipe_security::AccessMask;

use crate::NtStatus;
use crate::server::Event;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Established, Holdings, Outputs};
use crate::wire::session::{ShareFlags, ShareType};
use crate::wire::{Empty, TreeConnectRequest, TreeConnectResponse};

/// The most that a user can be granted on `IPC$`: all of a file's rights.
const MAXIMAL_ACCESS: AccessMask = AccessMask(0x001F_01FF);
/// How long the parts of a share's path may be, [MS-SMB2] 2.2.9.
const MAX_SERVER_NAME: usize = 255;
const MAX_SHARE_NAME: usize = 80;
/// How many characters of a path go into the log.
const LOGGED: usize = 80;

/// Connects to `IPC$`; a session has at most `limit` tree connects.
pub(crate) fn connect(
    request: &Request<'_>,
    session: Option<&mut Established>,
    limit: usize,
    outputs: &mut Outputs,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    let asked = TreeConnectRequest::decode(request.message)?;
    let session = session.ok_or(NtStatus::USER_SESSION_DELETED)?;
    let user = Arc::clone(session.user());
    let id = add(&asked.path, session, limit).inspect_err(|status| {
        let path = asked.path.chars().take(LOGGED).collect();
        outputs.event(Event::TreeRefused { user, path, status: *status });
    })?;
    reply.set_tree(id);
    TreeConnectResponse {
        share_type: ShareType::PIPE,
        share_flags: ShareFlags::NO_CACHING,
        capabilities: 0,
        maximal_access: MAXIMAL_ACCESS,
    }
    .encode(reply.body());
    Ok(Done::Replied(NtStatus::SUCCESS))
}

/// Adds a tree connect to the share of this path, and gives its id.
fn add(path: &str, session: &mut Established, limit: usize) -> Result<u32, NtStatus> {
    let (server, share) = path
        .strip_prefix(r"\\")
        .and_then(|path| path.split_once('\\'))
        .filter(|(server, share)| {
            server.encode_utf16().count() <= MAX_SERVER_NAME && share.encode_utf16().count() <= MAX_SHARE_NAME
        })
        .ok_or(NtStatus::INVALID_PARAMETER)?;
    if server.is_empty() || !share.eq_ignore_ascii_case("IPC$") {
        return Err(NtStatus::BAD_NETWORK_NAME);
    }
    session.add_tree(limit)
}

/// Ends a tree connect with everything in it.
pub(crate) fn disconnect(
    request: &Request<'_>,
    holdings: &mut Holdings,
    mut reply: Reply<'_>,
) -> Result<Done, Refused> {
    Empty::decode(request.message)?;
    holdings.end_tree(request.session_id, request.tree_id);
    Empty::encode(reply.body());
    Ok(Done::Replied(NtStatus::SUCCESS))
}
