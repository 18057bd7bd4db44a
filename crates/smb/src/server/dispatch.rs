//! From a message to its requests, each admitted, dispatched and answered, [MS-SMB2] 3.3.5.2.

use core::time::Duration;

use super::connection::Connection;
use super::negotiate::{Negotiated, Phase};
use super::pending::{Chain, Operation, Pending, PendingId, Previous, ReplyTo, Rest};
use super::session::Session;
use super::{DisconnectReason, Event, Now};
use crate::NtStatus;
use crate::crypto::Sender;
use crate::wire::header::{HEADER_LEN, SIGNATURE_RANGE};
use crate::wire::{Command, Empty, FileId, Flags, Header, Malformed, encode_error};

/// Credits with which a client may be about to run out of them.
const FEW_CREDITS: u64 = 16;

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
    /// Whether it was encrypted.
    pub(super) sealed: bool,
    /// The length of what follows it in its compound.
    following: usize,
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

/// Where in a compound a request may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compound {
    /// Anywhere: it waits for a backend only, which answers by itself.
    Anywhere,
    /// At the end: it waits for the service to say something, which may be never.
    Last,
}

/// What a client may do whose session has expired, besides logging on again: get rid of what it has ([MS-SMB2]
/// 3.3.5.2.9). That ECHO goes on is what Samba's `smb2.session.expire2` expects, and CANCEL, which is not admitted
/// like others, too.
fn is_for_expired_sessions(command: Command) -> bool {
    matches!(command, Command::LOGOFF | Command::CLOSE | Command::LOCK | Command::ECHO)
}

/// What to do with the rest of a compound.
enum Flow {
    Next(Previous),
    Wait(PendingId, Previous),
    Stop,
}

/// The header of the first element, the element, and what follows it.
fn split_element(bytes: &[u8]) -> Result<(Header, &[u8], &[u8]), DisconnectReason> {
    let header = Header::decode(bytes).map_err(|_| DisconnectReason::Protocol("malformed header"))?;
    let next = header.next_command as usize;
    if next == 0 {
        return Ok((header, bytes, &[]));
    }
    if next < HEADER_LEN || !next.is_multiple_of(8) || next >= bytes.len() {
        return Err(DisconnectReason::Protocol("NextCommand leaves the message"));
    }
    let (element, following) = bytes.split_at(next);
    Ok((header, element, following))
}

impl Connection {
    /// Dispatches the elements of a compound in order, until one has to wait, and ends the frame of their replies.
    pub(super) fn chain(&mut self, now: Now, bytes: &[u8], chain: Chain) {
        self.elements(now, bytes, chain);
        self.end_frame(chain.sealed);
    }

    fn elements(&mut self, now: Now, bytes: &[u8], mut chain: Chain) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (header, element, following) = match split_element(rest) {
                Ok(split) => split,
                Err(reason) => return self.disconnect(reason),
            };
            chain.elements += 1;
            if chain.elements > self.config.limits.compound {
                return self.disconnect(DisconnectReason::Protocol("too many requests in a compound"));
            }
            // Replies that would make the frame too long go into one of their own.
            if self.frames.frame_len() > self.high_water() {
                self.end_frame(chain.sealed);
                self.frames.begin();
            }
            match self.element(now, header, element, following.len(), &chain) {
                Flow::Next(this) => chain.previous = Some(this),
                Flow::Wait(id, this) => {
                    chain.previous = Some(this);
                    return self.suspend(id, following, chain);
                }
                Flow::Stop => return,
            }
            rest = following;
        }
    }

    /// Keeps the elements that follow one that has to wait. Their message ids are used now, so that the client can
    /// go on with the next ones.
    fn suspend(&mut self, id: PendingId, following: &[u8], mut chain: Chain) {
        if following.is_empty() {
            return;
        }
        let mut rest = following;
        while !chain.ids_used && !rest.is_empty() {
            match split_element(rest) {
                Ok((header, _, following)) => {
                    if header.command != Command::CANCEL && !self.use_ids(&header) {
                        return;
                    }
                    rest = following;
                }
                Err(reason) => return self.disconnect(reason),
            }
        }
        chain.ids_used = true;
        self.backlog += following.len();
        self.pending.set_rest(id, Rest { bytes: following.to_vec(), chain });
    }

    /// Uses the message ids of a request; `false` if they are not the client's to use, and the connection is closed.
    fn use_ids(&mut self, header: &Header) -> bool {
        // In 2.0.2 the field is reserved.
        let multi_credit = self.negotiated().is_some_and(|negotiated| negotiated.multi_credit);
        let charge = if multi_credit { header.credit_charge } else { 1 };
        if self.window.consume(header.message_id, charge) {
            return true;
        }
        self.disconnect(DisconnectReason::Protocol("message id out of the window"));
        false
    }

    /// Whether a request may wait, before it has done anything: there is room, and it is where it may.
    pub(super) fn may_wait(&self, request: &Request<'_>, place: Compound) -> Result<(), NtStatus> {
        if request.following > 0 && place == Compound::Last {
            // What Windows answers when a request would wait before the end of its compound ([MS-SMB2] note 266).
            return Err(NtStatus::INTERNAL_ERROR);
        }
        if self.pending.len() >= self.config.limits.pending
            || self.backlog.saturating_add(request.following) > self.config.limits.write_backlog
        {
            return Err(NtStatus::INSUFFICIENT_RESOURCES);
        }
        Ok(())
    }

    /// Dispatches one request; `following` is the length of what follows it in its compound.
    fn element(&mut self, now: Now, header: Header, message: &[u8], following: usize, chain: &Chain) -> Flow {
        let Chain { previous, sealed, .. } = *chain;
        if header.flags.contains(Flags::RESPONSE) {
            self.disconnect(DisconnectReason::Protocol("a client sent a response"));
            return Flow::Stop;
        }
        if header.command == Command::CANCEL {
            self.cancel(&header, message, sealed == Some(header.session_id));
            return Flow::Next(previous.unwrap_or(Previous {
                session_id: header.session_id,
                tree_id: 0,
                file: Ok(None),
                is_void: false,
            }));
        }
        if !chain.ids_used && !self.use_ids(&header) {
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
        let inherited = previous.filter(|previous| related && !previous.is_void);
        let (session_id, tree_id) = match inherited {
            Some(previous) => (previous.session_id, previous.tree_id),
            None => (header.session_id, header.tree_id().unwrap_or_default()),
        };
        if sealed.is_some_and(|sealed| sealed != session_id || related && inherited.is_none()) {
            // [MS-SMB2] 3.3.5.2.1.1: nobody's key speaks for another session.
            self.disconnect(DisconnectReason::Protocol("the session inside an encrypted message is another"));
            return Flow::Stop;
        }
        let id = self.pending.name();
        let request = Request {
            header,
            message,
            session_id,
            tree_id,
            id,
            sealed: sealed.is_some(),
            following,
            previous: inherited,
        };
        let reply = ReplyTo {
            command: header.command,
            message_id: header.message_id,
            credit_charge: header.credit_charge,
            credits_requested: header.credits,
            session_id,
            tree_id,
            related,
            // An encrypted message is not signed as well.
            keys: if sealed.is_some() { None } else { self.keys_of(session_id) },
            sealed,
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
        let file = Ok(inherited.and_then(|p| p.file.ok().flatten()));
        let is_void = related && inherited.is_none();
        let mut this = Previous { session_id, tree_id, file, is_void };
        match handled {
            Handled::Done(status) => self.finish_reply(&reply, status, &request),
            Handled::DoneWith(status, file_id) => {
                this.file = Ok(Some(file_id));
                self.finish_reply(&reply, status, &request);
            }
            Handled::Fail(status) => {
                this.file = Err(status);
                this.is_void |= status == NtStatus::USER_SESSION_DELETED;
                encode_error(self.frames.clear_body());
                self.finish_reply(&reply, status, &request);
            }
            Handled::Wait(operation, file_id) => {
                self.frames.drop_reply();
                this.file = Ok(Some(file_id));
                // A request within a compound gets no interim reply: its successors wait for it anyway.
                let interim_at = (following == 0).then(|| now.monotonic.saturating_add(self.interim_after()));
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

    /// How long a request may wait without a word. Who has few credits left is told soon, as it may need those that
    /// come with the word to go on; for everybody else it would be one more message for each call that takes long.
    fn interim_after(&self) -> Duration {
        let limits = &self.config.limits;
        if self.window.left() < FEW_CREDITS {
            limits.interim_after_for_few_credits
        } else {
            limits.interim_after
        }
    }

    /// Completes the reply being written with its status and credits.
    fn finish_reply(&mut self, reply: &ReplyTo, status: NtStatus, request: &Request<'_>) {
        let credits = self.grant(reply.credits_requested);
        self.frames.set_status(status);
        self.frames.set_credits(credits);
        if status == NtStatus::USER_SESSION_DELETED
            && request.header.flags.contains(Flags::SIGNED)
            && !request.sealed
        {
            // There is no key to sign with. Samba gives the request's own signature back, and its client insists on
            // that before it believes that the session is gone.
            if let Some(signature) = request.message.get(SIGNATURE_RANGE).and_then(<[u8]>::first_chunk) {
                self.frames.set_signature(*signature);
            }
        }
        self.hash_reply(request, status);
    }

    /// Grants credits: one at a time until somebody has logged on.
    pub(super) fn grant(&mut self, requested: u16) -> u16 {
        let requested = if self.has_established_session() { requested } else { 1 };
        self.window.grant(requested)
    }

    /// Checks a request's signature, session and tree connect, [MS-SMB2] 3.3.5.2.4 to 3.3.5.2.11.
    fn admit(&mut self, request: &Request<'_>) -> Result<(), Handled> {
        let command = request.header.command;
        if command == Command::NEGOTIATE {
            return Ok(());
        }
        let session = self.sessions.get(&request.session_id);
        let established = session.and_then(Session::established);
        let smb311 = self.negotiated().is_some_and(|n| n.dialect == crate::Dialect::Smb311);
        if request.sealed {
            // That it could be decrypted proves as much as a signature.
        } else if established.is_some_and(|session| session.encryption_required)
            && command != Command::SESSION_SETUP
        {
            return Err(Handled::Fail(NtStatus::ACCESS_DENIED));
        } else if request.header.flags.contains(Flags::SIGNED) {
            let Some(established) = established else {
                return Err(Handled::Fail(match session {
                    Some(_) => NtStatus::NOT_SUPPORTED,
                    None => NtStatus::USER_SESSION_DELETED,
                }));
            };
            if established.keys.signing.verify(request.message, Sender::Client).is_err() {
                self.event(Event::BadSignature { missing: false });
                return Err(Handled::Fail(NtStatus::ACCESS_DENIED));
            }
        } else if let Some(established) = established
            && (established.signing_required || command == Command::TREE_CONNECT && smb311)
        {
            self.event(Event::BadSignature { missing: true });
            // [MS-SMB2] 3.3.5.7: an unsigned TREE_CONNECT in 3.1.1 is answered by closing the connection.
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
        let Some(established) = session.established() else {
            return Err(Handled::Fail(NtStatus::SEC_E_UNSUPPORTED_FUNCTION));
        };
        if session.is_expired() && !is_for_expired_sessions(command) {
            return Err(Handled::Fail(NtStatus::NETWORK_SESSION_EXPIRED));
        }
        let needs_tree = !matches!(command, Command::LOGOFF | Command::TREE_CONNECT | Command::ECHO);
        if needs_tree && !established.trees.contains(&request.tree_id) {
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
        if self.sessions.is_empty() && !self.had_session {
            // [MS-SMB2] 3.3.5.17 would also close the connection of somebody who has logged off; Windows and Samba
            // answer.
            return Err(Handled::Disconnect(DisconnectReason::Protocol("ECHO without a session")));
        }
        Empty::encode(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
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
