//! What can go wrong with a pack.

use std::io;
use std::path::{Path, PathBuf};

use standpipe_system::portable::Unsound;
use thiserror::Error;
use zip::result::ZipError;

use crate::digest::Sha256Sum;
use crate::{MOST_BYTES, MOST_FILES};

/// What went wrong with a pack.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackError {
    /// It is something else.
    #[error("this is no pack: {0}")]
    NotAPack(&'static str),
    /// A later Standpipe made it.
    #[error("the pack has version {0} of the format, and this Standpipe knows version {known}", known = crate::manifest::VERSION)]
    Version(u32),
    /// Its bytes are not those that were written.
    #[error("the pack was changed or damaged: its SHA-256 is {found}, and it says {said}")]
    Damaged {
        /// What it should be.
        said: Sha256Sum,
        /// What it is.
        found: Sha256Sum,
    },
    /// It is another pack than the one that was asked for.
    #[error("this is another pack: its SHA-256 is {found}, and {wanted} was asked for")]
    Other {
        /// What was asked for.
        wanted: Sha256Sum,
        /// What it is.
        found: Sha256Sum,
    },
    /// A file in it is not what its list of files says.
    #[error("`{path}` in the pack is not what its list of files says: {what}")]
    File {
        /// The file's path in the pack.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// A path that does not stay in its folder, or is not the same on every system.
    #[error("the path `{path}` cannot be in a pack")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        source: Unsound,
    },
    /// Its list of files cannot be read.
    #[error("the pack's list of files is wrong: {0}")]
    Manifest(String),
    /// It has more files, or they hold more, than any pack may.
    #[error("a pack has {MOST_FILES} files and {MOST_BYTES} bytes in them at most")]
    TooLarge,
    /// It has nothing for that role.
    #[error("the pack has no role `{name}`; its roles are {known}")]
    NoRole {
        /// The role.
        name: String,
        /// The roles that there are.
        known: String,
    },
    /// A file that was unpacked before has been changed since.
    #[error("`{}` has been changed since it was unpacked", .0.display())]
    Changed(PathBuf),
    /// A file changed while it was packed.
    #[error("`{}` changed while it was packed", .0.display())]
    Busy(PathBuf),
    /// What is to be written is there already.
    #[error("`{}` is there already", .0.display())]
    InTheWay(PathBuf),
    /// A folder to unpack into can be changed by other users.
    #[error("the folder `{}` cannot be trusted: {reason}", path.display())]
    Untrusted {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: standpipe_system::folder::Untrusted,
    },
    /// Its archive cannot be read.
    #[error("the pack cannot be read: {0}")]
    Archive(String),
    /// The system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried, as words that fit between *cannot* and the path.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The pack cannot be read.
    #[error("the pack cannot be read")]
    Read(#[source] io::Error),
}

impl PackError {
    /// What to do about it, where there is something to do.
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotAPack(_) => Some("`standpipe pack` makes one of a deployment file"),
            Self::Version(_) => Some("use the Standpipe that made it, or a later one"),
            Self::Damaged { .. } | Self::File { .. } | Self::Manifest(_) | Self::Archive(_) => {
                Some("nothing of it was written or run; get it from its source again")
            }
            Self::Other { .. } => Some("nothing of it was written or run; is it the right file?"),
            Self::Path { .. } => Some("nothing was written; give the file another name before it is packed"),
            Self::Changed(_) => {
                Some("when nothing uses the folder that it is in, remove the folder: it is unpacked again")
            }
            Self::Busy(_) => Some("nothing was written; pack again when nobody writes to it"),
            Self::Untrusted { .. } => Some("name a folder with --state-dir that is this user's alone"),
            _ => None,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::AlreadyExists => Self::InTheWay(path.to_path_buf()),
            _ => Self::Io { action, path: path.to_path_buf(), source },
        }
    }
}

impl From<ZipError> for PackError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => Self::Read(error),
            other => Self::Archive(other.to_string()),
        }
    }
}
