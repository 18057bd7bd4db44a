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
use std::time::Duration;

use std::path::{Path, PathBuf};

use windows_sys::Win32::Foundation::{
    ERROR_COMMITMENT_LIMIT, ERROR_NO_SYSTEM_RESOURCES, ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY,
    ERROR_TOO_MANY_OPEN_FILES,
};
use windows_sys::Win32::Networking::WinSock::{WSAEMFILE, WSAENOBUFS};
use windows_sys::Win32::Storage::FileSystem::GetDiskFreeSpaceExW;
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

#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse")]
pub(crate) fn conceal() -> io::Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse")]
pub(crate) fn hide_environment() -> io::Result<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse")]
pub(crate) fn confine() -> io::Result<bool> {
    Ok(false)
}

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

/// Not asked yet.
pub(crate) fn memory_limit() -> Option<u64> {
    None
}

/// Handles have no limit that a program comes near.
pub(crate) fn descriptor_limit() -> usize {
    1 << 20
}

pub(crate) fn raise_descriptor_limit() -> (usize, usize) {
    (descriptor_limit(), descriptor_limit())
}

pub(crate) fn first_descriptor_limit() -> Option<u64> {
    None
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

pub(crate) fn open_file_limits() -> Option<(u64, u64)> {
    None
}

pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let path = wide(&path.display().to_string());
    let mut free = 0;
    // SAFETY: the path ends with a zero, and the function writes one number.
    let found = unsafe {
        GetDiskFreeSpaceExW(path.as_ptr(), &raw mut free, std::ptr::null_mut(), std::ptr::null_mut())
    };
    (found != 0).then_some(free)
}

pub(crate) fn unprivileged_port_start() -> Option<u16> {
    None
}

/// What the system waits for when it shuts down, as it also does at the end of a container.
pub(crate) fn stop_limits() -> Vec<(&'static str, Duration)> {
    let control = r"SYSTEM\CurrentControlSet\Control";
    let container = r"SYSTEM\CurrentControlSet\Services\cexecsvc";
    let open = |path| registry::Key::open(path).ok().flatten();
    let milliseconds = open(control).and_then(|key| key.text("WaitToKillServiceTimeout").ok().flatten());
    let milliseconds = milliseconds.and_then(|text| text.trim().parse().ok()).map(Duration::from_millis);
    let seconds = open(container).and_then(|key| key.number("ProcessShutdownTimeoutSeconds").ok().flatten());
    let seconds = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    [("WaitToKillServiceTimeout", milliseconds), ("ProcessShutdownTimeoutSeconds", seconds)]
        .into_iter()
        .filter_map(|(name, limit)| Some((name, limit?)))
        .collect()
}

pub(crate) fn data_folder(_user: User, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let above = variable("LOCALAPPDATA").map(PathBuf::from).filter(|path| path.is_absolute());
    above.unwrap_or_else(std::env::temp_dir).join("standpipe").join("data")
}

pub(crate) fn make_readable_folder(folder: &Path) -> io::Result<()> {
    // The folder above says who may read it.
    std::fs::create_dir_all(folder)
}

/// Below the user's own local data, where folders inherit an access list that lets nobody else in.
pub(crate) fn default_folder(_user: User, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    variable("LOCALAPPDATA").map_or_else(std::env::temp_dir, PathBuf::from).join("standpipe")
}
