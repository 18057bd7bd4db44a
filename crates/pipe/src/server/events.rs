//! From the state machine's events to log lines and counters.

use std::net::SocketAddr;

use standpipe_smb::server::{Config, DisconnectReason, Event};

use super::counters::Counters;

/// Counts and logs an event of the connection from `peer`. What strangers sent is printed escaped.
pub(super) fn record(event: &Event, peer: SocketAddr, config: &Config, counters: &Counters) {
    match event {
        Event::Negotiated { dialect } => tracing::debug!(%peer, ?dialect, "negotiated"),
        Event::LoggedOn { user } => {
            counters.log_ons.add();
            tracing::info!(%peer, %user, "logged on");
        }
        Event::LogonRefused { user, status, reason } => {
            counters.log_ons_refused.add();
            tracing::warn!(%peer, ?user, ?status, %reason, "log-on refused");
        }
        Event::LoggedOff { user } => tracing::debug!(%peer, %user, "logged off"),
        Event::Opened { user, pipe } => {
            let pipe = config.pipes.get(pipe.0).map_or("", |pipe| pipe.name.as_str());
            tracing::debug!(%peer, %user, pipe, "opened");
        }
        Event::OpenRefused { user, name, desired, status, reason } => {
            counters.opens_refused.add();
            tracing::warn!(%peer, %user, pipe = ?name, %desired, ?status, %reason, "open refused");
        }
        Event::BadSignature { missing } => {
            counters.bad_signatures.add();
            tracing::warn!(%peer, missing, "a request was not signed, or not with the session's key");
        }
    }
}

/// Logs why a connection ends.
pub(super) fn disconnected(reason: &DisconnectReason, peer: SocketAddr) {
    match reason {
        DisconnectReason::Drained => tracing::debug!(%peer, "drained"),
        DisconnectReason::Protocol(what) => tracing::warn!(%peer, what, "closing: broken protocol"),
        DisconnectReason::FrameTooLong { length, limit } => {
            tracing::warn!(%peer, length, limit, "closing: a frame is too long");
        }
        DisconnectReason::LogonTimeout => tracing::info!(%peer, "closing: nobody logged on in time"),
        DisconnectReason::TooManyFailedLogons => tracing::warn!(%peer, "closing: too many failed log-ons"),
        DisconnectReason::NegotiationTampered => {
            tracing::warn!(%peer, "closing: the negotiation was tampered with");
        }
    }
}
