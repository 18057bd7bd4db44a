//! From the state machine's events to log lines and counters.

use std::net::SocketAddr;

use standpipe_security::explain::RightsInWords;
use standpipe_smb::NtStatus;
use standpipe_smb::server::{DisconnectReason, Event};

use crate::log_limit::{Kind, LogLimit};
use crate::operation::Shared;

/// Counts and logs an event of the connection from `peer`. What strangers sent is printed escaped; what they
/// can cause any number of is counted each time and logged a limited number of times.
pub(crate) fn record(event: &Event, peer: SocketAddr, shared: &Shared) {
    let Shared { config, counters, log, .. } = shared;
    match event {
        Event::Negotiated { dialect } => tracing::debug!(%peer, %dialect, "negotiated"),
        Event::Challenged => tracing::trace!(%peer, "asked for a proof"),
        Event::Answered => tracing::trace!(%peer, "proved a password"),
        Event::LoggedOn { user } => {
            counters.log_ons.add();
            tracing::info!(%peer, %user, "logged on");
        }
        Event::LoggedOnAgain { user } => tracing::debug!(%peer, %user, "logged on again"),
        Event::SessionExpired { user } => tracing::debug!(%peer, %user, "the session has expired"),
        Event::SessionLapsed { user } => {
            tracing::info!(%peer, %user, "the user did not log on again: the expired session has ended");
        }
        Event::SessionReplaced { user } => {
            tracing::info!(%peer, %user, "the user came back in another session: this one has ended");
        }
        Event::AccountGone { user } => {
            tracing::warn!(%peer, %user, "the account was removed or disabled: the session has ended");
        }
        Event::LogonRefused { user, status, kind, reason } => {
            counters.log_on_refused(*kind);
            // Names that nobody has can be invented without end.
            let account = user.as_deref().map(standpipe_security::upcase);
            let account = account.filter(|name| config.accounts.find(name).is_some());
            let line = match account {
                Some(account) => log.line_about(Kind::LogOn, &account),
                None => log.line(Kind::LogOn),
            };
            if let Some(line) = line {
                let suppressed = line.suppressed;
                let (user, status) = (user.as_deref(), format!("{status:?}"));
                tracing::warn!(%peer, user, status, %reason, suppressed, "log-on refused");
            }
        }
        Event::TreeRefused { user, path, status } => {
            if let Some(line) = log.line(Kind::Open) {
                let (suppressed, status) = (line.suppressed, format!("{status:?}"));
                tracing::warn!(%peer, %user, path = path.as_str(), status, suppressed, "share refused: there is IPC$ only");
            }
        }
        Event::LoggedOff { user } => tracing::debug!(%peer, %user, "logged off"),
        Event::Opened { user, pipe } => {
            let pipe = config.pipes.get(pipe.0).map_or("", |pipe| pipe.name.as_str());
            tracing::debug!(%peer, %user, pipe, "opened");
        }
        Event::OpenRefused { user, name, desired, status, reason } => {
            counters.opens_refused.add();
            // What is wrong with a service is told where it is found out; that one is in use is no news.
            if matches!(*status, NtStatus::PIPE_NOT_AVAILABLE | NtStatus::INSTANCE_NOT_AVAILABLE) {
                tracing::debug!(%peer, %user, pipe = name.as_str(), ?status, %reason, "open refused");
            } else if let Some(line) = log.line(Kind::Open) {
                let (suppressed, desired) = (line.suppressed, RightsInWords(*desired));
                let status = format!("{status:?}");
                tracing::warn!(%peer, %user, pipe = name.as_str(), %desired, status, %reason, suppressed, "open refused");
            }
        }
        Event::BadSignature { missing } => {
            counters.bad_signatures.add();
            if let Some(line) = log.line(Kind::Signature) {
                let suppressed = line.suppressed;
                tracing::warn!(%peer, missing, suppressed, "a request was not signed, or not with the session's key");
            }
        }
    }
}

/// Logs why a connection ends.
pub(crate) fn disconnected(reason: &DisconnectReason, peer: SocketAddr, log: &LogLimit) {
    let kind = match reason {
        DisconnectReason::Drained => return tracing::debug!(%peer, "drained"),
        DisconnectReason::Idle => {
            return tracing::info!(%peer, "closing: nothing is open, and nothing happens");
        }
        DisconnectReason::LogonTimeout | DisconnectReason::TooManyFailedLogons => Kind::LogOn,
        _ => Kind::Closed,
    };
    let Some(line) = log.line(kind) else {
        return;
    };
    let suppressed = line.suppressed;
    match reason {
        DisconnectReason::Drained | DisconnectReason::Idle => {}
        DisconnectReason::FrameTooSlow => {
            tracing::warn!(%peer, suppressed, "closing: a frame did not arrive whole in time");
        }
        DisconnectReason::KeyUsedUp => {
            tracing::warn!(%peer, suppressed, "closing: the session's encryption key is used up");
        }
        DisconnectReason::ReplyNotFramed => {
            tracing::error!(%peer, suppressed, "closing: a reply could not be framed");
        }
        DisconnectReason::Malformed(_)
        | DisconnectReason::Violation(_)
        | DisconnectReason::Smb1NotServed
        | DisconnectReason::CompoundTooLong { .. } => {
            let what = reason.to_string();
            tracing::warn!(%peer, what, suppressed, "closing: broken protocol");
        }
        DisconnectReason::FrameTooLong { length, limit } => {
            tracing::warn!(%peer, length, limit, suppressed, "closing: a frame is too long");
        }
        DisconnectReason::LogonTimeout => {
            tracing::info!(%peer, suppressed, "closing: nobody logged on in time");
        }
        DisconnectReason::TooManyFailedLogons => {
            tracing::warn!(%peer, suppressed, "closing: too many failed log-ons");
        }
        DisconnectReason::NegotiationTampered => {
            tracing::warn!(%peer, suppressed, "closing: the negotiation was tampered with");
        }
    }
}
