//! Windows: SIDs of users, and access lists of files and folders.

#![expect(unsafe_code, reason = "the system is asked through its C interface")]

mod descriptor;
mod file;
mod identity;
pub mod registry;
mod sid;
#[cfg(test)]
mod tests;
mod text;

use std::ffi::OsString;
use std::io;

use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::{
    ERROR_COMMITMENT_LIMIT, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY,
    ERROR_TOO_MANY_OPEN_FILES,
};
use windows_sys::Win32::Networking::WinSock::{WSAEMFILE, WSAENOBUFS};
use windows_sys::Win32::System::SystemInformation::{ComputerNameDnsHostname, GetComputerNameExW};

pub(crate) use self::descriptor::{
    Access, access_at, access_of, check_private, everybody_can_write, is_sticky, others_can_write, owner,
};
pub use self::text::{wide, wide_name};

pub(crate) use self::file::{
    is_same_file, keep_owner, make_private_folder, open_private, open_to_read, rename_over, sync_folder,
};
pub(crate) use self::identity::{FileIdentity, identity, is_settled};
pub(crate) use self::sid::{UserId, own_user, user_by_name};
use crate::user::User;

/// `AF_UNIX` sockets of Windows have a `sun_path` of 108 bytes too.
pub(crate) const MAX_SOCKET_PATH: usize = 107;

pub(crate) const ADMINISTRATOR: &str = "an administrator";

/// The system itself, the administrators' group, and the installer of Windows, which owns the system's own
/// folders: each may do everything anyway.
pub(crate) const ADMINISTRATORS: &[User] =
    &[User(UserId::SYSTEM), User(UserId::ADMINISTRATORS), User(UserId::TRUSTED_INSTALLER)];

pub(crate) fn command_to_make_private(path: &Path) -> String {
    format!("icacls \"{}\" /inheritance:r /grant:r \"%USERNAME%:F\"", path.display())
}

/// Users have no numbers here.
pub(crate) fn user_by_number(_number: u32) -> Option<User> {
    None
}

pub(crate) fn host_name() -> String {
    let mut length = 0;
    // SAFETY: without a buffer the call only says how long one has to be.
    unsafe { GetComputerNameExW(ComputerNameDnsHostname, std::ptr::null_mut(), &raw mut length) };
    let mut name = vec![0; length as usize];
    // SAFETY: the buffer is as long as the call is told.
    let found = unsafe { GetComputerNameExW(ComputerNameDnsHostname, name.as_mut_ptr(), &raw mut length) };
    name.truncate(length as usize);
    if found == 0 { String::new() } else { String::from_utf16(&name).unwrap_or_default() }
}

pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    const CODES: [i32; 7] = [
        ERROR_NOT_ENOUGH_MEMORY.cast_signed(),
        ERROR_OUTOFMEMORY.cast_signed(),
        ERROR_TOO_MANY_OPEN_FILES.cast_signed(),
        ERROR_NO_SYSTEM_RESOURCES.cast_signed(),
        ERROR_COMMITMENT_LIMIT.cast_signed(),
        WSAEMFILE,
        WSAENOBUFS,
    ];
    error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// Below the user's own local data, where folders inherit an access list that lets nobody else in.
pub(crate) fn default_folder(_user: User, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    variable("LOCALAPPDATA").map_or_else(std::env::temp_dir, PathBuf::from).join("standpipe")
}
