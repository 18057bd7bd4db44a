//! The table from command to handler: each gets only the parts of the state that it may touch.

use super::Now;
use super::commands::create::Create;
use super::commands::ioctl::Ioctl;
use super::commands::negotiate::Negotiate;
use super::commands::query_directory::QueryDirectory;
use super::commands::session_setup::SessionSetup;
use super::commands::{close, echo, flush, logoff, query_info, read, set_info, tree_connect, write};
use super::replies::Reply;
use super::request::{Done, Refused, Request};
use super::state::{Holdings, State};
use crate::NtStatus;
use crate::wire::Command;

/// Hands an admitted request to its command. CANCEL is not here: it is neither admitted nor answered.
pub(super) fn dispatch(
    now: Now,
    request: &Request<'_>,
    state: &mut State,
    reply: Reply<'_>,
) -> Result<Done, Refused> {
    let State { config, random, phase, gate, budgets, other_names, drain, holdings } = state;
    let (config, other_names, draining) = (&**config, *other_names, drain.is_some());
    if request.header.command == Command::NEGOTIATE {
        return Negotiate { config, phase, random, outputs: &mut holdings.outputs }
            .handle(now, request, reply);
    }
    let negotiated = phase.negotiated().ok_or(NtStatus::INTERNAL_ERROR)?;
    match request.header.command {
        Command::SESSION_SETUP => {
            SessionSetup { config, negotiated, draining, random, gate, budgets: budgets.as_deref(), holdings }
                .handle(now, request, reply)
        }
        Command::LOGOFF => logoff::handle(now, request, holdings, reply),
        Command::TREE_CONNECT => {
            let Holdings { sessions, outputs, .. } = holdings;
            let session = sessions.established_mut(request.session_id);
            tree_connect::connect(request, session, config.limits.trees, outputs, reply)
        }
        Command::TREE_DISCONNECT => tree_connect::disconnect(request, holdings, reply),
        Command::CREATE => {
            let Holdings { sessions, opens, folders, pending, outputs, .. } = holdings;
            let session = sessions.established(request.session_id);
            Create { config, other_names, session, draining, random, opens, folders, pending, outputs }
                .handle(request, reply)
        }
        Command::CLOSE => close::handle(request, holdings, reply),
        Command::FLUSH => flush::handle(request, &mut holdings.opens, &holdings.pending, reply),
        Command::READ => read::handle(request, negotiated, &mut holdings.opens, &holdings.pending, reply),
        Command::WRITE => write::handle(request, negotiated, holdings),
        Command::IOCTL => {
            Ioctl { config, other_names, negotiated, draining, random, holdings }.handle(request, reply)
        }
        Command::ECHO => echo::handle(request, &holdings.sessions, reply),
        Command::QUERY_INFO => {
            let Holdings { opens, folders, .. } = holdings;
            query_info::handle(request, config, negotiated, opens, folders, reply)
        }
        Command::SET_INFO => set_info::handle(request, negotiated, &mut holdings.opens, reply),
        Command::QUERY_DIRECTORY => {
            let Holdings { sessions, opens, folders, ledger, .. } = holdings;
            let session = sessions.established(request.session_id);
            QueryDirectory { config, other_names, negotiated, session, opens, folders, ledger }
                .handle(request, reply)
        }
        // [MS-SMB2] 3.3.5.19: a pipe is no directory.
        Command::CHANGE_NOTIFY => Err(NtStatus::INVALID_PARAMETER.into()),
        _ => Err(NtStatus::NOT_SUPPORTED.into()),
    }
}
