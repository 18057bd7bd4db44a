//! Where pipes' sockets are, and that only their owner gets there.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The bit of a folder in which everybody can make files, but move only their own.
const STICKY: u32 = 0o1000;

/// The directory that holds this user's pipes when nobody says otherwise; `variable` looks up the
/// environment.
pub(crate) fn default_directory(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let user = rustix::process::geteuid();
    let runtime = variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = match runtime {
        Some(runtime) => runtime.join("standpipe"),
        None if user.is_root() => PathBuf::from("/run/standpipe"),
        None => PathBuf::from(format!("/tmp/standpipe-{}", user.as_raw())),
    };
    base.join("pipes")
}

/// Creates `directory` for its owner alone where it is missing, and refuses one that others could tamper
/// with: who can write to it can put another socket in a pipe's place.
pub(crate) fn prepare_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let found = fs::symlink_metadata(directory)?;
    check_owner(&found)?;
    if found.mode() & 0o022 != 0 {
        return Err(refusal("users other than its owner can write to it"));
    }
    // In a sticky folder such as /tmp others can have made the parent first, but cannot move ours away.
    if let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let found = fs::metadata(parent)?;
        check_owner(&found)?;
        if found.mode() & 0o002 != 0 && found.mode() & STICKY == 0 {
            return Err(refusal("everybody can write to the folder it is in"));
        }
    }
    Ok(())
}

/// Refuses a directory in which users other than its owner could put another socket in a pipe's place.
pub(crate) fn check_shared_directory(directory: &Path) -> io::Result<()> {
    let found = fs::metadata(directory)?;
    check_owner(&found)?;
    if found.mode() & 0o022 != 0 && found.mode() & STICKY == 0 {
        return Err(refusal("users other than its owner can write to it"));
    }
    Ok(())
}

fn check_owner(found: &fs::Metadata) -> io::Result<()> {
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is not a directory"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() && found.uid() != 0 {
        return Err(refusal("it or the folder it is in belongs to another user"));
    }
    Ok(())
}

fn refusal(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_runtime_directory_of_the_user_comes_first() {
        let found = default_directory(|name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/7".into()));
        assert_eq!(found, PathBuf::from("/run/user/7/standpipe/pipes"));
    }

    #[test]
    fn a_relative_runtime_directory_is_ignored() {
        let found = default_directory(|_| Some("run".into()));
        assert!(found.is_absolute(), "{}", found.display());
    }

    #[test]
    fn makes_a_directory_only_its_owner_can_enter() {
        let place = tempfile::tempdir().unwrap();
        let pipes = place.path().join("a/b/pipes");
        prepare_directory(&pipes).unwrap();
        prepare_directory(&pipes).unwrap();
        assert_eq!(fs::metadata(&pipes).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn refuses_a_directory_others_can_write_to() {
        let place = tempfile::tempdir().unwrap();
        let pipes = place.path().join("pipes");
        for mode in [0o720, 0o702, 0o777] {
            prepare_directory(&pipes).unwrap();
            fs::set_permissions(&pipes, fs::Permissions::from_mode(mode)).unwrap();
            let error = prepare_directory(&pipes).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            fs::remove_dir(&pipes).unwrap();
        }
    }

    #[test]
    fn a_directory_can_be_shared_when_it_is_sticky() {
        let place = tempfile::tempdir().unwrap();
        for (mode, good) in [(0o700, true), (0o1777, true), (0o777, false), (0o770, false)] {
            fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(check_shared_directory(place.path()).is_ok(), good, "{mode:o}");
        }
    }

    #[test]
    fn refuses_a_symbolic_link_in_the_directorys_place() {
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("real"), place.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(prepare_directory(&link).is_err());
    }

    #[test]
    fn refuses_a_file_in_the_directorys_place() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("pipes");
        fs::write(&file, "").unwrap();
        assert!(prepare_directory(&file).is_err());
    }
}
