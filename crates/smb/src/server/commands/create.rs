//! CREATE, [MS-SMB2] 3.3.5.9: the way from a name to a pipe, past its security descriptor.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use standpipe_security::{Grant, SecurityDescriptor, check_pipe_client};

use crate::NtStatus;
use crate::server::commands::folder;
use crate::server::replies::Reply;
use crate::server::request::{Done, MayWait, Refused, Request};
use crate::server::state::{
    Asked, Established, Folders, Granted, OpenPlace, Opens, Outputs, PendingId, PendingRequests, Random,
    WaitsFor,
};
use crate::server::{Config, Event, OpenFailure, OpenId, Output, Pipe, PipeId, ServiceEnd};
use crate::wire::{CreateOptions, CreateRequest, CreateResponse, FileId, ImpersonationLevel, Opened};

/// How much of a name that a client gave goes into the log.
const LOGGED_NAME: usize = 80;

/// What CREATE may touch.
pub(crate) struct Create<'a> {
    pub(crate) config: &'a Config,
    pub(crate) other_names: Option<PipeId>,
    pub(crate) session: Option<&'a Established>,
    pub(crate) draining: bool,
    pub(crate) random: &'a mut Random,
    pub(crate) opens: &'a mut Opens,
    pub(crate) folders: &'a mut Folders,
    pub(crate) pending: &'a PendingRequests,
    pub(crate) outputs: &'a mut Outputs,
}

/// Why an open is refused: for the client, and for the log.
struct OpenRefused {
    status: NtStatus,
    reason: String,
}

impl OpenRefused {
    fn new(status: NtStatus, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into() }
    }

    fn no_such_pipe() -> Self {
        Self::new(NtStatus::OBJECT_NAME_NOT_FOUND, "no pipe has this name")
    }
}

impl Create<'_> {
    /// Has the backend connected, if the pipe's descriptor lets the user in, and waits for that.
    pub(crate) fn handle(mut self, request: &Request<'_>, reply: Reply<'_>) -> Result<Done, Refused> {
        let asked = CreateRequest::decode(request.message)?;
        let session = self.session.ok_or(NtStatus::USER_SESSION_DELETED)?;
        if self.other_names.is_none() && folder::is_named_by(&asked) {
            let opened = self.open_root(request, &asked, session, reply);
            return opened.map_err(|refused| self.refused(session, &asked, refused));
        }
        let (pipe, grant, place) = match self.granted(request, &asked, session) {
            Ok(granted) => granted,
            Err(refused) => return Err(self.refused(session, &asked, refused)),
        };
        self.pending.check_room(request, MayWait::Anywhere)?;
        let file_id = self.new_file_id();
        let open = OpenId(file_id.volatile);
        let (user, token) = (Arc::clone(session.user()), Arc::clone(session.token()));
        let granted = Granted {
            file_id,
            session_id: request.session_id,
            tree_id: request.tree_id,
            pipe,
            access: grant.access(),
            user: Arc::clone(&user),
            encrypted_only: self.config.requires_encryption(pipe),
        };
        let (desired, token_again) = (asked.desired_access, Arc::clone(&token));
        self.opens.add(
            open,
            granted,
            Asked { request: request.id, desired, grant, token: token_again },
            place,
        );
        self.outputs.push(Output::Open { open, pipe, grant, token, user });
        Ok(Done::Waits(WaitsFor::Open(open), file_id))
    }

    /// Says why an open is refused.
    fn refused(self, session: &Established, asked: &CreateRequest, refused: OpenRefused) -> Refused {
        let OpenRefused { status, reason } = refused;
        let user = Arc::clone(session.user());
        let name = asked.name.chars().take(LOGGED_NAME).collect();
        let desired = asked.desired_access.0;
        self.outputs.event(Event::OpenRefused { user, name, desired, status, reason });
        status.into()
    }

    /// A name for an open that none has.
    fn new_file_id(&mut self) -> FileId {
        loop {
            let volatile = self.random.id();
            if !self.opens.contains(OpenId(volatile)) && !self.folders.contains(volatile) {
                return FileId { persistent: self.random.id(), volatile };
            }
        }
    }

    /// Opens the root, which lists the pipes. No service has to be asked.
    fn open_root(
        &mut self,
        request: &Request<'_>,
        asked: &CreateRequest,
        session: &Established,
        mut reply: Reply<'_>,
    ) -> Result<Done, OpenRefused> {
        check_parameters(asked)?;
        let refused = |status| OpenRefused::new(status, "the name is that of all pipes, which can be listed");
        let access = folder::granted(asked).map_err(refused)?;
        let place = self.place(session)?;
        let file_id = self.new_file_id();
        self.folders.add(folder::opened(request, file_id, access, place));
        CreateResponse { file_id, opened: Opened::Root }.encode(reply.body());
        Ok(Done::RepliedOn(file_id, NtStatus::SUCCESS))
    }

    /// The pipe that a CREATE names, and what is granted on it. The order of the checks is that of the
    /// Windows pipe driver: parameters, name, descriptor, then the limits.
    fn granted(
        &self,
        request: &Request<'_>,
        asked: &CreateRequest,
        session: &Established,
    ) -> Result<(PipeId, Grant, OpenPlace), OpenRefused> {
        check_parameters(asked)?;
        let pipe =
            self.config.find_pipe(&asked.name).or(self.other_names).ok_or_else(OpenRefused::no_such_pipe)?;
        let offered = self.config.pipes.get(pipe.0).ok_or_else(OpenRefused::no_such_pipe)?;
        let anyone = SecurityDescriptor::new();
        // Without one here, the service's end has the only descriptor, which is checked once it is connected.
        let descriptor = offered.security_descriptor.as_ref().unwrap_or(&anyone);
        let decision = check_pipe_client(descriptor, session.token(), asked.desired_access);
        let Ok(grant) = decision.result else {
            return Err(OpenRefused::new(NtStatus::ACCESS_DENIED, decision.to_string()));
        };
        // A user whom the descriptor does not let in learns nothing of this.
        if !request.encrypted && offered.require_encryption {
            return Err(OpenRefused::new(NtStatus::ACCESS_DENIED, "the pipe takes encrypted requests only"));
        }
        let place = self.place(session)?;
        Ok((pipe, grant, place))
    }

    /// A place for one more open of a user whom the descriptor lets in.
    fn place(&self, session: &Established) -> Result<OpenPlace, OpenRefused> {
        if self.draining {
            return Err(OpenRefused::new(NtStatus::PIPE_NOT_AVAILABLE, "the server is stopping"));
        }
        if self.opens.len() + self.folders.len() >= self.config.limits.opens {
            return Err(OpenRefused::new(
                NtStatus::INSUFFICIENT_RESOURCES,
                "too many opens on the connection",
            ));
        }
        OpenPlace::take(session.budget()).ok_or_else(|| {
            OpenRefused::new(
                NtStatus::INSUFFICIENT_RESOURCES,
                "the account has its share of opens, or the server as many as it takes",
            )
        })
    }
}

/// Checks what a CREATE asks for besides a name and rights.
fn check_parameters(asked: &CreateRequest) -> Result<(), OpenRefused> {
    if asked.impersonation_level > ImpersonationLevel::DELEGATE {
        return Err(OpenRefused::new(NtStatus::BAD_IMPERSONATION_LEVEL, "no such impersonation level"));
    }
    if asked.impersonation_level == ImpersonationLevel::DELEGATE {
        return Err(OpenRefused::new(NtStatus::BAD_IMPERSONATION_LEVEL, "delegation is not possible"));
    }
    if asked.options.intersects(CreateOptions::OPEN_BY_FILE_ID | CreateOptions::RESERVE_OPFILTER) {
        return Err(OpenRefused::new(NtStatus::NOT_SUPPORTED, "a pipe is opened by its name"));
    }
    if asked.durable_reconnect {
        return Err(OpenRefused::new(NtStatus::OBJECT_NAME_NOT_FOUND, "pipes have no durable opens"));
    }
    Ok(())
}

/// The backend's answer to an open, and the CREATE that it answers.
pub(crate) fn opened(
    open: OpenId,
    result: Result<ServiceEnd, OpenFailure>,
    config: &Config,
    other_names: Option<PipeId>,
    opens: &mut Opens,
    outputs: &mut Outputs,
) -> Option<(PendingId, Result<CreateResponse, NtStatus>)> {
    let (pipe, asked) = opens.connecting_to(open)?;
    let offered = config.pipes.get(pipe.0)?;
    let desired = asked.desired.0;
    let backend_took_it = result.is_ok();
    let checked =
        result.map_err(OpenRefused::from).and_then(|end| Ok((check_end(offered, asked, &end)?, end)));
    let OpenRefused { status, reason } = match checked {
        Ok((grant, end)) => {
            let (granted, request) = opens.connect(open, grant, end)?;
            outputs.event(Event::Opened { user: Arc::clone(&granted.user), pipe });
            let opened = if other_names == Some(pipe) { Opened::NewFile } else { Opened::Pipe };
            return Some((request, Ok(CreateResponse { file_id: granted.file_id, opened })));
        }
        Err(refused) => refused,
    };
    let (granted, request) = opens.take_connecting(open)?;
    if backend_took_it {
        outputs.push(Output::Close { open });
    }
    let (user, name) = (granted.user, offered.name.clone());
    outputs.event(Event::OpenRefused { user, name, desired, status, reason });
    Some((request, Err(status)))
}

/// Whether the second access check would refuse an open that waits for its backend.
pub(crate) fn would_refuse(open: OpenId, end: &ServiceEnd, config: &Config, opens: &Opens) -> bool {
    let Some((pipe, asked)) = opens.connecting_to(open) else {
        return false;
    };
    config.pipes.get(pipe.0).is_some_and(|offered| check_end(offered, asked, end).is_err())
}

/// The second access check, of the descriptor that the service has put on the pipe: gives what both checks
/// grant.
fn check_end(offered: &Pipe, asked: &Asked, end: &ServiceEnd) -> Result<Grant, OpenRefused> {
    let denied = |reason| Err(OpenRefused { status: NtStatus::ACCESS_DENIED, reason });
    let Some(descriptor) = &end.descriptor else {
        return match offered.security_descriptor {
            Some(_) => Ok(asked.grant),
            None => {
                denied("neither the configuration nor the service gives the pipe a descriptor".to_string())
            }
        };
    };
    let decision = check_pipe_client(descriptor, &asked.token, asked.desired);
    let Ok(grant) = decision.result else {
        return denied(format!("the service's own descriptor: {decision}"));
    };
    match grant.and(asked.grant) {
        Some(both) => Ok(both),
        None => {
            denied("the service's own descriptor grants nothing that the configuration grants".to_string())
        }
    }
}

impl From<OpenFailure> for OpenRefused {
    fn from(failure: OpenFailure) -> Self {
        let (status, reason) = match failure {
            OpenFailure::NotListening => (NtStatus::PIPE_NOT_AVAILABLE, "the service is not listening"),
            OpenFailure::AllInstancesBusy => (NtStatus::INSTANCE_NOT_AVAILABLE, "all instances are in use"),
            OpenFailure::Refused => (NtStatus::ACCESS_DENIED, "the service refused the caller"),
            OpenFailure::OutOfResources => (NtStatus::INSUFFICIENT_RESOURCES, "the server is at its limit"),
        };
        Self::new(status, reason)
    }
}
