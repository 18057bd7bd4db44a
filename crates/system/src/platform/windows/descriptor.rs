//! Who may touch a file or a folder: its owner and its access list.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;
use std::ptr;

use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE, LocalFree};
use windows_sys::Win32::Security::Authorization::{GetSecurityInfo, SE_FILE_OBJECT};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, INHERIT_ONLY_ACE,
    OWNER_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    DELETE, FILE_APPEND_DATA, FILE_DELETE_CHILD, FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT,
    FILE_READ_ATTRIBUTES, FILE_READ_DATA, FILE_WRITE_DATA, READ_CONTROL, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::SystemServices::{ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE};

use super::identity::FileIdentity;
use super::sid::{UserId, default_owner, own_user};
use crate::found::Found;
use crate::private_file::NotPrivate;
use crate::user::User;

/// What lets somebody read.
const READS: u32 = FILE_READ_DATA | GENERIC_READ | GENERIC_ALL;
/// What lets somebody add to a folder, or write to a file.
const ADDS: u32 = FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE;
/// What lets somebody move or remove what others made, or take more rights.
const TAKES: u32 = FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

/// Who may touch something, and which version of it this is.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    owner: UserId,
    /// Who is let in, and to what. What the list denies is not subtracted: it can only make this less.
    allowed: Vec<(UserId, u32)>,
    pub(super) identity: FileIdentity,
}

impl Access {
    /// What users may do that this process does not rely on.
    fn of_others(&self) -> impl Iterator<Item = (UserId, u32)> {
        self.allowed.iter().copied().filter(|&(user, _)| {
            user != self.owner && user != UserId::OWNER_RIGHTS && !User(user).is_trusted()
        })
    }

    /// The same with another owner and another list.
    #[cfg(test)]
    pub(super) fn with(self, owner: UserId, allowed: &[(UserId, u32)]) -> Self {
        Self { owner, allowed: allowed.to_vec(), ..self }
    }

    /// Whether the list lets in anybody whom this process does not rely on.
    #[cfg(test)]
    pub(super) fn lets_others_in(&self) -> bool {
        self.of_others().next().is_some()
    }
}

/// What is at `path`, or what it leads to.
pub(crate) fn access_at(path: &Path, follow: bool) -> io::Result<Access> {
    let itself = if follow { 0 } else { FILE_FLAG_OPEN_REPARSE_POINT };
    let file = OpenOptions::new()
        .access_mode(READ_CONTROL | FILE_READ_ATTRIBUTES)
        // Without this flag a folder is not opened.
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | itself)
        .open(path)?;
    access_of(&file)
}

pub(crate) fn access_of(file: &File) -> io::Result<Access> {
    let (mut owner, mut list, mut descriptor) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: the handle is open; the results are copied below, before the descriptor that holds them is
    // freed.
    let failed = unsafe {
        GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            &raw mut list,
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    if failed != 0 {
        return Err(io::Error::from_raw_os_error(failed.cast_signed()));
    }
    // SAFETY: both are the system's, and live until the descriptor is freed.
    let (owner, allowed) = unsafe { (UserId::from_raw(owner), entries(list)) };
    // SAFETY: the system made the descriptor, and nobody uses it any more.
    unsafe { LocalFree(descriptor) };
    let owner = owner.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it has no owner"))?;
    Ok(Access { owner, allowed, identity: FileIdentity::of(file)? })
}

/// Who is let in by an access list. Without a list everybody is let in to everything.
///
/// # Safety
/// `list` is null or an access list.
unsafe fn entries(list: *const ACL) -> Vec<(UserId, u32)> {
    if list.is_null() {
        return vec![(UserId::EVERYONE, GENERIC_ALL)];
    }
    let mut entries = Vec::new();
    // SAFETY: an access list by the caller's promise.
    for index in 0..u32::from(unsafe { (*list).AceCount }) {
        let mut entry = ptr::null_mut();
        // SAFETY: there are so many entries.
        if unsafe { GetAce(list, index, &raw mut entry) } == 0 {
            continue;
        }
        // SAFETY: each entry begins with such a head.
        let head = unsafe { *entry.cast::<ACE_HEADER>() };
        let allows =
            [ACCESS_ALLOWED_ACE_TYPE, ACCESS_ALLOWED_CALLBACK_ACE_TYPE].contains(&u32::from(head.AceType));
        // One that is only for what is made below says nothing about the folder itself.
        if !allows || u32::from(head.AceFlags) & INHERIT_ONLY_ACE != 0 {
            continue;
        }
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: entries of both types have the mask and, from `SidStart` on, the SID at these places.
        let (mask, user) = unsafe { ((*entry).Mask, UserId::from_raw((&raw mut (*entry).SidStart).cast())) };
        entries.extend(user.map(|user| (user, mask)));
    }
    entries
}

pub(crate) fn check_private(found: &Found) -> Result<(), NotPrivate> {
    let access = &found.access;
    let (owner, user) = (User(access.owner), User::own());
    if !owner.is_trusted() {
        return Err(NotPrivate::ForeignOwner { owner, user });
    }
    let exposed = access.of_others().find(|(_, mask)| mask & (READS | ADDS | TAKES) != 0);
    exposed.map_or(Ok(()), |(other, mask)| {
        let right = if mask & READS != 0 { "read" } else { "change" };
        Err(NotPrivate::OpenTo { who: other.account(), right })
    })
}

/// What this process makes may belong to the group of administrators: then it is its own too.
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on every system")]
pub(crate) fn owner(found: &Found) -> Option<User> {
    let owner = found.access.owner;
    Some(User(if owner == default_owner() { own_user() } else { owner }))
}

pub(crate) fn others_can_write(found: &Found) -> bool {
    found.access.of_others().any(|(_, mask)| mask & (ADDS | TAKES) != 0)
}

pub(crate) fn everybody_can_write(found: &Found) -> bool {
    const EVERYBODY: [UserId; 3] = [UserId::EVERYONE, UserId::AUTHENTICATED, UserId::USERS];
    found.access.of_others().any(|(user, mask)| EVERYBODY.contains(&user) && mask & (ADDS | TAKES) != 0)
}

/// Others can add to the folder, and neither move nor remove what they did not make.
pub(crate) fn is_sticky(found: &Found) -> bool {
    !found.access.of_others().any(|(_, mask)| mask & TAKES != 0)
}
