//! The standard handles, as they are: no buffer, no translation, no console.

#![expect(unsafe_code, reason = "functions of the system")]

use std::io;

use windows_sys::Win32::Foundation::{ERROR_BROKEN_PIPE, ERROR_HANDLE_EOF, HANDLE};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::Console::{GetStdHandle, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE};

/// The most bytes of one write.
const WRITE_AT_ONCE: usize = 1024 * 1024;

/// One standard handle, open as long as the process is.
#[derive(Debug)]
pub(super) struct Standard(HANDLE);

// SAFETY: a handle is a number of the process; every thread may use it.
unsafe impl Send for Standard {}

/// The standard input and output.
pub(super) fn standard() -> (Standard, Standard) {
    // SAFETY: the function has no conditions.
    unsafe { (Standard(GetStdHandle(STD_INPUT_HANDLE)), Standard(GetStdHandle(STD_OUTPUT_HANDLE))) }
}

impl Standard {
    /// Reads at least one byte; 0 at the end.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        let room = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        // SAFETY: the buffer has `room` bytes, and the call is over when the function returns.
        let done =
            unsafe { ReadFile(self.0, buffer.as_mut_ptr(), room, &raw mut read, std::ptr::null_mut()) };
        if done != 0 {
            return Ok(read as usize);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error().map(i32::cast_unsigned) {
            Some(ERROR_BROKEN_PIPE | ERROR_HANDLE_EOF) => Ok(0),
            _ => Err(error),
        }
    }

    /// Writes all of `bytes`.
    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let now = rest.len().min(WRITE_AT_ONCE);
            let mut written = 0;
            // SAFETY: the buffer has `now` bytes, and the call is over when the function returns.
            let done = unsafe {
                WriteFile(self.0, rest.as_ptr(), now as u32, &raw mut written, std::ptr::null_mut())
            };
            if done == 0 {
                return Err(io::Error::last_os_error());
            }
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = rest.get(written as usize..).unwrap_or_default();
        }
        Ok(())
    }
}
