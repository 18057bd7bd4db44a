//! The connection: frames in, requests dispatched, replies out.

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
use super::pending::{Operation, Pending, PendingId, PendingTable, Previous, ReplyTo, Rest};
use super::session::{Session, SessionState};
use super::{Config, DisconnectReason, Event, Input, Now, OpenId, Output};
use crate::NtStatus;
use crate::crypto::{Sender, SessionKeys};
use crate::wire::header::{PROTOCOL_SMB1, PROTOCOL_SMB2};
use crate::wire::{
    Command, Empty, FRAME_PREFIX, FileId, Flags, FramePrefix, Header, Malformed, encode_error, frame_prefix,
};

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
    window: CreditWindow,
    pub(super) sessions: BTreeMap<u64, Session>,
    pub(super) opens: BTreeMap<OpenId, Open>,
    pub(super) pending: PendingTable,
    /// Requests that failed while another was being dispatched; they are answered after it.
    deferred: VecDeque<(PendingId, NtStatus)>,
    pub(super) failed_logons: u32,
    /// By when somebody must have logged on; `None` while a session is valid.
    pub(super) logon_deadline: Option<Duration>,
    pub(super) draining: bool,
}

/// A request being dispatched.
pub(super) struct Request<'a> {
    pub(super) header: Header,
    /// The request from its header on, with its padding.
    pub(super) message: &'a [u8],
    /// The session, taken from the element before if the request is related to it.
    pub(super) session_id: u64,
    /// The tree connect, likewise.
    pub(super) tree_id: u32,
    /// Its name, should it have to wait.
    pub(super) id: PendingId,
    previous: Option<Previous>,
}

impl Request<'_> {
    /// The open that a request means: its own FileId or, in a related compound, that of the element before.
    pub(super) fn file_id(&self, own: FileId) -> Result<FileId, NtStatus> {
        match self.previous {
            Some(previous) if own == FileId::ANY => previous.file?.ok_or(NtStatus::INVALID_HANDLE),
            _ => Ok(own),
        }
    }
}

/// How a request was handled.
pub(super) enum Handled {
    /// The body of the reply was appended.
    Done(NtStatus),
    /// Like `Done`; the open is what related requests mean.
    DoneWith(NtStatus, FileId),
    /// The reply carries only a status.
    Fail(NtStatus),
    /// The reply comes later.
    Wait(Operation, FileId),
    /// The connection must be closed.
    Disconnect(DisconnectReason),
}

impl From<NtStatus> for Handled {
    fn from(status: NtStatus) -> Handled {
        Handled::Fail(status)
    }
}

impl From<Malformed> for Handled {
    fn from(_: Malformed) -> Handled {
        Handled::Fail(NtStatus::INVALID_PARAMETER)
    }
}

/// What to do with the rest of a compound.
enum Flow {
    Next(Previous),
    Wait(PendingId, Previous),
    Stop,
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
            deferred: VecDeque::new(),
            failed_logons: 0,
            draining: false,
        }
    }

    /// Takes an input in. Afterwards there may be bytes to transmit, outputs, and another time to wake up.
    #[expect(clippy::needless_pass_by_value, reason = "an input is used up")]
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        if self.is_closed() {
            return;
        }
        match input {
            Input::Received(bytes) => self.received(now, bytes),
            Input::Timeout => self.timeout(now),
            Input::Opened { open, result } => self.opened(now, open, result),
            Input::Data { open, bytes } => self.data(now, open, bytes),
            Input::Written { open, result } => self.written(now, open, result),
            Input::Closed { open } => self.peer_closed(now, open),
            Input::Disconnected { open } => self.peer_disconnected(now, open),
            Input::Waited { wait, available } => self.waited(now, wait, available),
            Input::Drain => self.drain(now),
        }
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
        [self.pending.interim_due(), self.logon_deadline].into_iter().flatten().min()
    }

    /// Whether the shell should read from this open's backend. Ask again after each input.
    #[must_use]
    pub fn wants_data(&self, open: OpenId) -> bool {
        self.opens.get(&open).is_some_and(|open| open.wants_data(self.config.limits.read_ahead))
    }

    /// How many opens there are, those being connected included.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.opens.len()
    }

    fn is_closed(&self) -> bool {
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

    fn has_valid_session(&self) -> bool {
        self.sessions.values().any(|session| matches!(session.state, SessionState::Valid(_)))
    }

    fn received(&mut self, now: Now, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.is_closed() {
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
        let limit = if self.has_valid_session() {
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
                self.chain(now, message, None, 0);
                self.settle(now);
            }
            Some(&PROTOCOL_SMB1) => self.smb1(now, message),
            // An empty frame is a keep-alive of NetBIOS ([RFC 1002] 4.3.6).
            None if message.is_empty() => {}
            // Encrypted and compressed messages are negotiated first, and neither is offered.
            _ => self.disconnect(DisconnectReason::Protocol("unknown protocol id")),
        }
    }

    /// Dispatches the elements of a compound in order, until one has to wait, and ends the frame of their replies.
    fn chain(&mut self, now: Now, bytes: &[u8], previous: Option<Previous>, elements: usize) {
        self.elements(now, bytes, previous, elements);
        self.frames.end();
    }

    fn elements(&mut self, now: Now, bytes: &[u8], mut previous: Option<Previous>, mut elements: usize) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Ok(header) = Header::decode(rest) else {
                return self.disconnect(DisconnectReason::Protocol("malformed header"));
            };
            let next = header.next_command as usize;
            let (element, following) = if next == 0 {
                (rest, &[][..])
            } else if next < crate::wire::header::HEADER_LEN || !next.is_multiple_of(8) || next >= rest.len()
            {
                return self.disconnect(DisconnectReason::Protocol("NextCommand leaves the message"));
            } else {
                rest.split_at(next)
            };
            elements += 1;
            if elements > self.config.limits.compound {
                return self.disconnect(DisconnectReason::Protocol("too many requests in a compound"));
            }
            match self.element(now, header, element, previous, !following.is_empty()) {
                Flow::Next(this) => previous = Some(this),
                Flow::Wait(id, this) => {
                    if !following.is_empty() {
                        let bytes = following.to_vec();
                        self.pending.set_rest(id, Rest { bytes, previous: this, elements });
                    }
                    break;
                }
                Flow::Stop => return,
            }
            rest = following;
        }
    }

    /// Dispatches one request.
    fn element(
        &mut self,
        now: Now,
        header: Header,
        message: &[u8],
        previous: Option<Previous>,
        more_follow: bool,
    ) -> Flow {
        if header.flags.contains(Flags::RESPONSE) {
            self.disconnect(DisconnectReason::Protocol("a client sent a response"));
            return Flow::Stop;
        }
        if header.command == Command::CANCEL {
            self.cancel(&header, message);
            return Flow::Next(previous.unwrap_or(Previous {
                session_id: header.session_id,
                tree_id: 0,
                file: Ok(None),
            }));
        }
        if !self.window.consume(header.message_id, header.credit_charge) {
            self.disconnect(DisconnectReason::Protocol("message id out of the window"));
            return Flow::Stop;
        }
        if header.command > Command::OPLOCK_BREAK {
            self.disconnect(DisconnectReason::Protocol("unknown command"));
            return Flow::Stop;
        }
        if self.negotiated().is_none() && header.command != Command::NEGOTIATE {
            self.disconnect(DisconnectReason::Protocol("a request before NEGOTIATE"));
            return Flow::Stop;
        }
        let related = header.flags.contains(Flags::RELATED);
        let inherited = previous.filter(|_| related);
        let (session_id, tree_id) = match inherited {
            Some(previous) => (previous.session_id, previous.tree_id),
            None => (header.session_id, header.tree_id().unwrap_or_default()),
        };
        let id = self.pending.name();
        let request = Request { header, message, session_id, tree_id, id, previous: inherited };
        let reply = ReplyTo {
            command: header.command,
            message_id: header.message_id,
            credit_charge: header.credit_charge,
            credits_requested: header.credits,
            session_id,
            tree_id,
            related,
            keys: self.keys_of(session_id),
        };

        self.frames.reply(&reply.header(NtStatus::SUCCESS, 0, None), reply.keys.clone());
        let handled = if related && inherited.is_none() {
            Handled::Fail(NtStatus::INVALID_PARAMETER)
        } else {
            match self.admit(&request) {
                Ok(()) => self.dispatch(now, &request),
                Err(refused) => refused,
            }
        };
        let mut this =
            Previous { session_id, tree_id, file: Ok(inherited.and_then(|p| p.file.ok().flatten())) };
        match handled {
            Handled::Done(status) => self.finish_reply(&reply, status, &request),
            Handled::DoneWith(status, file_id) => {
                this.file = Ok(Some(file_id));
                self.finish_reply(&reply, status, &request);
            }
            Handled::Fail(status) => {
                this.file = Err(status);
                encode_error(self.frames.clear_body());
                self.finish_reply(&reply, status, &request);
            }
            Handled::Wait(operation, file_id) => {
                self.frames.drop_reply();
                this.file = Ok(Some(file_id));
                // A request within a compound gets no interim reply: its successors wait for it anyway.
                let interim_at =
                    (!more_follow).then(|| now.monotonic.saturating_add(self.config.limits.interim_after));
                let pending = Pending { reply, operation, async_id: None, rest: None };
                self.pending.insert(id, pending, interim_at);
                return Flow::Wait(id, this);
            }
            Handled::Disconnect(reason) => {
                self.frames.drop_reply();
                self.disconnect(reason);
                return Flow::Stop;
            }
        }
        if self.is_closed() {
            return Flow::Stop;
        }
        // SESSION_SETUP and TREE_CONNECT make what later elements inherit.
        if let Ok(written) = Header::decode(self.frames.current())
            && matches!(header.command, Command::SESSION_SETUP | Command::TREE_CONNECT)
        {
            this.session_id = written.session_id;
            this.tree_id = written.tree_id().unwrap_or_default();
        }
        Flow::Next(this)
    }

    /// Completes the reply being written with its status and credits.
    fn finish_reply(&mut self, reply: &ReplyTo, status: NtStatus, request: &Request<'_>) {
        let credits = self.grant(reply.credits_requested);
        self.frames.set_status(status);
        self.frames.set_credits(credits);
        self.hash_reply(request, status);
    }

    /// Grants credits: one at a time until somebody has logged on.
    fn grant(&mut self, requested: u16) -> u16 {
        let requested = if self.has_valid_session() { requested } else { 1 };
        self.window.grant(requested)
    }

    /// Checks a request's signature, session and tree connect, [MS-SMB2] 3.3.5.2.4 to 3.3.5.2.11.
    fn admit(&mut self, request: &Request<'_>) -> Result<(), Handled> {
        let command = request.header.command;
        if command == Command::NEGOTIATE {
            return Ok(());
        }
        let session = self.sessions.get(&request.session_id);
        let valid = session.and_then(Session::valid);
        if request.header.flags.contains(Flags::SIGNED) {
            let Some(valid) = valid else {
                return Err(Handled::Fail(match session {
                    Some(_) => NtStatus::NOT_SUPPORTED,
                    None => NtStatus::USER_SESSION_DELETED,
                }));
            };
            if valid.keys.signing.verify(request.message, Sender::Client).is_err() {
                self.event(Event::BadSignature { missing: false });
                return Err(Handled::Fail(NtStatus::ACCESS_DENIED));
            }
        } else if let Some(valid) = valid
            && valid.signing_required
            && command != Command::SESSION_SETUP
        {
            self.event(Event::BadSignature { missing: true });
            // [MS-SMB2] 3.3.5.7: an unsigned TREE_CONNECT in 3.1.1 is answered by closing the connection.
            let smb311 = self.negotiated().is_some_and(|n| n.dialect == crate::Dialect::Smb311);
            return Err(if command == Command::TREE_CONNECT && smb311 {
                Handled::Disconnect(DisconnectReason::Protocol("unsigned TREE_CONNECT"))
            } else {
                Handled::Fail(NtStatus::ACCESS_DENIED)
            });
        }
        if command == Command::SESSION_SETUP || (command == Command::ECHO && request.session_id == 0) {
            return Ok(());
        }
        let Some(session) = self.sessions.get(&request.session_id) else {
            return Err(Handled::Fail(NtStatus::USER_SESSION_DELETED));
        };
        let Some(valid) = session.valid() else {
            return Err(Handled::Fail(NtStatus::SEC_E_UNSUPPORTED_FUNCTION));
        };
        let needs_tree = !matches!(command, Command::LOGOFF | Command::TREE_CONNECT | Command::ECHO);
        if needs_tree && !valid.trees.contains(&request.tree_id) {
            return Err(Handled::Fail(NtStatus::NETWORK_NAME_DELETED));
        }
        Ok(())
    }

    fn dispatch(&mut self, now: Now, request: &Request<'_>) -> Handled {
        let handled = match request.header.command {
            Command::NEGOTIATE => self.negotiate(now, request),
            Command::SESSION_SETUP => self.session_setup(now, request),
            Command::LOGOFF => self.logoff(now, request),
            Command::TREE_CONNECT => self.tree_connect(request),
            Command::TREE_DISCONNECT => self.tree_disconnect(request),
            Command::CREATE => self.create(request),
            Command::CLOSE => self.close(request),
            Command::FLUSH => self.flush(request),
            Command::READ => self.read(request),
            Command::WRITE => self.write(request),
            Command::IOCTL => self.ioctl(request),
            Command::ECHO => self.echo(request),
            Command::QUERY_INFO => self.query_info(request),
            Command::SET_INFO => self.set_info(request),
            // [MS-SMB2] 3.3.5.18 and 3.3.5.19: a pipe is no directory.
            Command::QUERY_DIRECTORY | Command::CHANGE_NOTIFY => Err(NtStatus::INVALID_PARAMETER.into()),
            _ => Err(NtStatus::NOT_SUPPORTED.into()),
        };
        handled.unwrap_or_else(|refused| refused)
    }

    fn echo(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        Empty::decode(request.message)?;
        if self.sessions.is_empty() {
            // [MS-SMB2] 3.3.5.17.
            return Err(Handled::Disconnect(DisconnectReason::Protocol("ECHO without a session")));
        }
        Empty::encode(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
    }

    /// CANCEL, [MS-SMB2] 3.3.5.16: it has no reply, and an unknown target is ignored.
    fn cancel(&mut self, header: &Header, message: &[u8]) {
        let Some(valid) = self.sessions.get(&header.session_id).and_then(Session::valid) else {
            return;
        };
        let signed = header.flags.contains(Flags::SIGNED);
        if signed && valid.keys.signing.verify(message, Sender::Client).is_err()
            || !signed && valid.signing_required
        {
            return self.event(Event::BadSignature { missing: !signed });
        }
        let targets = self.pending.find(|pending| {
            pending.reply.session_id == header.session_id
                && match header.async_id() {
                    Some(async_id) => pending.async_id == Some(async_id),
                    None => pending.reply.message_id == header.message_id,
                }
        });
        for id in targets {
            match self.pending.operation(id) {
                Some(Operation::Open(open)) => self.drop_open(open, NtStatus::CANCELLED),
                Some(Operation::Wait(wait)) => {
                    self.output(Output::CancelWait { wait });
                    self.defer(id, NtStatus::CANCELLED);
                }
                // What was written may have reached the service; only its answer is given up.
                Some(operation) => {
                    if let Some(end) = operation.open().and_then(|open| self.end_of(open)) {
                        end.readers.retain(|waiting| waiting.request != id);
                    }
                    self.defer(id, NtStatus::CANCELLED);
                }
                None => {}
            }
        }
    }

    fn timeout(&mut self, now: Now) {
        if self.logon_deadline.is_some_and(|deadline| deadline <= now.monotonic) {
            return self.disconnect(DisconnectReason::LogonTimeout);
        }
        while let Some((reply, async_id)) = self.pending.next_interim(now.monotonic) {
            // The interim reply grants the credits; it is never signed ([MS-SMB2] 3.3.4.1.1).
            let credits = self.window.grant(reply.credits_requested);
            let header = reply.header(NtStatus::PENDING, credits, Some(async_id));
            self.frames.begin();
            encode_error(self.frames.reply(&header, None));
            self.frames.end();
        }
    }

    fn drain(&mut self, now: Now) {
        self.draining = true;
        for id in self.pending.find(|pending| matches!(pending.operation, Operation::Wait(_))) {
            if let Some(Operation::Wait(wait)) = self.pending.operation(id) {
                self.output(Output::CancelWait { wait });
            }
            self.defer(id, NtStatus::PIPE_NOT_AVAILABLE);
        }
        self.settle(now);
    }

    /// Answers a pending request with a failure, once the request being dispatched is answered.
    pub(super) fn defer(&mut self, id: PendingId, status: NtStatus) {
        self.deferred.push_back((id, status));
    }

    /// Answers what was deferred.
    pub(super) fn settle(&mut self, now: Now) {
        while let Some((id, status)) = self.deferred.pop_front() {
            self.complete(now, id, status, encode_error);
        }
    }

    /// Answers a pending request, and goes on with the compound it is part of.
    pub(super) fn complete(
        &mut self,
        now: Now,
        id: PendingId,
        status: NtStatus,
        body: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(pending) = self.pending.remove(id) else {
            return;
        };
        body(self.begin_completion(&pending));
        self.end_completion(now, pending, status);
    }

    /// Begins the answer to a pending request and gives the buffer to which its body is to be appended.
    pub(super) fn begin_completion(&mut self, pending: &Pending) -> &mut Vec<u8> {
        let reply = &pending.reply;
        // An interim reply has granted the credits.
        let credits = if pending.async_id.is_some() { 0 } else { self.grant(reply.credits_requested) };
        let header = reply.header(NtStatus::SUCCESS, credits, pending.async_id);
        self.frames.begin();
        self.frames.reply(&header, reply.keys.clone())
    }

    /// Ends the answer to a pending request, and goes on with the compound that it is part of.
    pub(super) fn end_completion(&mut self, now: Now, pending: Pending, status: NtStatus) {
        self.frames.set_status(status);
        match pending.rest {
            None => self.frames.end(),
            Some(mut rest) => {
                if status.is_error() {
                    rest.previous.file = Err(status);
                }
                self.chain(now, &rest.bytes, Some(rest.previous), rest.elements);
            }
        }
    }

    /// The ids of a client whose SMB1 NEGOTIATE used the first one ([MS-SMB2] 3.3.5.3.1); gives its credits.
    pub(super) fn open_window(&mut self) -> u16 {
        self.window.consume(0, 1);
        self.window.grant(1)
    }

    pub(super) fn keys_of(&self, session_id: u64) -> Option<Arc<SessionKeys>> {
        self.sessions.get(&session_id).and_then(Session::valid).map(|valid| Arc::clone(&valid.keys))
    }

    /// Keeps what pre-authentication integrity needs of a reply that is complete.
    fn hash_reply(&mut self, request: &Request<'_>, status: NtStatus) {
        match request.header.command {
            Command::NEGOTIATE => {
                if let Phase::Negotiated(Negotiated { preauth: Some(preauth), .. }) = &mut self.phase {
                    preauth.update(self.frames.current());
                }
            }
            Command::SESSION_SETUP if status == NtStatus::MORE_PROCESSING_REQUIRED => {
                let Ok(written) = Header::decode(self.frames.current()) else {
                    return;
                };
                if let Some(preauth) =
                    self.sessions.get_mut(&written.session_id).and_then(Session::preauth_mut)
                {
                    preauth.update(self.frames.current());
                }
            }
            _ => {}
        }
    }
}
