//! The client's end of a named pipe: opening it, waiting for it, and what its service has put on it.

#![expect(unsafe_code, reason = "the calls for named pipes take raw handles and addresses")]

use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use standpipe_security::{SecurityDescriptor, Sid};
use standpipe_system::user::User;
use standpipe_system::wide_name;
use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_INSUFFICIENT_BUFFER, ERROR_INVALID_PARAMETER,
    ERROR_PIPE_BUSY, ERROR_SEM_TIMEOUT, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GROUP_SECURITY_INFORMATION, GetKernelObjectSecurity, GetTokenInformation,
    LABEL_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES, OPEN_EXISTING,
    SECURITY_IDENTIFICATION, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{
    GetNamedPipeClientProcessId, PIPE_READMODE_MESSAGE, PIPE_WAIT, SetNamedPipeHandleState, WaitNamedPipeW,
};
use windows_sys::Win32::System::Threading::{
    OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION,
};

use super::Socket;
use super::end::PipeEnd;
use super::operation::{Handle, code_of};
use crate::Mode;
use crate::platform::Presence;

/// Opens the client's end of the pipe `path`.
///
/// [`io::ErrorKind::NotFound`] says that there is no such pipe, [`io::ErrorKind::WouldBlock`] that all its
/// instances are in use.
pub(crate) fn open(path: &Path) -> io::Result<Socket> {
    let path = wide_name(path)?;
    // A pipe that carries bytes in one direction only refuses the other one.
    let rights = [
        GENERIC_READ | GENERIC_WRITE,
        GENERIC_READ | FILE_WRITE_ATTRIBUTES,
        GENERIC_WRITE | FILE_READ_ATTRIBUTES,
    ];
    let mut refused = None;
    for rights in rights {
        match open_with(&path, rights) {
            Err(error) if code_of(&error) == ERROR_ACCESS_DENIED => refused = refused.or(Some(error)),
            Err(error) if code_of(&error) == ERROR_PIPE_BUSY => {
                return Err(io::Error::new(io::ErrorKind::WouldBlock, error));
            }
            Err(error) => return Err(error),
            Ok(handle) => return socket(handle),
        }
    }
    let denied =
        "the pipe's own security descriptor does not let this process in (error 5, ERROR_ACCESS_DENIED)";
    Err(io::Error::new(io::ErrorKind::PermissionDenied, denied))
}

fn open_with(path: &[u16], rights: u32) -> io::Result<OwnedHandle> {
    // The service may learn who this process is, and must not act as it.
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    // SAFETY: the path ends with a NUL; nothing else is handed in.
    let raw =
        unsafe { CreateFileW(path.as_ptr(), rights, 0, ptr::null(), OPEN_EXISTING, flags, ptr::null_mut()) };
    if raw == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, and nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(raw) })
}

/// A client's end, which reads in the mode of the pipe.
fn socket(handle: OwnedHandle) -> io::Result<Socket> {
    let read_mode = PIPE_READMODE_MESSAGE | PIPE_WAIT;
    // One call instead of a question before it: a pipe of bytes refuses to be read in messages.
    // SAFETY: the handle is open; only the mode is set.
    let is_set = unsafe {
        SetNamedPipeHandleState(handle.as_raw_handle(), &raw const read_mode, ptr::null(), ptr::null())
    };
    let mode = if is_set == 0 {
        let error = io::Error::last_os_error();
        if code_of(&error) != ERROR_INVALID_PARAMETER {
            return Err(error);
        }
        Mode::Byte
    } else {
        Mode::Message
    };
    Ok(Socket::pipe(PipeEnd::new(Arc::new(Handle::new(handle)?), mode)))
}

/// The security descriptor of the pipe that a handle belongs to; `None` if it has no DACL, not even a NULL
/// one, which says nothing about who may open it.
pub(super) fn descriptor(handle: &Handle) -> io::Result<Option<SecurityDescriptor>> {
    const PARTS: u32 = OWNER_SECURITY_INFORMATION | GROUP_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    // Not every system knows labels.
    let bytes = security(handle, PARTS | LABEL_SECURITY_INFORMATION).or_else(|_| security(handle, PARTS))?;
    let descriptor = SecurityDescriptor::from_bytes(&bytes).map_err(io::Error::other)?;
    Ok((descriptor.dacl().is_some() || descriptor.has_null_dacl()).then_some(descriptor))
}

fn security(handle: &Handle, parts: u32) -> io::Result<Vec<u8>> {
    let mut room = 512;
    loop {
        // The call wants an address that a descriptor may have.
        let mut buffer = vec![0_u32; (room as usize).div_ceil(4)];
        let mut needed = 0;
        // SAFETY: the handle is open, and the buffer has that much room.
        let done = unsafe {
            GetKernelObjectSecurity(handle.raw(), parts, buffer.as_mut_ptr().cast(), room, &raw mut needed)
        };
        if done != 0 {
            return Ok(buffer.into_iter().flat_map(u32::to_le_bytes).collect());
        }
        let error = io::Error::last_os_error();
        if code_of(&error) != ERROR_INSUFFICIENT_BUFFER || needed <= room {
            return Err(error);
        }
        room = needed;
    }
}

/// Whether the pipe `path` is there, without opening it: its service does not notice. Blocks for as long as
/// all its instances are in use, at most for `wait`.
pub(crate) fn wait(path: &Path, wait: Duration) -> io::Result<Presence> {
    let path = wide_name(path)?;
    // 0 would be the time that the service has set.
    let millis = wait.as_millis().clamp(1, 60_000) as u32;
    // SAFETY: the path ends with a NUL.
    if unsafe { WaitNamedPipeW(path.as_ptr(), millis) } != 0 {
        return Ok(Presence::Free);
    }
    let error = io::Error::last_os_error();
    match code_of(&error) {
        ERROR_SEM_TIMEOUT | ERROR_PIPE_BUSY => Ok(Presence::Busy),
        ERROR_FILE_NOT_FOUND => Ok(Presence::Missing),
        _ => Err(error),
    }
}

/// The user of the process that has opened the pipe whose service's end `handle` is.
pub(super) fn user_of_client(handle: &Handle) -> io::Result<User> {
    let mut process = 0;
    // SAFETY: the handle is open.
    if unsafe { GetNamedPipeClientProcessId(handle.raw(), &raw mut process) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it has no conditions.
    let raw = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, process) };
    if raw.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, and nobody else closes it.
    let process = unsafe { OwnedHandle::from_raw_handle(raw) };
    let mut raw = ptr::null_mut();
    // SAFETY: the process is open.
    if unsafe { OpenProcessToken(process.as_raw_handle(), TOKEN_QUERY, &raw mut raw) } == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, and nobody else closes it.
    let token = unsafe { OwnedHandle::from_raw_handle(raw) };
    let sid = user_of_token(&token)?;
    let unknown =
        || io::Error::new(io::ErrorKind::NotFound, format!("the system does not know the user {sid}"));
    User::by_name(&sid.to_string())?.ok_or_else(unknown)
}

fn user_of_token(token: &OwnedHandle) -> io::Result<Sid> {
    /// More than the structure and the longest SID.
    const ROOM: usize = 128;
    let mut buffer = [0_u64; ROOM / 8];
    let mut length = 0;
    // SAFETY: the token is open, and the buffer has that much room.
    let done = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            buffer.as_mut_ptr().cast(),
            ROOM as u32,
            &raw mut length,
        )
    };
    if done == 0 {
        return Err(io::Error::last_os_error());
    }
    // The SID stands right behind the structure that points to it.
    let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_le_bytes()).collect();
    let sid = bytes.get(mem::size_of::<TOKEN_USER>()..length as usize).unwrap_or_default();
    Sid::from_bytes(sid).map_err(io::Error::other)
}
