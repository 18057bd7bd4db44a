//! SIDs: how Windows names users and groups.

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::fmt;
use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use windows_sys::Win32::Foundation::{ERROR_NONE_MAPPED, LocalFree};
use windows_sys::Win32::Security::Authorization::{ConvertSidToStringSidW, ConvertStringSidToSidW};
use windows_sys::Win32::Security::{
    GetLengthSid, GetTokenInformation, IsValidSid, LookupAccountNameW, LookupAccountSidW, PSID,
    TOKEN_INFORMATION_CLASS, TOKEN_QUERY, TOKEN_USER, TokenOwner, TokenUser,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

use super::wide_name;
use crate::user::User;

/// The longest that a SID is: 15 subauthorities.
const MAX_SID: usize = 68;

/// A SID: its bytes, of which there is one copy for each SID that this process has met, so that a user is
/// small.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UserId(&'static [u8]);

impl UserId {
    /// `S-1-0-0`: nobody.
    const NOBODY: Self = Self(&bytes::<12>(0, &[0]));
    /// `S-1-1-0`: everybody.
    pub(super) const EVERYONE: Self = Self(&bytes::<12>(1, &[0]));
    /// `S-1-3-4`: whoever owns the object.
    pub(super) const OWNER_RIGHTS: Self = Self(&bytes::<12>(3, &[4]));
    /// `S-1-5-11`: everybody who has logged on.
    pub(super) const AUTHENTICATED: Self = Self(&bytes::<12>(5, &[11]));
    /// `S-1-5-18`: the system.
    pub(super) const SYSTEM: Self = Self(&bytes::<12>(5, &[18]));
    /// `S-1-5-32-544`: the group of administrators.
    pub(super) const ADMINISTRATORS: Self = Self(&bytes::<16>(5, &[32, 544]));
    /// `S-1-5-32-545`: the group of all users.
    pub(super) const USERS: Self = Self(&bytes::<16>(5, &[32, 545]));
    /// The installer of Windows, which owns what belongs to Windows itself.
    pub(super) const TRUSTED_INSTALLER: Self =
        Self(&bytes::<32>(5, &[80, 956_008_885, 3_418_522_649, 1_831_038_044, 1_853_292_631, 2_271_478_464]));

    /// The SID with these bytes.
    fn known(bytes: &[u8]) -> Self {
        static KNOWN: Mutex<BTreeSet<&'static [u8]>> = Mutex::new(BTreeSet::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = known.get(bytes) {
            return Self(one);
        }
        let new: &'static [u8] = Box::leak(bytes.into());
        known.insert(new);
        Self(new)
    }

    /// The SID at `sid`; `None` when there is none.
    ///
    /// # Safety
    /// `sid` is null, or the memory from there on holds a SID.
    pub(super) unsafe fn from_raw(sid: PSID) -> Option<Self> {
        // SAFETY: not null, and by the caller's promise a SID.
        if sid.is_null() || unsafe { IsValidSid(sid) } == 0 {
            return None;
        }
        // SAFETY: it is a valid SID.
        let length = unsafe { GetLengthSid(sid) } as usize;
        // SAFETY: a valid SID is as long as the system says.
        Some(Self::known(unsafe { std::slice::from_raw_parts(sid.cast::<u8>(), length) }))
    }

    /// The SID as the system takes it. It never writes to it.
    pub(super) const fn as_raw(self) -> PSID {
        self.0.as_ptr().cast::<c_void>().cast_mut()
    }

    /// `DOMAIN\name` as the system knows it, or the SID's text.
    pub(super) fn account(self) -> String {
        let (mut name, mut domain) = ([0u16; 256], [0u16; 256]);
        let (mut name_length, mut domain_length, mut usage) = (256, 256, 0);
        // SAFETY: the buffers are as long as the call is told, and the SID is a whole one.
        let found = unsafe {
            LookupAccountSidW(
                ptr::null(),
                self.as_raw(),
                name.as_mut_ptr(),
                &raw mut name_length,
                domain.as_mut_ptr(),
                &raw mut domain_length,
                &raw mut usage,
            )
        };
        let text = |text: &[u16], length: u32| {
            String::from_utf16_lossy(text.get(..length as usize).unwrap_or_default())
        };
        match (found, domain_length) {
            (0, _) => self.to_string(),
            (_, 0) => text(&name, name_length),
            _ => format!("{}\\{}", text(&domain, domain_length), text(&name, name_length)),
        }
    }
}

/// A SID of the first revision with this authority and these subauthorities.
const fn bytes<const LENGTH: usize>(authority: u8, parts: &[u32]) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = 1;
    bytes[1] = parts.len() as u8;
    bytes[7] = authority;
    let mut part = 0;
    while part < parts.len() {
        let of_part = parts[part].to_le_bytes();
        let mut byte = 0;
        while byte < 4 {
            bytes[8 + 4 * part + byte] = of_part[byte];
            byte += 1;
        }
        part += 1;
    }
    bytes
}

/// The form that the documentation of Windows uses: `S-1-5-18`.
impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = ptr::null_mut();
        // SAFETY: the SID is a whole one, and the text is freed below.
        if unsafe { ConvertSidToStringSidW(self.as_raw(), &raw mut text) } == 0 {
            return f.write_str("an unknown SID");
        }
        // SAFETY: the system made this text and ended it with a NUL.
        let shown = unsafe {
            let mut length = 0;
            while *text.add(length) != 0 {
                length += 1;
            }
            String::from_utf16_lossy(std::slice::from_raw_parts(text, length))
        };
        // SAFETY: the text is the system's, and nobody uses it any more.
        unsafe { LocalFree(text.cast()) };
        f.write_str(&shown)
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The user of this process. If the system does not say it, nobody, who is trusted by nobody.
pub(crate) fn own_user() -> UserId {
    static OWN: OnceLock<UserId> = OnceLock::new();
    *OWN.get_or_init(|| own_sid(TokenUser).unwrap_or(UserId::NOBODY))
}

/// Who owns what this process makes: its user, or the group of administrators where it is elevated.
pub(super) fn default_owner() -> UserId {
    static OWNER: OnceLock<UserId> = OnceLock::new();
    *OWNER.get_or_init(|| own_sid(TokenOwner).unwrap_or(UserId::NOBODY))
}

/// The SID at the beginning of what this process's token says about `class`.
fn own_sid(class: TOKEN_INFORMATION_CLASS) -> io::Result<UserId> {
    let mut token = ptr::null_mut();
    // SAFETY: the handle of this process needs no closing, and the token is closed below.
    if unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the token was opened just now and nobody else closes it.
    let token = unsafe { OwnedHandle::from_raw_handle(token) };
    // Room for the structure, aligned as it has to be, and the longest SID behind it.
    let mut buffer = [0u64; 16];
    let mut needed = 0;
    // SAFETY: the buffer is as long as the call is told.
    let done = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            class,
            buffer.as_mut_ptr().cast(),
            size_of_val(&buffer) as u32,
            &raw mut needed,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: TOKEN_USER and TOKEN_OWNER both begin with a pointer to a SID in the same buffer.
    unsafe {
        let sid = (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid;
        UserId::from_raw(sid)
    }
    .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The user or group with this name (`name`, `DOMAIN\name`) or SID (`S-1-…`).
pub(crate) fn user_by_name(name: &str) -> io::Result<Option<User>> {
    let text = wide_name(name)?;
    if name.starts_with("S-1-") || name.starts_with("s-1-") {
        let mut sid = ptr::null_mut();
        // SAFETY: the text ends with a NUL, and the SID is freed below.
        if unsafe { ConvertStringSidToSidW(text.as_ptr(), &raw mut sid) } != 0 {
            // SAFETY: the system made this SID; after the copy nobody uses it.
            let found = unsafe {
                let found = UserId::from_raw(sid);
                LocalFree(sid);
                found
            };
            return Ok(found.map(User));
        }
    }
    let mut sid = [0u64; MAX_SID.div_ceil(8)];
    let (mut sid_length, mut usage) = (size_of_val(&sid) as u32, 0);
    let mut domain = [0u16; 256];
    let mut domain_length = domain.len() as u32;
    // SAFETY: the buffers are as long as the call is told.
    let found = unsafe {
        LookupAccountNameW(
            ptr::null(),
            text.as_ptr(),
            sid.as_mut_ptr().cast(),
            &raw mut sid_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut usage,
        )
    };
    if found == 0 {
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(ERROR_NONE_MAPPED.cast_signed()) {
            Ok(None)
        } else {
            Err(error)
        };
    }
    // SAFETY: the system wrote a SID there.
    Ok(unsafe { UserId::from_raw(sid.as_mut_ptr().cast()) }.map(User))
}
