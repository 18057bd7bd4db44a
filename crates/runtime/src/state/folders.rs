//! Folders that are one user's alone.

use std::io;
use std::path::Path;

use standpipe_system::{Found, folder};

use super::StateError;

/// Whether the folder is one that [`locate`](super::locate) uses unless another is named, and so holds
/// nothing but state folders.
pub(super) fn is_default_parent(path: &Path) -> bool {
    path == folder::default_folder(|name| std::env::var_os(name))
}

/// Makes the folders above a state folder, each for this user alone. A folder that is there already is not
/// looked at, except that one in a folder that everybody can write to must be this user's.
pub(super) fn make_parents(path: &Path) -> Result<(), StateError> {
    if path.exists() {
        let above = path.parent().and_then(|above| Found::at(above).ok());
        // In a folder such as /tmp, somebody else could have made it first.
        let is_shared = above.is_some_and(|above| folder::everybody_can_write(&above));
        return if is_shared { check(path) } else { Ok(()) };
    }
    if let Some(above) = path.parent() {
        make_parents(above)?;
    }
    make_private(path)
}

/// Makes a folder for this user alone, or checks that it is one that nobody else can change.
pub(super) fn make_private(path: &Path) -> Result<(), StateError> {
    match folder::make_private(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StateError::io("make the folder", path)(error))
        }
        _ => check(path),
    }
}

pub(super) fn check(path: &Path) -> Result<(), StateError> {
    let found = Found::at_itself(path).map_err(StateError::io("look at", path))?;
    folder::check_private(&found)
        .map_err(|reason| StateError::Untrusted { folder: path.to_path_buf(), reason })
}
