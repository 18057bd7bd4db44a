//! Whom a process runs as.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use standpipe_system::user::User;
use tracing::debug;
use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{
    CreateRestrictedToken, CreateWellKnownSid, DISABLE_MAX_PRIVILEGE, GetSecurityDescriptorDacl,
    GetSecurityDescriptorOwner, PSID, SECURITY_MAX_SID_SIZE, SID_AND_ATTRIBUTES, SetTokenInformation,
    TOKEN_ADJUST_DEFAULT, TOKEN_ASSIGN_PRIMARY, TOKEN_DEFAULT_DACL, TOKEN_DUPLICATE, TOKEN_INFORMATION_CLASS,
    TOKEN_MANDATORY_LABEL, TOKEN_OWNER, TOKEN_QUERY, TokenDefaultDacl, TokenIntegrityLevel, TokenOwner,
    WELL_KNOWN_SID_TYPE, WinBuiltinAdministratorsSid, WinMediumLabelSid,
};
use windows_sys::Win32::System::SystemServices::SE_GROUP_INTEGRITY;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use crate::error::SpawnError;

/// Checks that this process runs as `user`. To start something as another user, Windows asks for that user's
/// password.
pub(crate) fn user_ids(user: &str) -> Result<Option<(u32, u32)>, SpawnError> {
    match User::by_name(user) {
        Ok(Some(found)) if found == User::own() => Ok(None),
        Ok(Some(_)) => Err(SpawnError::NeedsPassword { user: user.to_owned() }),
        Ok(None) | Err(_) => Err(SpawnError::NoSuchUser { user: user.to_owned() }),
    }
}

/// This process's user with what every user may do: without the group of administrators, which can only make
/// that something is denied, without privileges, and on the integrity level of ordinary programs.
///
/// Where the user itself is one that may do everything, as the system is, files remain as open as to it.
pub(super) fn limited() -> io::Result<OwnedHandle> {
    let administrators = well_known(WinBuiltinAdministratorsSid)?;
    let mut own = ptr::null_mut();
    let access = TOKEN_DUPLICATE | TOKEN_ASSIGN_PRIMARY | TOKEN_QUERY | TOKEN_ADJUST_DEFAULT;
    // SAFETY: the handle of this process needs no closing, and the token is closed below.
    if unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut own) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the token was opened just now and nobody else closes it.
    let own = unsafe { OwnedHandle::from_raw_handle(own) };
    let disabled = SID_AND_ATTRIBUTES { Sid: sid(&administrators), Attributes: 0 };
    let mut limited = ptr::null_mut();
    // SAFETY: there is one group to disable, and no other list.
    let made = unsafe {
        CreateRestrictedToken(
            own.as_raw_handle(),
            DISABLE_MAX_PRIVILEGE,
            1,
            &raw const disabled,
            0,
            ptr::null(),
            0,
            ptr::null(),
            &raw mut limited,
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the token was made just now and nobody else closes it.
    let limited = unsafe { OwnedHandle::from_raw_handle(limited) };
    // What it makes must be the user's and open to it. Where this fails, the process can do less than it
    // should, never more.
    if let Err(error) = own_what_it_makes(&limited) {
        debug!(%error, "a limited process owns nothing that it makes");
    }
    let medium = well_known(WinMediumLabelSid)?;
    let label = TOKEN_MANDATORY_LABEL {
        Label: SID_AND_ATTRIBUTES { Sid: sid(&medium), Attributes: SE_GROUP_INTEGRITY.cast_unsigned() },
    };
    if let Err(error) = set(&limited, TokenIntegrityLevel, &label) {
        // A level cannot be raised, so this process is on a lower one itself, or the system has none.
        debug!(%error, "the integrity level stays the same");
    }
    Ok(limited)
}

fn own_what_it_makes(token: &OwnedHandle) -> io::Result<()> {
    let user = User::own();
    let text: Vec<u16> =
        format!("O:{user}D:(A;;GA;;;SY)(A;;GA;;;{user})").encode_utf16().chain([0]).collect();
    let mut descriptor = ptr::null_mut();
    // SAFETY: the text ends with a NUL, and the descriptor is freed below.
    let made = unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            ptr::null_mut(),
        )
    };
    if made == 0 {
        return Err(io::Error::last_os_error());
    }
    let (mut owner, mut list, mut is_there, mut by_default) = (ptr::null_mut(), ptr::null_mut(), 0, 0);
    // SAFETY: the descriptor is a whole one.
    unsafe {
        GetSecurityDescriptorOwner(descriptor, &raw mut owner, &raw mut by_default);
        GetSecurityDescriptorDacl(descriptor, &raw mut is_there, &raw mut list, &raw mut by_default);
    }
    let outcome = set(token, TokenOwner, &TOKEN_OWNER { Owner: owner })
        .and_then(|()| set(token, TokenDefaultDacl, &TOKEN_DEFAULT_DACL { DefaultDacl: list }));
    // SAFETY: the system made the descriptor, and nobody uses it any more.
    unsafe { LocalFree(descriptor) };
    outcome
}

/// Sets what `T` is of a token: each class has its own type.
fn set<T>(token: &OwnedHandle, class: TOKEN_INFORMATION_CLASS, value: &T) -> io::Result<()> {
    // SAFETY: the value is of the length that the call is told, and each caller hands over the type of its
    // class.
    let done = unsafe {
        SetTokenInformation(token.as_raw_handle(), class, ptr::from_ref(value).cast(), size_of::<T>() as u32)
    };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Room for every SID, aligned as one has to be.
type SidBuffer = [u32; SECURITY_MAX_SID_SIZE as usize / 4];

fn well_known(which: WELL_KNOWN_SID_TYPE) -> io::Result<SidBuffer> {
    let mut buffer: SidBuffer = [0; SECURITY_MAX_SID_SIZE as usize / 4];
    let mut length = size_of::<SidBuffer>() as u32;
    // SAFETY: the buffer is as long as the call is told.
    let made =
        unsafe { CreateWellKnownSid(which, ptr::null_mut(), buffer.as_mut_ptr().cast(), &raw mut length) };
    if made == 0 { Err(io::Error::last_os_error()) } else { Ok(buffer) }
}

/// The SID in a buffer. The system never writes to it.
const fn sid(buffer: &SidBuffer) -> PSID {
    buffer.as_ptr().cast_mut().cast()
}
