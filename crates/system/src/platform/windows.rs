//! Windows: folders rely on the access list that they inherit; private files are not yet supported, and say
//! so.

use std::ffi::OsString;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use crate::private_file::NotPrivate;
use crate::user::User;

/// `AF_UNIX` sockets of Windows have a `sun_path` of 108 bytes too.
pub(crate) const MAX_SOCKET_PATH: usize = 107;

/// The user of this process, the only one that is known so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UserId;

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("of this process")
    }
}

pub(crate) fn own_user() -> UserId {
    UserId
}

pub(crate) fn user_by_number(_number: u32) -> Option<User> {
    None
}

/// Nobody passes for the administrator before it is known who is.
pub(crate) const ADMINISTRATORS: &[User] = &[];

pub(crate) fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::OutOfMemory
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity(());

pub(crate) fn identity(_found: &Metadata) -> FileIdentity {
    FileIdentity(())
}

pub(crate) fn is_settled(_found: &Metadata) -> bool {
    false
}

fn unsupported() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "private files are not yet supported on Windows")
}

pub(crate) fn check_private(_found: &Metadata) -> Result<(), NotPrivate> {
    Err(NotPrivate::Unsupported)
}

pub(crate) fn open_to_read(_path: &Path) -> io::Result<File> {
    Err(unsupported())
}

pub(crate) fn open_private(_path: &Path, _new: bool) -> io::Result<File> {
    Err(unsupported())
}

pub(crate) fn keep_owner(_new: &File, _old: &Metadata) -> io::Result<()> {
    Err(unsupported())
}

pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Err(unsupported())
}

/// An open file cannot be removed here, so the path leads to it as long as it is open.
pub(crate) fn is_same_file(_file: &File, _path: &Path) -> bool {
    true
}

/// Below the user's own local data, where folders inherit an access list that lets nobody else in.
pub(crate) fn default_folder(_user: User, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    variable("LOCALAPPDATA").map_or_else(std::env::temp_dir, PathBuf::from).join("standpipe")
}

pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Access lists are not read yet: whoever named the folder is relied on to have named one of the user's own.
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
pub(crate) fn owner(_found: &Metadata) -> Option<User> {
    Some(User::own())
}

pub(crate) fn others_can_write(_found: &Metadata) -> bool {
    false
}

pub(crate) fn everybody_can_write(_found: &Metadata) -> bool {
    false
}

pub(crate) fn is_sticky(_found: &Metadata) -> bool {
    false
}
