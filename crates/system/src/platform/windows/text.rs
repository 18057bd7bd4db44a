//! Text as the system takes it.

use std::ffi::OsStr;
use std::io;
use std::iter;
use std::os::windows::ffi::OsStrExt;

/// Text for a call of Windows: UTF-16, ended by a NUL. What follows a NUL within the text is left out, as the
/// system would not see it.
pub fn wide(text: impl AsRef<OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().take_while(|unit| *unit != 0).chain(iter::once(0)).collect()
}

/// The same for the name of something, of which no part may be lost.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when the name holds a NUL.
pub fn wide_name(name: impl AsRef<OsStr>) -> io::Result<Vec<u16>> {
    if name.as_ref().encode_wide().any(|unit| unit == 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the name holds a NUL"));
    }
    Ok(wide(name))
}
