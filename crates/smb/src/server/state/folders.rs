//! The opens of the root of `IPC$`, which lists the pipes.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;

use standpipe_security::AccessMask;

use super::OpenPlace;
use crate::NtStatus;
use crate::server::request::Request;
use crate::wire::FileId;

/// An open of the root.
pub(crate) struct Folder {
    pub(crate) file_id: FileId,
    pub(crate) session_id: u64,
    pub(crate) tree_id: u32,
    pub(crate) access: AccessMask,
    /// Which names are listed, once that was said ([MS-SMB2] 3.3.1.10 *EnumerationSearchPattern*).
    pub(crate) pattern: Option<String>,
    /// The place in [`Config::pipes`](crate::server::Config::pipes) where the listing goes on
    /// (*EnumerationLocation*).
    pub(crate) next: usize,
    /// Whether the listing has given an entry since it began.
    pub(crate) has_given: bool,
    /// Its place among the opens of its account.
    pub(crate) _place: OpenPlace,
}

/// The opens of the root on a connection.
#[derive(Default)]
pub(crate) struct Folders {
    // Boxed, as a map has room for eleven before it needs more.
    table: BTreeMap<u64, Box<Folder>>,
}

impl Folders {
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn contains(&self, volatile: u64) -> bool {
        self.table.contains_key(&volatile)
    }

    pub(crate) fn add(&mut self, folder: Folder) {
        self.table.insert(folder.file_id.volatile, Box::new(folder));
    }

    /// The open that a request names, of the request's session and tree connect; `None` when it is none of
    /// the root.
    pub(crate) fn find_mut(
        &mut self,
        request: &Request<'_>,
        file_id: FileId,
    ) -> Result<Option<&mut Folder>, NtStatus> {
        let file_id = request.file_id(file_id)?;
        let Some(folder) = self.table.get_mut(&file_id.volatile) else {
            return Ok(None);
        };
        let is_named = folder.file_id == file_id
            && folder.session_id == request.session_id
            && folder.tree_id == request.tree_id;
        if is_named { Ok(Some(folder)) } else { Err(NtStatus::FILE_CLOSED) }
    }

    pub(crate) fn remove(&mut self, volatile: u64) {
        self.table.remove(&volatile);
    }

    /// Removes those that `matches` accepts.
    pub(super) fn end_where(&mut self, matches: impl Fn(&Folder) -> bool) {
        self.table.retain(|_, folder| !matches(folder));
    }

    /// Removes all of them, for the connection is closed.
    pub(super) fn clear(&mut self) {
        self.table.clear();
    }
}
