//! Files that only their owner may read or write.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;

use crate::accounts::AccountFileError;

/// A file changed this recently may change again without its times showing it: file systems count time in
/// steps of some milliseconds.
const RACY: Duration = Duration::from_millis(50);

/// Tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// The change time: moves when permissions or the owner change too, and cannot be set back.
    changed: (i64, i64),
}

pub(crate) fn identity(found: &Metadata) -> FileIdentity {
    FileIdentity {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    }
}

/// Whether every later change of a file that looks like this will show in its [`identity`]. The change time
/// decides: the system sets it, to what its clock says, at every change. One in the future is from before the
/// clock was set back, and will not come again by a change made now.
pub(crate) fn is_settled(found: &Metadata) -> bool {
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(found.ctime()), u32::try_from(found.ctime_nsec()))
    else {
        return true;
    };
    let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
    changed.is_none_or(|changed| match SystemTime::now().duration_since(changed) {
        Ok(age) => age > RACY,
        Err(ahead) => ahead.duration() > RACY,
    })
}

/// Refuses a file that others can read or write, or that somebody else could change.
pub(crate) fn check_private(path: &Path, found: &Metadata) -> Result<(), AccountFileError> {
    let user = rustix::process::geteuid().as_raw();
    if !found.is_file() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(AccountFileError::Io { path: path.to_owned(), action: "read", source });
    }
    if found.uid() != user && found.uid() != 0 {
        return Err(AccountFileError::ForeignOwner { path: path.to_owned(), owner: found.uid(), user });
    }
    if found.mode() & 0o077 != 0 {
        return Err(AccountFileError::Exposed { path: path.to_owned(), mode: found.mode() & 0o7777 });
    }
    Ok(())
}

/// Opens a file for reading. What turns out not to be a file does not keep the caller waiting.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// Opens a file for writing that nobody else may read; `new`: it must not exist yet.
pub(crate) fn open_private(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).create_new(new).truncate(false).mode(0o600);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

/// Gives `new` the owner of the file whose place it is to take, so that a service that runs as another user
/// than the administrator keeps its file.
pub(crate) fn keep_owner(new: &File, old: &Metadata) -> io::Result<()> {
    let made = new.metadata()?;
    if (made.uid(), made.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()))
}

/// Makes a rename in the folder of `path` last through a power failure.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}
