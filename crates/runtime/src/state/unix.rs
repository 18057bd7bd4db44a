//! Folders that are one user's alone, on Unix.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::StateError;

/// Where the state folders of this user's deployments are, unless someone says otherwise.
pub(super) fn default_parent(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let user = rustix::process::geteuid();
    parent_of(user.as_raw(), variable("XDG_RUNTIME_DIR"))
}

/// The same for any user. Root has one place whoever asks: a service manager starts things without the variable
/// that a log-on sets.
pub(super) fn parent_of(user: u32, runtime: Option<OsString>) -> PathBuf {
    match runtime.map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        _ if user == 0 => PathBuf::from("/run/standpipe"),
        Some(runtime) => runtime.join("standpipe"),
        None => PathBuf::from(format!("/tmp/standpipe-{user}")),
    }
}

/// Whether the folder is one that [`default_parent`] names, and so holds nothing but state folders.
pub(super) fn is_default_parent(folder: &Path) -> bool {
    folder == default_parent(|name| std::env::var_os(name))
}

/// Makes the folders above a state folder, each for this user alone. What is there already is not looked at,
/// except that a folder in a place that everybody can write to must be this user's.
pub(super) fn make_parents(path: &Path) -> Result<(), StateError> {
    if path.exists() {
        let meta = fs::symlink_metadata(path).map_err(StateError::io("look at", path))?;
        let is_shared = path.parent().and_then(|above| fs::metadata(above).ok());
        // In a folder such as /tmp, somebody else could have made it first.
        if is_shared.is_some_and(|above| above.mode() & 0o002 != 0) {
            return trusted(path, &meta);
        }
        return Ok(());
    }
    if let Some(above) = path.parent() {
        make_parents(above)?;
    }
    make_private(path)
}

/// Makes a folder for this user alone, or checks that it is one that nobody else can change.
pub(super) fn make_private(path: &Path) -> Result<(), StateError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(StateError::io("make the folder", path)(error)),
    }
    let meta = fs::symlink_metadata(path).map_err(StateError::io("look at", path))?;
    trusted(path, &meta)
}

fn trusted(folder: &Path, meta: &fs::Metadata) -> Result<(), StateError> {
    let reason = if !meta.is_dir() {
        "it is not a folder"
    } else if !is_own(meta) {
        "it belongs to another user"
    } else if meta.mode() & 0o022 != 0 {
        "others can change what is in it"
    } else {
        return Ok(());
    };
    Err(StateError::Untrusted { folder: folder.to_path_buf(), reason })
}

/// Whether it belongs to this user.
pub(super) fn is_own(meta: &fs::Metadata) -> bool {
    meta.uid() == rustix::process::geteuid().as_raw()
}

pub(super) fn is_socket(meta: &fs::Metadata) -> bool {
    meta.file_type().is_socket()
}

/// Makes `options` open a new file for this user alone, and follow no link.
pub(super) fn private_file(options: &mut OpenOptions) {
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

/// Whether `path` still leads to the open file.
pub(super) fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Gives a folder to a user and its group.
pub(super) fn hand_over(path: &Path, (user, group): (u32, u32)) -> Result<(), StateError> {
    std::os::unix::fs::lchown(path, Some(user), Some(group)).map_err(StateError::io("give away", path))
}

/// Undoes [`hand_over`].
pub(super) fn take_back(path: &Path) -> Result<(), StateError> {
    hand_over(path, (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()))
}

/// Lets others pass through a folder to what is in it, without seeing what that is.
pub(super) fn let_through(path: &Path) -> Result<(), StateError> {
    fs::set_permissions(path, Permissions::from_mode(0o711)).map_err(StateError::io("open up", path))
}
