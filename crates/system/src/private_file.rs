//! Files that nobody but their owner can read or change: accounts and passwords.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::found::Found;
use crate::platform;
use crate::user::{ADMINISTRATOR, User};

/// Tells one version of a file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileIdentity(platform::FileIdentity);

/// Why a file is not private.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotPrivate {
    /// It is a folder, a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotAFile,
    /// Somebody else owns it and could change it.
    #[error("it belongs to user {owner}, expected user {user} or {ADMINISTRATOR}")]
    ForeignOwner {
        /// Its owner.
        owner: User,
        /// The user that this process acts as.
        user: User,
    },
    /// Users other than its owner can read or write it.
    #[error("it is open to other users (mode {mode:04o}, expected 0600)")]
    Exposed {
        /// Its permission bits.
        mode: u32,
    },
    /// Users other than its owner can read or write it, as its access list on Windows says.
    #[error("it is open to {who}, who can {right} it")]
    OpenTo {
        /// The first user or group whom it is open to.
        who: String,
        /// What they can do: `read` or `change`.
        right: &'static str,
    },
}

/// Checks that only its owner can read or change a file, and that the owner is this process's user or root.
///
/// On Unix, a file of root may also be readable for a group of this process, when it acts as another user:
/// that is how platforms mount secrets.
///
/// # Errors
///
/// [`NotPrivate`] says what is wrong.
pub fn check(found: &Found) -> Result<(), NotPrivate> {
    if !found.metadata().is_file() {
        return Err(NotPrivate::NotAFile);
    }
    platform::check_private(found)
}

/// The same for what need not be a regular file, such as the pipe in which a shell hands over a secret.
///
/// # Errors
///
/// [`NotPrivate`] says what is wrong.
pub fn check_access(found: &Found) -> Result<(), NotPrivate> {
    platform::check_private(found)
}

/// The command line that makes a file its user's alone, for a hint.
#[must_use]
pub fn command_to_make_private(path: &Path) -> String {
    platform::command_to_make_private(path)
}

/// Opens a file for reading. Something that turns out not to be a file does not keep the caller waiting.
///
/// # Errors
///
/// Those of the system.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    platform::open_to_read(path)
}

/// Opens a file for writing that nobody else may read, and makes it where it is missing. A link is not
/// followed. With `new` it must not exist yet.
///
/// # Errors
///
/// Those of the system.
pub fn open_to_write(path: &Path, new: bool) -> io::Result<File> {
    platform::open_private(path, new)
}

/// Gives `new` the owner of the file whose place it is to take. A service that runs as another user than the
/// administrator keeps its file this way.
///
/// # Errors
///
/// Those of the system.
pub fn keep_owner(new: &File, old: &Found) -> io::Result<()> {
    platform::keep_owner(new, old)
}

/// Puts the file `new` in the place of `target`, in one step.
///
/// Windows refuses it while somebody has `target` open in certain ways, as scanners for viruses do for a
/// moment; there it is tried for some seconds.
///
/// # Errors
///
/// Those of the system.
pub fn rename_over(new: &Path, target: &Path) -> io::Result<()> {
    platform::rename_over(new, target)
}

/// Makes a rename in the folder of `path` last through a power failure.
///
/// # Errors
///
/// Those of the system.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    platform::sync_folder(folder)
}

/// Whether `path` still leads to the open file.
#[must_use]
pub fn is_same_file(file: &File, path: &Path) -> bool {
    platform::is_same_file(file, path)
}

impl FileIdentity {
    /// The identity of the version that `found` describes.
    #[must_use]
    pub fn of(found: &Found) -> Self {
        Self(platform::identity(found))
    }
}

/// Whether every later change of a file that looks like `found` will show in its [`FileIdentity`].
#[must_use]
pub fn is_settled(found: &Found) -> bool {
    platform::is_settled(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_a_file_that_others_can_neither_read_nor_write_nor_run_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "secret").unwrap();
        for (mode, private) in [(0o600, true), (0o400, true), (0o700, true), (0o640, false), (0o602, false)] {
            let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
            fs::set_permissions(&path, permissions).unwrap();
            assert_eq!(check(&Found::at(&path).unwrap()).is_ok(), private, "{mode:o}");
        }
        assert_eq!(check(&Found::at(folder.path()).unwrap()), Err(NotPrivate::NotAFile));
    }

    #[test]
    fn a_new_file_is_private_and_does_not_replace_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let file = open_to_write(&path, true).unwrap();
        assert_eq!(check(&Found::of(&file).unwrap()), Ok(()));
        assert!(is_same_file(&file, &path));
        assert_eq!(open_to_write(&path, true).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn every_version_of_a_file_has_an_identity_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "one").unwrap();
        let before = FileIdentity::of(&Found::at(&path).unwrap());
        assert_eq!(before, FileIdentity::of(&Found::at(&path).unwrap()));
        fs::write(&path, "longer").unwrap();
        assert_ne!(before, FileIdentity::of(&Found::at(&path).unwrap()));
    }
}
