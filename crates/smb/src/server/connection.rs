//! The connection: frames in, requests dispatched, replies out.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

use super::credits::CreditWindow;
use super::frames::Frames;
use super::negotiate::{Negotiated, Phase};
use super::open::Open;
use super::pending::{Chain, Operation, Pending, PendingId, PendingTable};
use super::session::Session;
use super::{Config, DisconnectReason, Event, Input, LogonGate, Now, OpenId, Output};
use crate::NtStatus;
use crate::crypto::SessionKeys;
use crate::crypto::encryption::{Sealer, TransformHeader};
use crate::wire::header::{PROTOCOL_SMB1, PROTOCOL_SMB2, PROTOCOL_TRANSFORM};
use crate::wire::{FRAME_PREFIX, FramePrefix, frame_prefix};

/// How much a frame may be longer than the largest transfer after log-on: headers, names and compounds.
const FRAME_OVERHEAD: usize = 64 * 1024;

/// The server's half of one transport connection. See the [module](super) for the order of calls.
pub struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) random: ChaCha20Rng,
    pub(super) phase: Phase,
    /// The beginning of a frame whose end has not arrived.
    partial: Vec<u8>,
    pub(super) frames: Frames,
    outputs: VecDeque<Output>,
    pub(super) window: CreditWindow,
    // Boxed, as a map has room for eleven before it needs more, and most connections have one.
    pub(super) sessions: BTreeMap<u64, Session>,
    pub(super) opens: BTreeMap<OpenId, Box<Open>>,
    pub(super) pending: PendingTable,
    /// What encrypts the replies of each session that can be encrypted. One that has ended keeps its own until
    /// its last replies are written.
    pub(super) sealers: BTreeMap<u64, Box<Sealer>>,
    /// Requests that failed while another was being dispatched; they are answered after it.
    /// What backends have not taken yet, and the rest of compounds that wait, in bytes.
    pub(super) backlog: usize,
    /// Received bytes that are not looked at before the client has taken more of its replies.
    held: Vec<u8>,
    pub(super) deferred: VecDeque<(PendingId, NtStatus)>,
    pub(super) failed_logons: u32,
    /// Whether anybody has ever logged on.
    pub(super) had_session: bool,
    pub(super) gate: Option<Box<dyn LogonGate>>,
    /// By when somebody must have logged on; `None` while there is a session of somebody who has.
    pub(super) logon_deadline: Option<Duration>,
    pub(super) draining: bool,
}

impl Connection {
    /// A connection that was just accepted. Every random number it needs comes from `seed`, which must not be
    /// used twice.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Now) -> Connection {
        Connection {
            window: CreditWindow::new(config.limits.credits),
            logon_deadline: Some(now.monotonic.saturating_add(config.limits.logon_timeout)),
            config,
            random: ChaCha20Rng::from_seed(seed),
            phase: Phase::Fresh,
            partial: Vec::new(),
            frames: Frames::default(),
            outputs: VecDeque::new(),
            sessions: BTreeMap::new(),
            opens: BTreeMap::new(),
            pending: PendingTable::default(),
            sealers: BTreeMap::new(),
            backlog: 0,
            held: Vec::new(),
            deferred: VecDeque::new(),
            failed_logons: 0,
            had_session: false,
            gate: None,
            draining: false,
        }
    }

    /// Asks this gate about every log-on from now on.
    #[must_use]
    pub fn with_gate(mut self, gate: Box<dyn LogonGate>) -> Connection {
        self.gate = Some(gate);
        self
    }

    /// Takes an input in. Afterwards there may be bytes to transmit, outputs, and another time to wake up.
    #[expect(clippy::needless_pass_by_value, reason = "an input is used up")]
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.is_closed() {
            return;
        }
        self.expire_sessions(now);
        match input {
            Input::Received(bytes) => self.received(now, bytes),
            Input::Timeout => self.timeout(now),
            Input::Opened { open, result } => self.opened(now, open, result),
            Input::Data { open, bytes } => self.data(now, open, bytes),
            Input::Written { open, result } => self.written(now, open, result),
            Input::Closed { open } => self.peer_closed(now, open),
            Input::Disconnected { open } => self.peer_disconnected(now, open),
            Input::Waited { wait, available } => self.waited(now, wait, available),
            Input::EndSession { session } => self.replaced(now, session),
            Input::Drain => self.drain(),
        }
        self.settle(now);
        let Connection { sealers, sessions, .. } = self;
        sealers.retain(|id, _| sessions.contains_key(id));
        if self.draining && self.opens.is_empty() && self.pending.is_empty() {
            self.disconnect(DisconnectReason::Drained);
        }
    }

    /// The next thing wanted from the shell.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Swaps the bytes to send with `into`, which must be empty; `false` if there are none.
    #[must_use]
    pub fn take_transmit(&mut self, into: &mut Vec<u8>) -> bool {
        debug_assert!(into.is_empty());
        if self.frames.is_empty() {
            return false;
        }
        self.frames.take(into);
        true
    }

    /// When to call [`Connection::handle`] with [`Input::Timeout`], on the clock of [`Now::monotonic`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.is_closed() {
            return None;
        }
        // What is held can be looked at as soon as the replies before it are taken.
        let resume = (!self.held.is_empty() && !self.is_full()).then_some(Duration::ZERO);
        let lapse = self.next_lapse();
        [self.pending.interim_due(), self.logon_deadline, lapse, resume].into_iter().flatten().min()
    }

    /// Whether the shell should read from this open's backend. Ask again after each input.
    #[must_use]
    pub fn wants_data(&self, open: OpenId) -> bool {
        let read_ahead = self.config.limits.read_ahead;
        !self.is_full() && self.opens.get(&open).is_some_and(|open| open.wants_data(read_ahead))
    }

    /// How many opens there are, those being connected included.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.opens.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    pub(super) fn output(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Closes the connection: everything that belongs to it ends here.
    pub(super) fn disconnect(&mut self, reason: DisconnectReason) {
        if self.is_closed() {
            return;
        }
        self.phase = Phase::Closed;
        for open in core::mem::take(&mut self.opens).into_keys() {
            self.output(Output::Close { open });
        }
        for id in self.pending.find(|_| true) {
            if let Some(Pending { operation: Operation::Wait(wait), .. }) = self.pending.remove(id) {
                self.output(Output::CancelWait { wait });
            }
        }
        self.sessions.clear();
        self.deferred.clear();
        self.partial = Vec::new();
        self.held = Vec::new();
        self.backlog = 0;
        self.output(Output::Disconnect(reason));
    }

    pub(super) fn random_id(&mut self) -> u64 {
        loop {
            let id = self.random.next_u64();
            // 0 and all ones have meanings of their own.
            if id != 0 && id != u64::MAX {
                return id;
            }
        }
    }

    pub(super) fn negotiated(&self) -> Option<&Negotiated> {
        match &self.phase {
            Phase::Negotiated(negotiated) => Some(negotiated),
            _ => None,
        }
    }

    /// Whether there is a session of somebody who has logged on, be it expired.
    pub(super) fn has_established_session(&self) -> bool {
        self.sessions.values().any(|session| session.established().is_some())
    }

    /// Whether the client has to take some of its replies before more are made.
    fn is_full(&self) -> bool {
        self.frames.len() > self.high_water()
    }

    /// How many bytes of replies are made before the client has taken any.
    pub(super) fn high_water(&self) -> usize {
        2 * self.config.limits.max_transfer as usize
    }

    fn received(&mut self, now: Now, bytes: &[u8]) {
        if self.held.is_empty() {
            self.take_in(now, bytes);
        } else {
            self.held.extend_from_slice(bytes);
            self.resume(now);
        }
    }

    /// Goes on with what was held.
    pub(super) fn resume(&mut self, now: Now) {
        if !self.held.is_empty() && !self.is_full() {
            let held = core::mem::take(&mut self.held);
            self.take_in(now, &held);
        }
    }

    fn take_in(&mut self, now: Now, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_closed() {
            if self.is_full() {
                self.held = bytes.to_vec();
                return;
            }
            if self.partial.is_empty()
                && let Some((prefix, rest)) = bytes.split_first_chunk()
            {
                let Some(length) = self.frame_length(*prefix) else {
                    return;
                };
                if let Some((message, rest)) = rest.split_at_checked(length) {
                    self.message(now, message);
                    bytes = rest;
                    continue;
                }
            }
            let Some(wanted) = self.partial_wants() else {
                return;
            };
            let (taken, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.partial.extend_from_slice(taken);
            bytes = rest;
            if self.partial.len() >= FRAME_PREFIX && self.partial_wants() == Some(0) {
                let mut frame = core::mem::take(&mut self.partial);
                self.message(now, frame.get(FRAME_PREFIX..).unwrap_or_default());
                frame.clear();
                frame.shrink_to(FRAME_OVERHEAD);
                self.partial = frame;
            }
        }
    }

    /// How many bytes are missing of the frame's prefix or, once that is known, of the frame.
    fn partial_wants(&mut self) -> Option<usize> {
        match self.partial.first_chunk().copied() {
            None => Some(FRAME_PREFIX - self.partial.len()),
            Some(prefix) => {
                self.frame_length(prefix).map(|length| FRAME_PREFIX + length - self.partial.len())
            }
        }
    }

    /// The length that a frame's prefix tells; closes the connection if that is not allowed now.
    fn frame_length(&mut self, prefix: [u8; FRAME_PREFIX]) -> Option<usize> {
        let limit = if self.has_established_session() {
            self.config.limits.max_transfer as usize + FRAME_OVERHEAD
        } else {
            self.config.limits.frame_before_logon
        };
        match frame_prefix(prefix) {
            FramePrefix::Message(length) if length <= limit => Some(length),
            FramePrefix::Message(length) => {
                self.disconnect(DisconnectReason::FrameTooLong { length, limit });
                None
            }
            FramePrefix::Unknown(_) => {
                self.disconnect(DisconnectReason::Protocol("not a direct TCP frame"));
                None
            }
        }
    }

    fn message(&mut self, now: Now, message: &[u8]) {
        match message.first_chunk() {
            Some(&PROTOCOL_SMB2) => {
                self.frames.begin();
                self.chain(now, message, Chain::new(None));
            }
            Some(&PROTOCOL_TRANSFORM) => self.sealed_message(now, message),
            Some(&PROTOCOL_SMB1) => self.smb1(now, message),
            // An empty frame is a keep-alive of NetBIOS ([RFC 1002] 4.3.6); strangers have nothing to keep.
            None if message.is_empty() && self.has_established_session() => {}
            // Compression is not offered.
            _ => self.disconnect(DisconnectReason::Protocol("unknown protocol id")),
        }
    }

    /// An encrypted message, [MS-SMB2] 3.3.5.2.1.1: whatever is wrong with it, the connection is closed.
    fn sealed_message(&mut self, now: Now, message: &[u8]) {
        let Ok(TransformHeader { session_id }) = TransformHeader::decode(message) else {
            return self.disconnect(DisconnectReason::Protocol("malformed encrypted message"));
        };
        let session = self.sessions.get(&session_id).and_then(Session::established);
        let Some(opener) = session.and_then(|valid| valid.opener.as_ref()) else {
            return self.disconnect(DisconnectReason::Protocol("encrypted for a session without keys"));
        };
        let mut message = message.to_vec();
        match opener.open(&mut message) {
            Ok(inner) if inner.first_chunk() == Some(&PROTOCOL_SMB2) => {
                self.frames.begin();
                self.chain(now, inner, Chain::new(Some(session_id)));
            }
            Ok(_) => self.disconnect(DisconnectReason::Protocol("no SMB2 message inside an encrypted one")),
            Err(_) => {
                self.event(Event::BadSignature { missing: false });
                self.disconnect(DisconnectReason::Protocol("an encrypted message was changed"));
            }
        }
    }

    /// Ends the frame being written, encrypted with the key of this session.
    pub(super) fn end_frame(&mut self, sealed: Option<u64>) {
        let sealer = sealed.and_then(|id| self.sealers.get_mut(&id)).map(Box::as_mut);
        let sealable = sealed.is_none() || sealer.is_some();
        if !sealable || !self.frames.end(sealer) {
            self.frames.abandon();
            self.disconnect(DisconnectReason::Protocol("the session's key is used up"));
        }
    }

    /// The ids of a client whose SMB1 NEGOTIATE used the first one ([MS-SMB2] 3.3.5.3.1); gives its credits.
    pub(super) fn open_window(&mut self) -> u16 {
        self.window.consume(0, 1);
        self.window.grant(1)
    }

    pub(super) fn keys_of(&self, session_id: u64) -> Option<Arc<SessionKeys>> {
        self.sessions.get(&session_id).and_then(Session::established).map(|valid| Arc::clone(&valid.keys))
    }
}
