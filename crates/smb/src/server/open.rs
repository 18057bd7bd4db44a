//! CREATE and CLOSE, [MS-SMB2] 3.3.5.9 and 3.3.5.10: the way from a name to a pipe, past its security
//! descriptor.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use standpipe_security::{AccessMask, GrantedAccess, check_pipe_client};

use super::dispatch::{Compound, Handled, Request};
use super::pending::{Operation, Pending, PendingId, ReplyTo};
use super::pipe_end::{PipeEnd, Writer};
use super::session::Session;
use super::{Connection, Event, Now, OpenFailure, OpenId, Output, PipeId};
use crate::NtStatus;
use crate::wire::{
    CloseRequest, CreateRequest, CreateResponse, FileId, IMPERSONATION_DELEGATE, OPTION_OPEN_BY_FILE_ID,
    OPTION_RESERVE_OPFILTER, Opened, encode_close_response, encode_error,
};

/// How much of a name that a client gave goes into the log.
const LOGGED_NAME: usize = 80;

/// An open of a pipe.
pub(super) struct Open {
    pub(super) file_id: FileId,
    pub(super) session_id: u64,
    pub(super) tree_id: u32,
    pub(super) pipe: PipeId,
    /// What was granted when it was opened; later requests are held to it.
    pub(super) access: GrantedAccess,
    user: Arc<str>,
    state: OpenState,
}

enum OpenState {
    /// The backend has not taken it yet; the CREATE is answered when it has.
    Connecting(PendingId),
    /// Connected.
    Connected(PipeEnd),
}

impl Open {
    pub(super) fn end(&self) -> Option<&PipeEnd> {
        match &self.state {
            OpenState::Connected(end) => Some(end),
            OpenState::Connecting(_) => None,
        }
    }

    pub(super) fn end_mut(&mut self) -> Option<&mut PipeEnd> {
        match &mut self.state {
            OpenState::Connected(end) => Some(end),
            OpenState::Connecting(_) => None,
        }
    }

    pub(super) fn wants_data(&self, read_ahead: usize) -> bool {
        self.end().is_some_and(|end| end.is_connected() && end.held() < read_ahead)
    }
}

/// Why a CREATE is refused: for the client, and for the log.
struct Refused {
    status: NtStatus,
    reason: String,
}

impl Refused {
    fn new(status: NtStatus, reason: impl Into<String>) -> Refused {
        Refused { status, reason: reason.into() }
    }
}

impl Connection {
    pub(super) fn create(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = CreateRequest::decode(request.message)?;
        let Some(session) = self.sessions.get(&request.session_id).and_then(Session::established) else {
            return Err(NtStatus::USER_SESSION_DELETED.into());
        };
        let (user, token) = (Arc::clone(&session.user), Arc::clone(&session.token));
        let desired = AccessMask(asked.desired_access);
        // The order is that of the Windows pipe driver: parameters, name, descriptor, then the instance.
        let (pipe, grant) = match self.named_pipe(&asked).and_then(|pipe| {
            let descriptor = &self.config.pipes.get(pipe.0).ok_or_else(not_found)?.security_descriptor;
            let decision = check_pipe_client(descriptor, &token, desired.into());
            match decision.result {
                Ok(grant) => {
                    self.is_encrypted_enough(pipe, request)?;
                    self.has_room().map(|()| (pipe, grant))
                }
                Err(_) => Err(Refused::new(NtStatus::ACCESS_DENIED, decision.to_string())),
            }
        }) {
            Ok(granted) => granted,
            Err(Refused { status, reason }) => {
                let name = asked.name.chars().take(LOGGED_NAME).collect();
                self.event(Event::OpenRefused { user, name, desired, status, reason });
                return Err(status.into());
            }
        };
        self.may_wait(request, Compound::Anywhere)?;
        let open = loop {
            let open = OpenId(self.random_id());
            if !self.opens.contains_key(&open) {
                break open;
            }
        };
        let file_id = FileId { persistent: self.random_id(), volatile: open.0 };
        self.opens.insert(
            open,
            Box::new(Open {
                file_id,
                session_id: request.session_id,
                tree_id: request.tree_id,
                pipe,
                access: grant.access(),
                user: Arc::clone(&user),
                state: OpenState::Connecting(request.id),
            }),
        );
        self.output(Output::Open { open, pipe, grant, token, user });
        Ok(Handled::Wait(Operation::Open(open), file_id))
    }

    /// The pipe that a CREATE names.
    fn named_pipe(&self, asked: &CreateRequest) -> Result<PipeId, Refused> {
        if asked.impersonation_level > IMPERSONATION_DELEGATE {
            return Err(Refused::new(NtStatus::BAD_IMPERSONATION_LEVEL, "no such impersonation level"));
        }
        if asked.impersonation_level == IMPERSONATION_DELEGATE {
            return Err(Refused::new(NtStatus::BAD_IMPERSONATION_LEVEL, "delegation is not possible"));
        }
        if asked.options & (OPTION_OPEN_BY_FILE_ID | OPTION_RESERVE_OPFILTER) != 0 {
            return Err(Refused::new(NtStatus::NOT_SUPPORTED, "a pipe is opened by its name"));
        }
        if asked.durable_reconnect {
            return Err(Refused::new(NtStatus::OBJECT_NAME_NOT_FOUND, "pipes have no durable opens"));
        }
        self.config.find_pipe(&asked.name).ok_or_else(not_found)
    }

    /// Whether a request may have to do with this pipe, or has to be encrypted for that. Who the descriptor does not
    /// let in is not told of it.
    fn is_encrypted_enough(&self, pipe: PipeId, request: &Request<'_>) -> Result<(), Refused> {
        if request.sealed || !self.requires_encryption(pipe) {
            return Ok(());
        }
        Err(Refused::new(NtStatus::ACCESS_DENIED, "the pipe takes encrypted requests only"))
    }

    pub(super) fn requires_encryption(&self, pipe: PipeId) -> bool {
        self.config.pipes.get(pipe.0).is_some_and(|pipe| pipe.require_encryption)
    }

    /// Whether one more open can be had by somebody whom the descriptor lets in.
    fn has_room(&self) -> Result<(), Refused> {
        if self.draining {
            return Err(Refused::new(NtStatus::PIPE_NOT_AVAILABLE, "the server is stopping"));
        }
        if self.opens.len() >= self.config.limits.opens {
            return Err(Refused::new(NtStatus::INSUFFICIENT_RESOURCES, "too many opens on the connection"));
        }
        Ok(())
    }

    /// A reply whose related successors mean this open.
    pub(super) fn done_with(&self, open: OpenId, status: NtStatus) -> Handled {
        match self.opens.get(&open) {
            Some(entry) => Handled::DoneWith(status, entry.file_id),
            None => Handled::Done(status),
        }
    }

    /// The backend's answer to an open.
    pub(super) fn opened(&mut self, now: Now, open: OpenId, result: Result<(), OpenFailure>) {
        let Some(entry) = self.opens.get_mut(&open) else {
            return; // closed in the meantime
        };
        let OpenState::Connecting(request) = entry.state else {
            return;
        };
        let (user, pipe, file_id) = (Arc::clone(&entry.user), entry.pipe, entry.file_id);
        match result {
            Ok(()) => {
                let Some(mode) = self.config.pipes.get(pipe.0).map(|pipe| pipe.mode) else {
                    return;
                };
                entry.state = OpenState::Connected(PipeEnd::new(mode));
                self.event(Event::Opened { user, pipe });
                let of = if self.config.other_names == Some(pipe) { Opened::NewFile } else { Opened::Pipe };
                self.complete(now, request, NtStatus::SUCCESS, |out| {
                    CreateResponse { file_id, of }.encode(out);
                });
            }
            Err(failure) => {
                let (status, reason) = match failure {
                    OpenFailure::NotListening => {
                        (NtStatus::PIPE_NOT_AVAILABLE, "the service is not listening")
                    }
                    OpenFailure::AllInstancesBusy => {
                        (NtStatus::INSTANCE_NOT_AVAILABLE, "all instances are in use")
                    }
                    OpenFailure::Refused => (NtStatus::ACCESS_DENIED, "the service refused the caller"),
                    OpenFailure::OutOfResources => {
                        (NtStatus::INSUFFICIENT_RESOURCES, "the server is at its limit")
                    }
                };
                let desired = entry.access.mask();
                let name = self.config.pipes.get(pipe.0).map(|pipe| pipe.name.clone()).unwrap_or_default();
                self.opens.remove(&open);
                self.event(Event::OpenRefused { user, name, desired, status, reason: reason.into() });
                self.complete(now, request, status, encode_error);
            }
        }
    }

    pub(super) fn close(&mut self, request: &Request<'_>) -> Result<Handled, Handled> {
        let asked = CloseRequest::decode(request.message)?;
        let open = self.find_open(request, asked.file_id)?;
        self.drop_open(open, NtStatus::PIPE_BROKEN);
        encode_close_response(self.frames.clear_body());
        Ok(Handled::Done(NtStatus::SUCCESS))
    }

    /// The open that a request names: it must be connected, and of the request's session and tree connect. What is
    /// done with the open of a pipe for encrypted requests must be encrypted itself, whatever opened it.
    pub(super) fn find_open(&self, request: &Request<'_>, file_id: FileId) -> Result<OpenId, NtStatus> {
        let file_id = request.file_id(file_id)?;
        let open = OpenId(file_id.volatile);
        let entry = self
            .opens
            .get(&open)
            .filter(|entry| {
                entry.file_id == file_id
                    && entry.session_id == request.session_id
                    && entry.tree_id == request.tree_id
                    && entry.end().is_some()
            })
            .ok_or(NtStatus::FILE_CLOSED)?;
        if !request.sealed && self.requires_encryption(entry.pipe) {
            return Err(NtStatus::ACCESS_DENIED);
        }
        Ok(open)
    }

    /// The client's end of a connected open.
    pub(super) fn end_of(&mut self, open: OpenId) -> Option<&mut PipeEnd> {
        self.opens.get_mut(&open).and_then(|open| open.end_mut())
    }

    /// Removes an open; its unanswered requests end with `status`.
    pub(super) fn drop_open(&mut self, open: OpenId, status: NtStatus) {
        let Some(entry) = self.opens.remove(&open) else {
            return;
        };
        self.output(Output::Close { open });
        match entry.state {
            OpenState::Connecting(request) => self.defer(request, status),
            OpenState::Connected(end) => {
                for waiting in end.readers {
                    self.defer(waiting.request, status);
                }
                for writer in end.writers {
                    self.backlog = self.backlog.saturating_sub(writer.held());
                    if let Writer::Write { request, .. } | Writer::Flush { request } = writer {
                        self.defer(request, status);
                    }
                }
            }
        }
    }

    /// Removes the opens for which `matches` says yes.
    pub(super) fn drop_opens(&mut self, matches: impl Fn(&Open) -> bool) {
        let gone: alloc::vec::Vec<OpenId> =
            self.opens.iter().filter(|(_, open)| matches(open)).map(|(id, _)| *id).collect();
        for open in gone {
            self.drop_open(open, NtStatus::PIPE_BROKEN);
        }
    }

    /// Gives up the waits for a pipe for which `matches` says yes.
    pub(super) fn drop_waits(&mut self, matches: impl Fn(&ReplyTo) -> bool) {
        let gone = self.pending.find(|Pending { reply, operation, .. }| {
            matches!(operation, Operation::Wait(_)) && matches(reply)
        });
        for id in gone {
            if let Some(Operation::Wait(wait)) = self.pending.operation(id) {
                self.output(Output::CancelWait { wait });
            }
            self.defer(id, NtStatus::CANCELLED);
        }
    }
}

fn not_found() -> Refused {
    Refused::new(NtStatus::OBJECT_NAME_NOT_FOUND, "no pipe has this name")
}
