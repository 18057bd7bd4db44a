//! The connection: bytes and events in, replies and requests to the shell out.

mod admission;
mod backend;
mod completion;
mod compound;
mod holding;
mod receive;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

#[cfg(feature = "conformance")]
use super::PipeId;
use super::budget::{Budgets, CONNECTION_FLOOR};
use super::commands::create;
use super::replies::{NotFramed, Replies};
use super::state::{CreditWindow, Drain, Phase, Rest, State};
use super::{Config, DisconnectReason, Input, LogonGate, Now, OpenId, Output, ServiceEnd};
use crate::NtStatus;
use crate::wire::Deframer;

/// How long opens on which no request is under way are kept when the server drains, after the last traffic: a
/// client that has opened a pipe may be about to write.
const DRAIN_QUIET: Duration = Duration::from_secs(1);

/// How many bytes of replies are made before the client has taken any, where the budget has no room for a
/// long one.
const SHORT_OF_REPLIES: usize = CONNECTION_FLOOR / 4;

/// The server's half of one transport connection. See the [module](super) for the order of calls.
pub struct Connection {
    state: State,
    deframer: Deframer,
    /// Received bytes that are not looked at before the client has taken more of its replies.
    held: Vec<u8>,
    replies: Replies,
    credits: CreditWindow,
    /// Keep-alives that came before a user had logged on.
    keep_alives: u32,
    /// Requests of compounds that go on once the client has taken more of its replies, and how long they are.
    paused: VecDeque<Rest>,
    paused_bytes: usize,
    /// What the shell has taken to transmit and the client has not taken, in bytes.
    unsent: usize,
    /// When the frame began whose end has not arrived.
    frame_since: Option<Duration>,
    /// When something last went between the client and a service.
    heard: Duration,
}

impl Connection {
    /// A connection that was just accepted. Every random number it needs comes from `seed`, which must not be
    /// used twice.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Now) -> Self {
        Self {
            credits: CreditWindow::new(config.limits.credits),
            state: State::new(config, seed, now),
            deframer: Deframer::default(),
            held: Vec::new(),
            replies: Replies::default(),
            keep_alives: 0,
            paused: VecDeque::new(),
            paused_bytes: 0,
            unsent: 0,
            frame_since: None,
            heard: now.monotonic,
        }
    }

    /// Asks this gate about every log-on from now on.
    #[must_use]
    pub fn with_gate(mut self, gate: Box<dyn LogonGate>) -> Self {
        self.state.gate = Some(gate);
        self
    }

    /// Has every account hold no more than these say, over all connections that have them.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Arc<dyn Budgets>) -> Self {
        self.state.budgets = Some(budgets);
        self
    }

    /// Opens this pipe by every name that no pipe has, as a file that was just created: for conformance tests
    /// with clients that only know files.
    #[cfg(feature = "conformance")]
    #[must_use]
    pub fn with_other_names(mut self, pipe: PipeId) -> Self {
        self.state.other_names = Some(pipe);
        self
    }

    /// Takes an input in. Afterwards there may be bytes to transmit, outputs, and another time to wake up.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.state.phase.is_closed() {
            return;
        }
        self.state.holdings.expire_sessions(now);
        let is_traffic = matches!(input, Input::Received(_) | Input::Data { .. } | Input::Opened { .. });
        if is_traffic {
            self.heard = now.monotonic;
        }
        match input {
            Input::Received(bytes) => self.received(now, bytes),
            Input::Timeout => self.timeout(now),
            Input::Opened { open, result } => self.opened(now, open, result),
            Input::Data { open, bytes } => self.data(now, open, bytes),
            Input::Written { open, result } => self.written(now, open, result),
            Input::Unread { open, bytes } => self.set_unread(open, bytes),
            Input::Closed { open } => self.backend_closed(now, open),
            Input::Disconnected { open } => self.backend_disconnected(now, open),
            Input::Lost { open } => self.backend_lost(now, open),
            Input::Waited { wait, available } => self.waited(now, wait, available),
            Input::EndSession { session } => self.state.holdings.end_replaced(now, session),
            Input::AccountGone { session } => self.state.holdings.end_without_account(now, session),
            Input::Drain => self.drain(now),
        }
        self.answer_deferred(now);
        let holdings = &mut self.state.holdings;
        holdings.sessions.forget_unused_sealers();
        if let Some(drain) = &mut self.state.drain {
            if is_traffic {
                drain.quiet_since = now.monotonic;
            }
            self.end_if_drained(now);
        }
        self.settle();
    }

    /// The next thing asked of the shell.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.state.holdings.outputs.pop()
    }

    /// Takes back the buffer of an [`Output::Write`] that the shell needs no more, for the next one.
    pub fn recycle(&mut self, bytes: Vec<u8>) {
        self.state.holdings.outputs.recycle(bytes);
    }

    /// Swaps the bytes to send with `into`, which must be empty; `false` if there are none.
    #[must_use]
    pub fn take_transmit(&mut self, into: &mut Vec<u8>) -> bool {
        debug_assert!(into.is_empty());
        if self.replies.is_empty() {
            return false;
        }
        self.replies.take(into);
        true
    }

    /// When to call [`Connection::handle`] with [`Input::Timeout`], on the clock of [`Now::monotonic`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.state.phase.is_closed() {
            return None;
        }
        let resume = self.can_resume().then_some(Duration::ZERO);
        let holdings = &self.state.holdings;
        let (logon_deadline, lapse) = (holdings.sessions.logon_deadline(), holdings.sessions.next_lapse());
        let idle = self.idle_since().map(|since| since + DRAIN_QUIET);
        let interim = holdings.pending.interim_due();
        [interim, logon_deadline, lapse, resume, idle, self.frame_deadline(), self.idle_end()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether something that the client has sent was held back until replies are taken, and can be looked at
    /// now: then the time of [`Connection::next_timeout`] has come.
    #[must_use]
    pub fn can_resume(&self) -> bool {
        self.is_held_up() && !self.is_full() && !self.state.phase.is_closed()
    }

    /// Whether the shell should read from this open's backend. Ask again after each input.
    #[must_use]
    pub fn wants_data(&self, open: OpenId) -> bool {
        // Without room for a long message, only an open for which nothing is held is read from, and the shell
        // looks at the length of what comes.
        let read_ahead = if self.is_short() { 1 } else { self.state.config.limits.read_ahead };
        !self.is_full() && self.state.holdings.opens.wants_data(open, read_ahead)
    }

    /// Whether this open is connected to its service and its caller has passed every access check.
    #[must_use]
    pub fn is_connected(&self, open: OpenId) -> bool {
        self.state.holdings.opens.is_connected(open)
    }

    /// Whether this open, which waits for its backend, would be refused if the backend answered with `end`. A
    /// shell that remembers the end of a moment ago can give that answer without asking the service, so that
    /// a caller who may not use the pipe does not keep others from it.
    #[must_use]
    pub fn would_refuse(&self, open: OpenId, end: &ServiceEnd) -> bool {
        create::would_refuse(open, end, &self.state.config, &self.state.holdings.opens)
    }

    /// How many opens there are, those being connected included.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.state.holdings.opens.len()
    }

    /// Closes the connection: everything that belongs to it ends here.
    fn disconnect(&mut self, reason: DisconnectReason) {
        if self.state.phase.is_closed() {
            return;
        }
        self.state.phase = Phase::Closed;
        self.state.holdings.end_all();
        self.deframer = Deframer::default();
        self.held = Vec::new();
        self.paused.clear();
        self.paused_bytes = 0;
        self.state.holdings.outputs.push(Output::Disconnect(reason));
    }

    fn timeout(&mut self, now: Now) {
        let deadline = self.state.holdings.sessions.logon_deadline();
        if deadline.is_some_and(|deadline| deadline <= now.monotonic) {
            return self.disconnect(DisconnectReason::LogonTimeout);
        }
        if self.frame_deadline().is_some_and(|deadline| deadline <= now.monotonic) {
            return self.disconnect(DisconnectReason::FrameTooSlow);
        }
        if self.idle_end().is_some_and(|end| end <= now.monotonic) {
            return self.disconnect(DisconnectReason::Idle);
        }
        self.resume(now);
        self.send_interims(now);
    }

    fn drain(&mut self, now: Now) {
        self.state.drain.get_or_insert(Drain { quiet_since: now.monotonic });
        let holdings = &mut self.state.holdings;
        holdings.pending.end_waits(&mut holdings.outputs, NtStatus::PIPE_NOT_AVAILABLE, |_| true);
    }

    /// Since when nothing was under way on any open, while the server drains; `None` while something is.
    fn idle_since(&self) -> Option<Duration> {
        let drain = self.state.drain?;
        self.state.holdings.opens.are_idle().then_some(drain.quiet_since)
    }

    /// Ends a connection of a server that drains once nothing is open, or what is open is only idle.
    fn end_if_drained(&mut self, now: Now) {
        let holdings = &self.state.holdings;
        if !(holdings.opens.is_empty() && holdings.pending.is_empty()) {
            if self.idle_since().is_none_or(|since| now.monotonic < since + DRAIN_QUIET) {
                return;
            }
            // Whoever waits for the service to say something by itself hears that it will not.
            for open in self.state.holdings.opens.all() {
                self.backend_closed(now, open);
            }
        }
        self.disconnect(DisconnectReason::Drained);
    }

    /// How many requests wait for the backend of this open to take what was written.
    #[cfg(test)]
    pub(super) fn writers_of(&mut self, open: OpenId) -> usize {
        self.state.holdings.opens.end_of(open).map_or(0, |end| end.writers().len())
    }

    /// Ends the frame being written, encrypted with the key of this session.
    fn end_frame(&mut self, encrypted_by: Option<u64>) {
        let result = match encrypted_by {
            None => self.replies.end(None),
            Some(id) => match self.state.holdings.sessions.sealer_of(id) {
                Some(sealer) => self.replies.end(Some(sealer)),
                None => Err(NotFramed::WithoutKey),
            },
        };
        if let Err(cause) = result {
            self.replies.abandon();
            self.disconnect(match cause {
                NotFramed::KeyUsedUp => DisconnectReason::KeyUsedUp,
                NotFramed::TooLong | NotFramed::WithoutKey => DisconnectReason::ReplyNotFramed,
            });
        }
    }

    /// Grants credits: one at a time until a user has logged on.
    fn grant(&mut self, requested: u16) -> u16 {
        let requested = if self.state.holdings.sessions.has_established() { requested } else { 1 };
        self.credits.grant(requested)
    }

    /// Whether the client has to take some of its replies before more are made.
    fn is_full(&self) -> bool {
        self.replies.len() > if self.is_short() { SHORT_OF_REPLIES } else { self.high_water() }
    }

    /// How many bytes of replies are made before the client has taken any.
    fn high_water(&self) -> usize {
        2 * self.state.config.limits.max_transfer as usize
    }
}
