//! QUERY_DIRECTORY, [MS-SMB2] 3.3.5.18: the pipes of `IPC$` that the caller may open.

use standpipe_security::{AccessMask, DesiredAccess, Token, check_pipe_client, upcase};

use super::name_pattern::matches;
use crate::NtStatus;
use crate::server::replies::Reply;
use crate::server::request::{Done, Refused, Request};
use crate::server::state::{Established, Folder, Folders, Ledger, Negotiated, Opens};
use crate::server::{Config, Pipe, PipeId};
use crate::wire::directory::{DirectoryEntry, DirectoryFlags, QueryDirectoryRequest};
use crate::wire::info::QueryInfoResponse;

/// The longest pattern, in characters: no name is longer.
const LONGEST_PATTERN: usize = 256;

/// What QUERY_DIRECTORY may touch.
pub(crate) struct QueryDirectory<'a> {
    pub(crate) config: &'a Config,
    pub(crate) other_names: Option<PipeId>,
    pub(crate) negotiated: &'a Negotiated,
    pub(crate) session: Option<&'a Established>,
    pub(crate) opens: &'a Opens,
    pub(crate) folders: &'a mut Folders,
    pub(crate) ledger: &'a Ledger,
}

impl QueryDirectory<'_> {
    /// Answers with the entries that come next, as many as fit.
    pub(crate) fn handle(self, request: &Request<'_>, mut reply: Reply<'_>) -> Result<Done, Refused> {
        let asked = QueryDirectoryRequest::decode(request.message)?;
        let Some(folder) = self.folders.find_mut(request, asked.file_id)? else {
            // A pipe is no directory.
            self.opens.find(request, asked.file_id)?;
            return Err(NtStatus::INVALID_PARAMETER.into());
        };
        let room = asked.output_length as usize;
        self.negotiated.check_size(request, room)?;
        let token = self.session.ok_or(NtStatus::USER_SESSION_DELETED)?.token();
        if !folder.access.contains(AccessMask::FILE_READ_DATA) {
            return Err(NtStatus::ACCESS_DENIED.into());
        }
        let length = asked.class.length_without_name().ok_or(NtStatus::INVALID_INFO_CLASS)?;
        begin(folder, &asked)?;
        let pattern = folder.pattern.as_deref().unwrap_or("*");
        // What is listed is held until the client has taken the reply.
        let longest: usize = self.config.pipes.iter().map(|pipe| length + 8 + 2 * pipe.name.len()).sum();
        self.ledger.check_room(longest.min(room))?;

        let body = reply.body();
        let start = QueryInfoResponse::begin(body);
        let (mut previous, mut next, mut fits) = (None, folder.next, true);
        for (at, pipe) in self.config.pipes.iter().enumerate().skip(folder.next) {
            let shown = Some(PipeId(at)) != self.other_names
                && matches(pattern, &upcase(&pipe.name))
                && may_be_opened(pipe, token, request.encrypted);
            if shown {
                let entry = DirectoryEntry {
                    index: at as u32,
                    name: &pipe.name,
                    size: self.opens.of_pipe(PipeId(at)) as u64,
                    allocated: u64::from(pipe.max_instances.unwrap_or(u32::MAX)),
                };
                let Some(begin) = entry.encode(asked.class, start, previous, room, body) else {
                    fits = false;
                    break;
                };
                previous = Some(begin);
            }
            next = at + 1;
            if shown && asked.flags.contains(DirectoryFlags::RETURN_SINGLE_ENTRY) {
                break;
            }
        }
        folder.next = next;
        if previous.is_none() {
            return Err(match (fits, folder.has_given) {
                (false, _) => NtStatus::INFO_LENGTH_MISMATCH,
                (true, true) => NtStatus::NO_MORE_FILES,
                (true, false) => NtStatus::NO_SUCH_FILE,
            }
            .into());
        }
        folder.has_given = true;
        QueryInfoResponse::end(body, start);
        Ok(Done::RepliedOn(folder.file_id, NtStatus::SUCCESS))
    }
}

/// Where a listing goes on, and with which names.
fn begin(folder: &mut Folder, asked: &QueryDirectoryRequest) -> Result<(), NtStatus> {
    if asked.pattern.chars().count() > LONGEST_PATTERN {
        return Err(NtStatus::OBJECT_NAME_INVALID);
    }
    if asked.flags.intersects(DirectoryFlags::REOPEN) {
        folder.pattern = None;
    }
    if asked.flags.intersects(DirectoryFlags::REOPEN | DirectoryFlags::RESTART_SCANS) {
        (folder.next, folder.has_given) = (0, false);
    }
    if !asked.pattern.is_empty() {
        folder.pattern = Some(upcase(&asked.pattern));
    } else if asked.flags.intersects(DirectoryFlags::INDEX_SPECIFIED) {
        folder.next = asked.index as usize;
    }
    Ok(())
}

/// Whether an open of the pipe could get as far as its service. A pipe whose service has the only descriptor
/// counts: that one is known once the service has taken the open.
fn may_be_opened(pipe: &Pipe, token: &Token, encrypted: bool) -> bool {
    const EITHER_WAY: AccessMask = AccessMask(AccessMask::FILE_READ_DATA.0 | AccessMask::FILE_WRITE_DATA.0);
    if pipe.require_encryption && !encrypted {
        return false;
    }
    pipe.security_descriptor.as_ref().is_none_or(|descriptor| {
        let most = DesiredAccess(AccessMask::MAXIMUM_ALLOWED);
        let granted = check_pipe_client(descriptor, token, most).result;
        granted.is_ok_and(|grant| grant.access().mask().intersects(EITHER_WAY))
    })
}
