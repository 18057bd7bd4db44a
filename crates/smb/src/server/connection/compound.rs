//! From a message to its requests: each is admitted, carried out and answered, [MS-SMB2] 3.3.5.2.

use core::time::Duration;

use super::Connection;
use super::admission::admit;
use crate::NtStatus;
use crate::server::commands::cancel;
use crate::server::dispatch::dispatch;
use crate::server::request::{Compound, Done, Previous, Refused, Request};
use crate::server::state::{Negotiated, Pending, PendingId, Phase, ReplyTo, Rest};
use crate::server::{DisconnectReason, Malformation, Now, Violation};
use crate::wire::header::{HEADER_LEN, SIGNATURE_RANGE};
use crate::wire::{Command, Flags, Header, encode_error};

/// Credits with which a client may be about to run out of them.
const FEW_CREDITS: u64 = 16;

/// A request cut from its compound.
struct Cut<'a> {
    header: Header,
    /// The request from its header on, with its padding.
    message: &'a [u8],
    /// The requests after it.
    following: &'a [u8],
}

impl<'a> Cut<'a> {
    /// Cuts the first request off.
    fn first(bytes: &'a [u8]) -> Result<Self, Malformation> {
        let header = Header::decode(bytes).map_err(|_| Malformation::Header)?;
        let next = header.next_command as usize;
        if next == 0 {
            return Ok(Self { header, message: bytes, following: &[] });
        }
        if next < HEADER_LEN || !next.is_multiple_of(8) || next >= bytes.len() {
            return Err(Malformation::NextCommand);
        }
        let (message, following) = bytes.split_at(next);
        Ok(Self { header, message, following })
    }
}

/// How a compound goes on after a request.
enum AfterRequest {
    /// With the next one, which may be related to this one.
    Next(Previous),
    /// Once this request is answered.
    Wait(PendingId, Previous),
    /// Not at all: the connection is closed.
    Stop,
}

impl Connection {
    /// Carries out the requests of a compound in order, until one has to wait, and ends the frame of their
    /// replies.
    pub(super) fn carry_out(&mut self, now: Now, bytes: &[u8], compound: Compound) {
        self.carry_out_requests(now, bytes, compound);
        self.end_frame(compound.encrypted_by);
    }

    fn carry_out_requests(&mut self, now: Now, bytes: &[u8], mut compound: Compound) {
        let mut rest = bytes;
        while !rest.is_empty() {
            // The rest goes on, in a frame of its own, once the client has taken what there is.
            self.settle();
            if self.is_full() && compound.requests > 0 {
                self.paused_bytes += rest.len();
                self.paused.push_back(Rest { bytes: rest.to_vec(), compound });
                return;
            }
            let cut = match Cut::first(rest) {
                Ok(cut) => cut,
                Err(malformation) => return self.disconnect(malformation.into()),
            };
            compound.requests += 1;
            let limit = self.state.config.limits.compound;
            if compound.requests > limit {
                return self.disconnect(DisconnectReason::CompoundTooLong { limit });
            }
            match self.carry_out_request(now, &cut, &compound) {
                AfterRequest::Next(previous) => compound.previous = Some(previous),
                AfterRequest::Wait(id, previous) => {
                    compound.previous = Some(previous);
                    return self.suspend(id, cut.following, compound);
                }
                AfterRequest::Stop => return,
            }
            rest = cut.following;
        }
    }

    /// Keeps the requests that follow one that has to wait. Their message ids are used now, so that the
    /// client can go on with the next ones.
    fn suspend(&mut self, id: PendingId, following: &[u8], mut compound: Compound) {
        if following.is_empty() {
            return;
        }
        let mut rest = following;
        while !compound.ids_used && !rest.is_empty() {
            match Cut::first(rest) {
                Ok(Cut { header, following, .. }) => {
                    if header.command != Command::CANCEL
                        && let Err(violation) = self.use_ids(&header)
                    {
                        return self.disconnect(violation.into());
                    }
                    rest = following;
                }
                Err(malformation) => return self.disconnect(malformation.into()),
            }
        }
        compound.ids_used = true;
        self.state.holdings.pending.set_rest(id, Rest { bytes: following.to_vec(), compound });
    }

    /// Uses the message ids of a request, if they are the client's to use.
    fn use_ids(&mut self, header: &Header) -> Result<(), Violation> {
        // In 2.0.2 the field is reserved.
        let multi_credit = self.state.phase.negotiated().is_some_and(|negotiated| negotiated.multi_credit);
        let charge = if multi_credit { header.credit_charge } else { 1 };
        if self.credits.consume(header.message_id, charge) { Ok(()) } else { Err(Violation::MessageId) }
    }

    /// Checks what is so wrong with a request that the connection is closed, and uses its message ids.
    fn check_header(&mut self, header: &Header, ids_used: bool) -> Result<(), Violation> {
        if !ids_used {
            self.use_ids(header)?;
        }
        if header.command > Command::OPLOCK_BREAK {
            return Err(Violation::UnknownCommand);
        }
        if self.state.phase.negotiated().is_none() && header.command != Command::NEGOTIATE {
            return Err(Violation::BeforeNegotiate);
        }
        Ok(())
    }

    fn carry_out_request(&mut self, now: Now, cut: &Cut<'_>, compound: &Compound) -> AfterRequest {
        let Cut { header, message, following } = *cut;
        let Compound { previous, encrypted_by, ids_used, .. } = *compound;
        if header.flags.contains(Flags::RESPONSE) {
            self.disconnect(Violation::Response.into());
            return AfterRequest::Stop;
        }
        if header.command == Command::CANCEL {
            let encrypted = encrypted_by == Some(header.session_id);
            cancel::handle(&header, message, encrypted, &mut self.state.holdings);
            return AfterRequest::Next(previous.unwrap_or(Previous {
                session_id: header.session_id,
                tree_id: 0,
                file: Ok(None),
                is_void: false,
            }));
        }
        if let Err(violation) = self.check_header(&header, ids_used) {
            self.disconnect(violation.into());
            return AfterRequest::Stop;
        }
        let related = header.flags.contains(Flags::RELATED);
        let inherited = previous.filter(|previous| related && !previous.is_void);
        let (session_id, tree_id) = match inherited {
            Some(previous) => (previous.session_id, previous.tree_id),
            None => (header.session_id, header.tree_id().unwrap_or_default()),
        };
        if encrypted_by.is_some_and(|by| by != session_id || related && inherited.is_none()) {
            // [MS-SMB2] 3.3.5.2.1.1: nobody's key speaks for another session.
            self.disconnect(Violation::EncryptedForeignSession.into());
            return AfterRequest::Stop;
        }
        let request = Request {
            header,
            message,
            session_id,
            tree_id,
            id: self.state.holdings.pending.name(),
            encrypted: encrypted_by.is_some(),
            following: following.len(),
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
            keys: if request.encrypted { None } else { self.state.holdings.sessions.keys_of(session_id) },
            encrypted_by,
        };
        self.replies.plan();
        let is_void = related && inherited.is_none();
        let result = if is_void {
            Err(NtStatus::INVALID_PARAMETER.into())
        } else {
            admit(now, &request, &mut self.state)
                .and_then(|()| dispatch(now, &request, &mut self.state, self.replies.planned_mut(&reply)))
        };
        self.conclude(now, &request, reply, is_void, result)
    }

    /// Completes the reply to a request, or lets the request wait.
    fn conclude(
        &mut self,
        now: Now,
        request: &Request<'_>,
        reply: ReplyTo,
        is_void: bool,
        result: Result<Done, Refused>,
    ) -> AfterRequest {
        let mut inheritance = Previous {
            session_id: request.session_id,
            tree_id: request.tree_id,
            file: Ok(request.previous.and_then(|previous| previous.file.ok().flatten())),
            is_void,
        };
        match result {
            Ok(Done::Replied(status)) => self.finish_reply(&reply, status, request),
            Ok(Done::RepliedOn(file_id, status)) => {
                inheritance.file = Ok(Some(file_id));
                self.finish_reply(&reply, status, request);
            }
            Ok(Done::Waits(waits_for, file_id)) => {
                self.replies.drop_reply();
                inheritance.file = Ok(Some(file_id));
                // A request within a compound gets no interim reply: its successors wait for it anyway.
                let interim_at =
                    (request.following == 0).then(|| now.monotonic.saturating_add(self.interim_after()));
                let pending = Pending { reply, waits_for, async_id: None, rest: None };
                self.state.holdings.pending.insert(request.id, pending, interim_at);
                return AfterRequest::Wait(request.id, inheritance);
            }
            Err(Refused::Status(status)) => {
                inheritance.file = Err(status);
                inheritance.is_void |= status == NtStatus::USER_SESSION_DELETED;
                encode_error(self.replies.planned_mut(&reply).body());
                self.finish_reply(&reply, status, request);
            }
            Err(Refused::Disconnect(reason)) => {
                self.replies.drop_reply();
                self.disconnect(reason);
                return AfterRequest::Stop;
            }
        }
        // SESSION_SETUP and TREE_CONNECT make what later requests inherit.
        if matches!(request.header.command, Command::SESSION_SETUP | Command::TREE_CONNECT)
            && let Ok(written) = Header::decode(self.replies.current())
        {
            inheritance.session_id = written.session_id;
            inheritance.tree_id = written.tree_id().unwrap_or_default();
        }
        AfterRequest::Next(inheritance)
    }

    /// How long a request may wait without a reply. A client with few credits left gets an early interim
    /// reply, as it may need the credits that come with it to go on; for all others it would be one more
    /// message for each call that takes long.
    fn interim_after(&self) -> Duration {
        let limits = &self.state.config.limits;
        if self.credits.left() < FEW_CREDITS {
            limits.interim_after_for_few_credits
        } else {
            limits.interim_after
        }
    }

    /// Completes the reply being written with its status and credits.
    fn finish_reply(&mut self, reply: &ReplyTo, status: NtStatus, request: &Request<'_>) {
        let credits = self.grant(reply.credits_requested);
        self.replies.begin_planned(reply);
        self.replies.set_status(status);
        self.replies.set_credits(credits);
        if status == NtStatus::USER_SESSION_DELETED
            && request.header.flags.contains(Flags::SIGNED)
            && !request.encrypted
        {
            // There is no key to sign with. Samba gives the request's own signature back, and its client
            // insists on that before it believes that the session is gone.
            if let Some(signature) = request.message.get(SIGNATURE_RANGE).and_then(<[u8]>::first_chunk) {
                self.replies.set_signature(*signature);
            }
        }
        self.hash_reply(request, status);
    }

    /// Keeps what pre-authentication integrity needs of a reply that is complete.
    fn hash_reply(&mut self, request: &Request<'_>, status: NtStatus) {
        let written = self.replies.current();
        match request.header.command {
            Command::NEGOTIATE => {
                if let Phase::Negotiated(Negotiated { preauth: Some(preauth), .. }) = &mut self.state.phase {
                    preauth.update(written);
                }
            }
            Command::SESSION_SETUP if status == NtStatus::MORE_PROCESSING_REQUIRED => {
                let Ok(Header { session_id, .. }) = Header::decode(written) else {
                    return;
                };
                if let Some(preauth) = self.state.holdings.sessions.preauth_mut(session_id) {
                    preauth.update(written);
                }
            }
            _ => {}
        }
    }
}
