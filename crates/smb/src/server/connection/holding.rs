//! What the connection holds, and when it waits for room.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::Connection;
use crate::server::OpenId;
use crate::server::budget::{AccountBudget, CONNECTION_FLOOR, FRAME_RESERVE};

impl Connection {
    /// The account that is charged for what this connection holds, once a user has logged on. A shell asks it
    /// before it fetches a long message from a service.
    #[must_use]
    pub fn budget(&self) -> Option<&Arc<AccountBudget>> {
        self.state.holdings.ledger.budget()
    }

    /// Whether the shell should read from the client. `false` in the middle of a long frame for whose rest
    /// there is no room in the budget, and the account has begun other such frames; ask again after a while.
    /// Short requests are always taken, as they can give room back.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        let begun = self.deframer.held() + self.held.len();
        let ledger = &self.state.holdings.ledger;
        begun < CONNECTION_FLOOR / 2
            || ledger.room() >= CONNECTION_FLOOR
            || ledger.budget().is_none_or(|budget| budget.memory.overdrawn() < FRAME_RESERVE)
    }

    /// Lends memory for a frame that arrives in pieces, for the next [`Connection::handle`]. Worth it for
    /// long input, and when [`Connection::awaits_rest`]: the memory of a former frame serves this one.
    pub fn lend(&mut self, memory: Vec<u8>) {
        self.deframer.lend(memory);
    }

    /// Gives memory for the reply to come with this many bytes of a service: the shell's from a former one.
    pub fn lend_for_reply(&mut self, memory: Vec<u8>, bytes: usize) {
        self.replies.lend(memory, bytes);
    }

    /// Gives back what was lent, or the memory of a frame that is whole. What a frame needs stays, and
    /// counts.
    pub fn take_back(&mut self) -> Vec<u8> {
        self.deframer.take_back()
    }

    /// Whether a frame has begun whose end has not arrived.
    #[must_use]
    pub fn awaits_rest(&self) -> bool {
        self.deframer.awaited().is_some()
    }

    /// Says how many bytes the shell holds of what [`Connection::take_transmit`] gave.
    pub fn set_unsent(&mut self, bytes: usize) {
        if self.unsent != bytes {
            self.unsent = bytes;
            self.settle();
        }
    }

    /// Takes what is held from the budget, or gives back what is held no more.
    pub(super) fn settle(&mut self) {
        let own =
            self.replies.held() + self.unsent + self.deframer.held() + self.held.len() + self.paused_bytes;
        let holdings = &mut self.state.holdings;
        holdings.ledger.settle(own + holdings.held());
        holdings.pending.set_room(holdings.ledger.room());
    }

    /// Whether the budget has no room for the longest reply.
    pub(super) fn is_short(&self) -> bool {
        self.state.holdings.ledger.room() < self.state.config.limits.max_transfer as usize
    }

    /// Whether something of what the client sent waits until more of its replies are taken.
    pub(super) fn is_held_up(&self) -> bool {
        !(self.held.is_empty() && self.paused.is_empty())
    }

    /// The shell has looked how much of what was written the service has not read.
    pub(super) fn set_unread(&mut self, open: OpenId, bytes: usize) {
        let opens = &mut self.state.holdings.opens;
        if let Some(end) = opens.end_of(open) {
            end.set_unread(bytes);
            opens.recount(open);
        }
    }

    /// By when the frame has to be whole that has begun.
    pub(super) fn frame_deadline(&self) -> Option<Duration> {
        let limits = &self.state.config.limits;
        let (since, length) = (self.frame_since?, self.deframer.awaited()?);
        let extra = Duration::from_secs((length / limits.frame_rate.max(1)) as u64);
        Some(since.saturating_add(limits.frame_time).saturating_add(extra))
    }

    /// When the connection ends if nothing happens on it.
    pub(super) fn idle_end(&self) -> Option<Duration> {
        let holdings = &self.state.holdings;
        let is_idle =
            holdings.opens.is_empty() && holdings.pending.is_empty() && holdings.sessions.has_established();
        is_idle.then(|| self.heard.saturating_add(self.state.config.limits.idle_time))
    }
}
