//! What a connection knows: each part owns its fields, and a command gets only the parts that it may touch
//! (the table in [`dispatch`](super::dispatch) hands them out).

mod credits;
mod folders;
mod holdings;
mod ledger;
mod negotiated;
mod opens;
mod outputs;
mod pending;
mod pipe_end;
mod random;
mod session;
mod sessions;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

pub(crate) use credits::CreditWindow;
pub(crate) use folders::{Folder, Folders};
pub(crate) use holdings::Holdings;
pub(crate) use ledger::Ledger;
pub(crate) use negotiated::{Negotiated, Phase};
pub(crate) use opens::{Asked, ConnectedOpen, Granted, OpenPlace, Opens};
pub(crate) use outputs::Outputs;
pub(crate) use pending::{Pending, PendingId, PendingRequests, ReplyTo, Rest, WaitsFor};
pub(crate) use pipe_end::{LOST, PipeEnd, Reader, Taken, Writer};
pub(crate) use random::Random;
pub(crate) use session::{Established, LogOn, Protection, Session};
pub(crate) use sessions::Sessions;

use super::budget::Budgets;
use super::{Config, LogonGate, Now, PipeId};

/// Everything that a command may touch, part by part.
pub(crate) struct State {
    pub(crate) config: Arc<Config>,
    pub(crate) random: Random,
    pub(crate) phase: Phase,
    pub(crate) gate: Option<Box<dyn LogonGate>>,
    /// What accounts may hold over all connections; without it, each connection has limits of its own only.
    pub(crate) budgets: Option<Arc<dyn Budgets>>,
    /// The pipe that every name opens which no pipe has. Only conformance tests have one.
    pub(crate) other_names: Option<PipeId>,
    /// How far the end of the connection is, once the server is about to stop.
    pub(crate) drain: Option<Drain>,
    pub(crate) holdings: Holdings,
}

/// A connection of a server that is about to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drain {
    /// When something last went between the client and a service, or when the stop was asked for.
    pub(crate) quiet_since: Duration,
}

impl State {
    /// The state of a connection that was just accepted.
    pub(crate) fn new(config: Arc<Config>, seed: [u8; 32], now: Now) -> Self {
        Self {
            random: Random::new(seed),
            phase: Phase::Fresh,
            gate: None,
            budgets: None,
            other_names: None,
            drain: None,
            holdings: Holdings::new(&config, now),
            config,
        }
    }
}
