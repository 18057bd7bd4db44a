//! Whether a request is let in: its signature, session and tree connect, [MS-SMB2] 3.3.5.2.4 to 3.3.5.2.11.

use crate::crypto::Sender;
use crate::server::request::{Refused, Request};
use crate::server::state::{Established, Holdings, Session, State};
use crate::server::{DisconnectReason, Event, Now, Violation};
use crate::wire::{Command, Flags};
use crate::{Dialect, NtStatus};

/// Whether a client with an expired session may send this, besides logging on again: it may let go of what it
/// has ([MS-SMB2] 3.3.5.2.9). ECHO goes on because Samba's `smb2.session.expire2` expects that. So does
/// CANCEL, which is not admitted here.
fn is_for_expired_sessions(command: Command) -> bool {
    matches!(command, Command::LOGOFF | Command::CLOSE | Command::LOCK | Command::ECHO)
}

/// Admits a request, or gives how it is refused.
pub(super) fn admit(now: Now, request: &Request<'_>, state: &mut State) -> Result<(), Refused> {
    let command = request.header.command;
    if command == Command::NEGOTIATE {
        return Ok(());
    }
    if shows_key(request, state)? {
        state.holdings.key_shown(now, request.session_id);
    }
    if command == Command::SESSION_SETUP || (command == Command::ECHO && request.session_id == 0) {
        return Ok(());
    }
    let session = state.holdings.sessions.get(request.session_id).ok_or(NtStatus::USER_SESSION_DELETED)?;
    let established = session.established().ok_or(NtStatus::SEC_E_UNSUPPORTED_FUNCTION)?;
    if session.is_expired() && !is_for_expired_sessions(command) {
        return Err(NtStatus::NETWORK_SESSION_EXPIRED.into());
    }
    let needs_tree = !matches!(command, Command::LOGOFF | Command::TREE_CONNECT | Command::ECHO);
    if needs_tree && !established.has_tree(request.tree_id) {
        return Err(NtStatus::NETWORK_NAME_DELETED.into());
    }
    Ok(())
}

/// Whether a request shows that its client has the session's key, or all that such a session demands; refuses
/// one that should and does not.
fn shows_key(request: &Request<'_>, state: &mut State) -> Result<bool, Refused> {
    let command = request.header.command;
    let smb311 = state.phase.negotiated().is_some_and(|n| n.dialect == Dialect::Smb311);
    let Holdings { sessions, outputs, .. } = &mut state.holdings;
    let session = sessions.get(request.session_id);
    let established = session.and_then(Session::established);
    if request.encrypted {
        // That it could be decrypted proves as much as a signature.
        return Ok(true);
    }
    if established.is_some_and(Established::requires_encryption) && command != Command::SESSION_SETUP {
        return Err(NtStatus::ACCESS_DENIED.into());
    } else if request.header.flags.contains(Flags::SIGNED) {
        let Some(established) = established else {
            return Err(match session {
                Some(_) => NtStatus::NOT_SUPPORTED,
                None => NtStatus::USER_SESSION_DELETED,
            }
            .into());
        };
        if established.keys().signing.verify(request.message, Sender::Client).is_err() {
            outputs.event(Event::BadSignature { missing: false });
            return Err(NtStatus::ACCESS_DENIED.into());
        }
        return Ok(true);
    } else if let Some(established) = established
        && (established.requires_signing() || command == Command::TREE_CONNECT && smb311)
    {
        outputs.event(Event::BadSignature { missing: true });
        // A session that has to sign is refused first ([MS-SMB2] 3.3.5.2.4). Any other ends with an unsigned
        // TREE_CONNECT in 3.1.1 (3.3.5.7).
        return Err(if established.requires_signing() {
            NtStatus::ACCESS_DENIED.into()
        } else {
            DisconnectReason::from(Violation::UnsignedTreeConnect).into()
        });
    }
    // An unsigned request of a session that need not sign.
    Ok(established.is_some() && command != Command::SESSION_SETUP)
}
