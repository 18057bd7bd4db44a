//! The opens of a connection.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use standpipe_security::{AccessMask, DesiredAccess, Grant, GrantedAccess, Token};

use super::{Outputs, PendingId, PendingRequests, PipeEnd, Writer};
use crate::NtStatus;
use crate::server::budget::AccountBudget;
use crate::server::request::Request;
use crate::server::{OpenId, Output, PipeId, ServiceEnd};
use crate::wire::FileId;

/// An open of a pipe: what was granted, and the client's end once the backend has taken it.
pub(crate) struct Open {
    granted: Granted,
    end: End,
    /// What [`Opens::held`] counts for it.
    counted: usize,
    /// Its place among the opens of its account.
    _place: OpenPlace,
}

/// An open's place among those of its account, given back when it is dropped.
pub(crate) struct OpenPlace(Option<Arc<AccountBudget>>);

impl OpenPlace {
    /// A place, if the account may have one more.
    pub(crate) fn take(budget: Option<&Arc<AccountBudget>>) -> Option<Self> {
        match budget {
            Some(budget) if !budget.opens.take(1) => None,
            budget => Some(Self(budget.map(Arc::clone))),
        }
    }
}

impl Drop for OpenPlace {
    fn drop(&mut self) {
        if let Some(budget) = &self.0 {
            budget.opens.give(1);
        }
    }
}

/// What was granted when a pipe was opened; later requests are held to it.
pub(crate) struct Granted {
    pub(crate) file_id: FileId,
    pub(crate) session_id: u64,
    pub(crate) tree_id: u32,
    pub(crate) pipe: PipeId,
    pub(crate) access: GrantedAccess,
    pub(crate) user: Arc<str>,
    /// Whether the pipe takes encrypted requests only.
    pub(crate) encrypted_only: bool,
}

impl Granted {
    /// Whether a request that names `file_id` may use this open.
    fn check_request(&self, request: &Request<'_>, file_id: FileId) -> Result<(), NtStatus> {
        if self.file_id != file_id || self.session_id != request.session_id || self.tree_id != request.tree_id
        {
            return Err(NtStatus::FILE_CLOSED);
        }
        if self.encrypted_only && !request.encrypted {
            return Err(NtStatus::ACCESS_DENIED);
        }
        Ok(())
    }
}

enum End {
    /// The backend has not taken it yet; the CREATE is answered when it has.
    Connecting(Asked),
    /// Connected.
    Connected(PipeEnd),
}

/// A CREATE that waits for its backend: what the second access check and the answer need.
pub(crate) struct Asked {
    pub(crate) request: PendingId,
    pub(crate) desired: DesiredAccess,
    /// What the first access check granted.
    pub(crate) grant: Grant,
    pub(crate) token: Arc<Token>,
}

impl Open {
    pub(crate) fn session_id(&self) -> u64 {
        self.granted.session_id
    }

    pub(crate) fn tree_id(&self) -> u32 {
        self.granted.tree_id
    }

    fn connected(&self) -> Option<&PipeEnd> {
        match &self.end {
            End::Connected(end) => Some(end),
            End::Connecting(_) => None,
        }
    }
}

/// A connected open that a request means, with the client's end to look at (`&PipeEnd`) or to use (`&mut
/// PipeEnd`).
pub(crate) struct ConnectedOpen<'a, End> {
    pub(crate) id: OpenId,
    pub(crate) granted: &'a Granted,
    pub(crate) end: End,
}

impl<End> ConnectedOpen<'_, End> {
    /// Checks that these rights were granted.
    pub(crate) fn check_granted(&self, needed: AccessMask) -> Result<(), NtStatus> {
        if self.granted.access.contains(needed) { Ok(()) } else { Err(NtStatus::ACCESS_DENIED) }
    }
}

/// The opens of a connection, those that backends have not taken yet included.
#[derive(Default)]
pub(crate) struct Opens {
    // Boxed, as a map has room for eleven before it needs more, and most connections have one.
    table: BTreeMap<OpenId, Box<Open>>,
    held: usize,
}

impl Opens {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// How many bytes services wrote that clients have not read, and clients wrote that services have not
    /// read. Right after [`Self::recount`].
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Counts anew what is held for an open, after that has changed.
    pub(crate) fn recount(&mut self, open: OpenId) {
        if let Some(open) = self.table.get_mut(&open) {
            let now = open.connected().map_or(0, |end| end.held() + end.unread());
            self.held = (self.held + now).saturating_sub(open.counted);
            open.counted = now;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn contains(&self, open: OpenId) -> bool {
        self.table.contains_key(&open)
    }

    /// How many opens of this pipe there are.
    pub(crate) fn of_pipe(&self, pipe: PipeId) -> usize {
        self.table.values().filter(|open| open.granted.pipe == pipe).count()
    }

    /// Adds an open whose backend has to take it.
    pub(crate) fn add(&mut self, open: OpenId, granted: Granted, asked: Asked, place: OpenPlace) {
        let end = End::Connecting(asked);
        self.table.insert(open, Box::new(Open { granted, end, counted: 0, _place: place }));
    }

    /// The backend took an open, and `grant` is what every access check grants: gives what was granted, and
    /// the CREATE to answer. `None` if the open was closed in the meantime, or is connected already.
    pub(crate) fn connect(
        &mut self,
        open: OpenId,
        grant: Grant,
        end: ServiceEnd,
    ) -> Option<(&Granted, PendingId)> {
        let open = self.table.get_mut(&open)?;
        let End::Connecting(Asked { request, .. }) = open.end else {
            return None;
        };
        open.granted.access = grant.access();
        open.end = End::Connected(PipeEnd::new(end));
        Some((&open.granted, request))
    }

    /// The pipe of an open whose backend has to take it, and what was asked for.
    pub(crate) fn connecting_to(&self, open: OpenId) -> Option<(PipeId, &Asked)> {
        let open = self.table.get(&open)?;
        match &open.end {
            End::Connecting(asked) => Some((open.granted.pipe, asked)),
            End::Connected(_) => None,
        }
    }

    /// The backend did not take an open, or the caller may not use it: removes it and gives what was granted,
    /// and the CREATE to answer.
    pub(crate) fn take_connecting(&mut self, open: OpenId) -> Option<(Granted, PendingId)> {
        self.connecting_to(open)?;
        let Open { granted, end, .. } = *self.table.remove(&open)?;
        match end {
            End::Connecting(Asked { request, .. }) => Some((granted, request)),
            End::Connected(_) => None,
        }
    }

    /// Whether an open is connected to its service.
    pub(crate) fn is_connected(&self, open: OpenId) -> bool {
        self.table.get(&open).is_some_and(|open| open.connected().is_some())
    }

    /// The open that a request names, to look at it: it must be connected, and of the request's session and
    /// tree connect. A request on the open of a pipe for encrypted requests must be encrypted itself,
    /// whatever opened it.
    pub(crate) fn find(
        &self,
        request: &Request<'_>,
        file_id: FileId,
    ) -> Result<ConnectedOpen<'_, &PipeEnd>, NtStatus> {
        let file_id = request.file_id(file_id)?;
        let id = OpenId(file_id.volatile);
        let Some(Open { granted, end: End::Connected(end), .. }) = self.table.get(&id).map(Box::as_ref)
        else {
            return Err(NtStatus::FILE_CLOSED);
        };
        granted.check_request(request, file_id)?;
        Ok(ConnectedOpen { id, granted, end })
    }

    /// The open that a request names, to use it. The same is checked as in [`Opens::find`].
    pub(crate) fn find_mut(
        &mut self,
        request: &Request<'_>,
        file_id: FileId,
    ) -> Result<ConnectedOpen<'_, &mut PipeEnd>, NtStatus> {
        let file_id = request.file_id(file_id)?;
        let id = OpenId(file_id.volatile);
        let Some(Open { granted, end: End::Connected(end), .. }) = self.table.get_mut(&id).map(Box::as_mut)
        else {
            return Err(NtStatus::FILE_CLOSED);
        };
        granted.check_request(request, file_id)?;
        Ok(ConnectedOpen { id, granted, end })
    }

    /// The names of all opens.
    pub(crate) fn all(&self) -> Vec<OpenId> {
        self.table.keys().copied().collect()
    }

    /// Whether each open is connected and nothing is under way on it.
    pub(crate) fn are_idle(&self) -> bool {
        self.table.values().all(|open| open.connected().is_some_and(PipeEnd::is_idle))
    }

    /// The client's end of a connected open.
    pub(crate) fn end_of(&mut self, open: OpenId) -> Option<&mut PipeEnd> {
        match &mut self.table.get_mut(&open)?.end {
            End::Connected(end) => Some(end),
            End::Connecting(_) => None,
        }
    }

    /// Whether an open is of a pipe that takes encrypted requests only.
    pub(crate) fn is_encrypted_only(&self, open: OpenId) -> bool {
        self.table.get(&open).is_some_and(|open| open.granted.encrypted_only)
    }

    /// Whether more should be read from the backend of this open.
    pub(crate) fn wants_data(&self, open: OpenId, read_ahead: usize) -> bool {
        let end = self.table.get(&open).and_then(|open| open.connected());
        end.is_some_and(|end| end.is_connected() && end.held() < read_ahead)
    }

    /// Removes an open; its unanswered requests end with `status`.
    pub(crate) fn end(
        &mut self,
        open: OpenId,
        status: NtStatus,
        pending: &mut PendingRequests,
        outputs: &mut Outputs,
    ) {
        let Some(entry) = self.table.remove(&open) else {
            return;
        };
        outputs.push(Output::Close { open });
        self.held = self.held.saturating_sub(entry.counted);
        match entry.end {
            End::Connecting(Asked { request, .. }) => pending.defer(request, status),
            End::Connected(end) => {
                let (readers, writers) = end.into_requests();
                for reader in readers {
                    pending.defer(reader.request, status);
                }
                for writer in writers {
                    pending.release(writer.held());
                    if let Writer::Write { request, .. } | Writer::Flush { request } = writer {
                        pending.defer(request, status);
                    }
                }
            }
        }
    }

    /// Removes the opens that `matches` accepts.
    pub(crate) fn end_where(
        &mut self,
        pending: &mut PendingRequests,
        outputs: &mut Outputs,
        matches: impl Fn(&Open) -> bool,
    ) {
        let gone: Vec<OpenId> =
            self.table.iter().filter(|(_, open)| matches(open)).map(|(id, _)| *id).collect();
        for open in gone {
            self.end(open, NtStatus::PIPE_BROKEN, pending, outputs);
        }
    }

    /// Closes all of them, for the connection is closed.
    pub(super) fn clear(&mut self, outputs: &mut Outputs) {
        self.held = 0;
        for open in core::mem::take(&mut self.table).into_keys() {
            outputs.push(Output::Close { open });
        }
    }
}
