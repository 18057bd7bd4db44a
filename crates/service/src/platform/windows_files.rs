//! Windows: what tells files apart.
#![allow(unsafe_code, reason = "the standard library does not say it")]

use std::fs::File;
use std::io;
use std::os::windows::io::AsRawHandle;

use windows_sys::Win32::Storage::FileSystem::{BY_HANDLE_FILE_INFORMATION, GetFileInformationByHandle};

/// What tells one file from another, whatever their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    volume: u32,
    high: u32,
    low: u32,
}

/// What tells an open file from others while it is open.
pub(crate) fn file_id(file: &File) -> io::Result<FileId> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is that of an open file, and `found` is written within its bounds.
    let ok = unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) };
    if ok == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(FileId { volume: found.dwVolumeSerialNumber, high: found.nFileIndexHigh, low: found.nFileIndexLow })
}
