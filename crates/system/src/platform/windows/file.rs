//! Files and folders that are made with an access list of their own.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::Path;
use std::ptr;
use std::thread;
use std::time::{Duration, Instant};

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_SHARING_VIOLATION, GENERIC_WRITE, HANDLE,
    INVALID_HANDLE_VALUE, LocalFree,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1, SE_FILE_OBJECT, SetSecurityInfo,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, GetSecurityDescriptorOwner,
    OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR,
    SECURITY_ATTRIBUTES,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_REPARSE_POINT,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_WRITE_DATA, OPEN_ALWAYS, ReOpenFile, WRITE_DAC, WRITE_OWNER,
};

use super::identity::FileIdentity;
use super::sid::{UserId, own_user};
use super::wide_name;
use crate::found::Found;
use crate::user::User;

/// How long a rename is tried while somebody has the file open, and how long between the attempts.
const RENAME_TIMEOUT: Duration = Duration::from_secs(5);
const RENAME_PAUSE: Duration = Duration::from_millis(2);

/// Others may read, write, rename and remove the file while it is open, as on Unix.
const SHARED: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// A security descriptor that the system made from text.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    /// One that lets in `owner`, the system and the administrators, and takes nothing over from the folder
    /// around it; with `inherit` what is made below gets the same.
    fn private(owner: UserId, inherit: bool) -> io::Result<Self> {
        let flags = if inherit { "OICI" } else { "" };
        let text = format!("O:{owner}D:P(A;{flags};FA;;;SY)(A;{flags};FA;;;BA)(A;{flags};FA;;;{owner})");
        let text = wide_name(text)?;
        let mut descriptor = ptr::null_mut();
        // SAFETY: the text ends with a NUL; the descriptor is freed when it is dropped.
        let made = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        };
        if made == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }

    /// What calls take that make something with this descriptor, which has to live as long.
    const fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.0,
            bInheritHandle: 0,
        }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the system made it for this value alone.
        unsafe { LocalFree(self.0) };
    }
}

/// Nothing is waited for here: pipes and devices are opened by names of their own.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

pub(crate) fn open_private(path: &Path, new: bool) -> io::Result<File> {
    let descriptor = Descriptor::private(own_user(), false)?;
    let attributes = descriptor.attributes();
    let name = wide_name(path)?;
    // SAFETY: the name ends with a NUL, and the attributes live until the call returns.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_WRITE,
            SHARED,
            &raw const attributes,
            if new { CREATE_NEW } else { OPEN_ALWAYS },
            FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT,
            ptr::null_mut(),
        )
    };
    // SAFETY: if the handle is one, it was opened just now and nobody else closes it.
    let file = unsafe { opened(handle) }?;
    if file.metadata()?.file_attributes() & FILE_ATTRIBUTE_REPARSE_POINT != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a link, which is not followed"));
    }
    Ok(file)
}

/// A private file lets in its owner by name, so its access list follows the owner. Giving it to somebody else
/// needs the privilege to restore files, which administrators have.
pub(crate) fn keep_owner(new: &File, old: &Found) -> io::Result<()> {
    let Some(owner) = super::owner(old).filter(|&owner| owner != User::own()) else { return Ok(()) };
    let descriptor = Descriptor::private(owner.0, false)?;
    let (mut sid, mut list, mut is_there, mut by_default) = (ptr::null_mut(), ptr::null_mut(), 0, 0);
    // SAFETY: the descriptor is a whole one, and what is found in it lives as long as it.
    let found = unsafe {
        GetSecurityDescriptorOwner(descriptor.0, &raw mut sid, &raw mut by_default) != 0
            && GetSecurityDescriptorDacl(descriptor.0, &raw mut is_there, &raw mut list, &raw mut by_default)
                != 0
    };
    if !found {
        return Err(io::Error::last_os_error());
    }
    // The handle at hand may not change the owner, so another one is opened on the same file.
    // SAFETY: the handle is open.
    let handle = unsafe { ReOpenFile(new.as_raw_handle(), WRITE_DAC | WRITE_OWNER, SHARED, 0) };
    // SAFETY: if the handle is one, it was opened just now and nobody else closes it.
    let file = unsafe { opened(handle) }?;
    // SAFETY: the handle is open; owner and list live in the descriptor.
    let failed = unsafe {
        SetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            sid,
            ptr::null_mut(),
            list,
            ptr::null(),
        )
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(failed.cast_signed())) }
}

/// The file of a handle that was just opened.
///
/// # Safety
/// Unless the system failed to open it, the handle is a file's, and nobody else closes it.
unsafe fn opened(handle: HANDLE) -> io::Result<File> {
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: by the caller's promise.
    Ok(unsafe { File::from_raw_handle(handle) })
}

pub(crate) fn rename_over(new: &Path, target: &Path) -> io::Result<()> {
    let started = Instant::now();
    loop {
        let renamed = fs::rename(new, target);
        let code = renamed.as_ref().err().and_then(io::Error::raw_os_error).map(i32::cast_unsigned);
        let is_in_use = matches!(code, Some(ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION));
        if !is_in_use || started.elapsed() > RENAME_TIMEOUT {
            return renamed;
        }
        thread::sleep(RENAME_PAUSE);
    }
}

/// What the journal of the file system has, which is everything about names, lasts by itself; where the
/// folder can be opened for writing, its changes are on the disk when this returns.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let opened =
        OpenOptions::new().access_mode(FILE_WRITE_DATA).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(folder);
    match opened.and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    match (FileIdentity::of(file), super::access_at(path, false)) {
        (Ok(open), Ok(there)) => open.is_of_file(&there.identity),
        _ => false,
    }
}

pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_private_folder(above)?;
    }
    let descriptor = Descriptor::private(own_user(), true)?;
    let attributes = descriptor.attributes();
    let name = wide_name(folder)?;
    // SAFETY: the name ends with a NUL, and the attributes live until the call returns.
    if unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) } != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    // Somebody else may have made it meanwhile.
    let is_there = error.raw_os_error() == Some(ERROR_ALREADY_EXISTS.cast_signed()) && folder.is_dir();
    if is_there { Ok(()) } else { Err(error) }
}
