//! Folders that nobody else can tamper with, and where they are by default.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::found::Found;
use crate::platform;
use crate::user::User;

/// Why a folder cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// Something else is in its place, perhaps a link.
    #[error("it is not a folder")]
    NotAFolder,
    /// It belongs to a user that this process cannot rely on.
    #[error("it belongs to another user")]
    ForeignOwner,
    /// Other users can make, move or remove what is in it.
    #[error("others can change what is in it")]
    Writable,
}

/// The folder for this user's pipes and for the state of what this user runs; `variable` looks up the
/// environment.
///
/// Root has one place whoever asks, since a service manager starts programs without the variable that a
/// log-on sets. Other users have `$XDG_RUNTIME_DIR/standpipe`, and where that is not set
/// `/tmp/standpipe-UID`.
pub fn default_folder(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    platform::default_folder(User::own(), variable)
}

/// The folder for what this user's programs keep and can make again; `variable` looks up the environment.
///
/// For root `/var/lib/standpipe`, for others `$XDG_DATA_HOME/standpipe` or `~/.local/share/standpipe`. Unlike
/// the [default folder](default_folder), it is on a disk, and programs can be executed there.
pub fn data_folder(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    platform::data_folder(User::own(), variable)
}

/// Makes `folder` and the missing folders above it, which only this user can change and others can read.
///
/// # Errors
///
/// Those of the system. A folder that exists is no error, whoever can write to it: see [`check_private`].
pub fn make_readable(folder: &Path) -> io::Result<()> {
    platform::make_readable_folder(folder)
}

/// Makes `folder` and the missing folders above it, each for this user alone.
///
/// # Errors
///
/// Those of the system. A folder that exists is no error, whoever can write to it: see [`check_private`].
pub fn make_private(folder: &Path) -> io::Result<()> {
    platform::make_private_folder(folder)
}

/// Checks that a folder is one, and no link to one, and that only this user or root can change what is in it.
///
/// # Errors
///
/// [`Untrusted`] says what is wrong. `found` comes from [`Found::at_itself`].
pub fn check_private(found: &Found) -> Result<(), Untrusted> {
    check_owner(found)?;
    if platform::others_can_write(found) { Err(Untrusted::Writable) } else { Ok(()) }
}

/// Checks that other users can at most add to a folder: it is sticky where they can write to it, as `/tmp`
/// is.
///
/// # Errors
///
/// [`Untrusted`] says what is wrong.
pub fn check_shared(found: &Found) -> Result<(), Untrusted> {
    check_owner(found)?;
    if platform::others_can_write(found) && !platform::is_sticky(found) {
        return Err(Untrusted::Writable);
    }
    Ok(())
}

fn check_owner(found: &Found) -> Result<(), Untrusted> {
    if !found.metadata().is_dir() {
        return Err(Untrusted::NotAFolder);
    }
    if platform::owner(found).is_some_and(User::is_trusted) { Ok(()) } else { Err(Untrusted::ForeignOwner) }
}

/// Whether every user can write to what `found` describes.
#[must_use]
pub fn everybody_can_write(found: &Found) -> bool {
    platform::everybody_can_write(found)
}

/// The user who owns what `found` describes; `None` where this system does not say so.
#[must_use]
pub fn owner(found: &Found) -> Option<User> {
    platform::owner(found)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn check(path: &Path) -> Result<(), Untrusted> {
        check_private(&Found::at_itself(path).unwrap())
    }

    #[test]
    fn root_has_one_folder_whatever_its_environment_says() {
        let variable = |_: &str| Some("/run/user/7".into());
        assert_eq!(platform::default_folder(User::ROOT, variable), Path::new("/run/standpipe"));
    }

    #[test]
    fn the_runtime_folder_of_another_user_comes_first_if_it_is_absolute() {
        let user = User::from_number(7);
        let folder = |value: &'static str| {
            platform::default_folder(user, |name| (name == "XDG_RUNTIME_DIR").then(|| value.into()))
        };
        assert_eq!(folder("/run/user/7"), Path::new("/run/user/7/standpipe"));
        assert_eq!(folder("run"), Path::new("/tmp/standpipe-7"));
    }

    #[test]
    fn data_is_kept_where_the_user_keeps_data() {
        let user = User::from_number(7);
        let folder = |set: &'static str, value: &'static str| {
            platform::data_folder(user, move |name| (name == set).then(|| value.into()))
        };
        assert_eq!(folder("XDG_DATA_HOME", "/data"), Path::new("/data/standpipe"));
        assert_eq!(folder("HOME", "/home/seven"), Path::new("/home/seven/.local/share/standpipe"));
        assert_eq!(folder("XDG_DATA_HOME", "data"), Path::new("/tmp/standpipe-7"));
        assert_eq!(platform::data_folder(User::ROOT, |_| None), Path::new("/var/lib/standpipe"));
    }

    #[test]
    fn a_private_folder_and_those_above_it_are_made_for_their_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        make_private(&folder).unwrap();
        make_private(&folder).unwrap();
        for made in [&folder, &place.path().join("a")] {
            assert_eq!(fs::metadata(made).unwrap().mode() & 0o777, 0o700);
        }
        assert_eq!(check(&folder), Ok(()));
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_private() {
        let place = tempfile::tempdir().unwrap();
        for mode in [0o720, 0o702, 0o777, 0o1777] {
            fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check(place.path()), Err(Untrusted::Writable), "{mode:o}");
        }
    }

    #[test]
    fn a_folder_can_be_shared_when_it_is_sticky() {
        let place = tempfile::tempdir().unwrap();
        for (mode, good) in [(0o700, true), (0o1777, true), (0o777, false), (0o770, false)] {
            fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
            let found = Found::at(place.path()).unwrap();
            assert_eq!(check_shared(&found).is_ok(), good, "{mode:o}");
        }
    }

    #[test]
    fn neither_a_link_nor_a_file_passes_for_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let (link, file) = (place.path().join("link"), place.path().join("file"));
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        fs::write(&file, "").unwrap();
        assert_eq!(check(&link), Err(Untrusted::NotAFolder));
        assert_eq!(check(&file), Err(Untrusted::NotAFolder));
    }
}
