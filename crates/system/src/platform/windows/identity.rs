//! Tells one version of a file from another.

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_BASIC_INFO, FileBasicInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx,
};

use crate::found::Found;

/// A file changed this recently may change again without its times showing it: file systems count time in
/// steps of some milliseconds.
const RACY: Duration = Duration::from_millis(50);

/// The first of January 1601, from which the system counts, lies this many seconds before that of 1970.
const SECONDS_BEFORE_UNIX: u64 = 11_644_473_600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    volume: u32,
    index: u64,
    size: u64,
    modified: i64,
    /// Moves when the access list changes too, and no ordinary program sets it back. In steps of 100 ns.
    changed: i64,
}

impl FileIdentity {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let mut found = BY_HANDLE_FILE_INFORMATION::default();
        // SAFETY: the handle is open, and the result is of the type that the call fills.
        if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
            return Err(io::Error::last_os_error());
        }
        let mut times = FILE_BASIC_INFO::default();
        // SAFETY: as above; the call is told the type and its length.
        let known = unsafe {
            GetFileInformationByHandleEx(
                file.as_raw_handle(),
                FileBasicInfo,
                (&raw mut times).cast(),
                size_of_val(&times) as u32,
            )
        };
        if known == 0 {
            return Err(io::Error::last_os_error());
        }
        let join = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        Ok(Self {
            volume: found.dwVolumeSerialNumber,
            index: join(found.nFileIndexHigh, found.nFileIndexLow),
            size: join(found.nFileSizeHigh, found.nFileSizeLow),
            modified: times.LastWriteTime,
            changed: times.ChangeTime,
        })
    }

    /// Whether both are of one file, of whatever versions.
    pub(super) const fn is_of_file(&self, other: &Self) -> bool {
        self.volume == other.volume && self.index == other.index
    }
}

pub(crate) fn identity(found: &Found) -> FileIdentity {
    found.access.identity
}

/// The change time decides: the system sets it, to what its clock says, at every change. One in the future is
/// from before the clock was set back, and will not come again by a change made now.
pub(crate) fn is_settled(found: &Found) -> bool {
    let steps = u64::try_from(found.access.identity.changed).unwrap_or_default();
    let since_1601 = Duration::new(steps / 10_000_000, (steps % 10_000_000) as u32 * 100);
    let changed = since_1601
        .checked_sub(Duration::from_secs(SECONDS_BEFORE_UNIX))
        .and_then(|since| UNIX_EPOCH.checked_add(since));
    changed.is_none_or(|changed| match SystemTime::now().duration_since(changed) {
        Ok(age) => age > RACY,
        Err(ahead) => ahead.duration() > RACY,
    })
}
