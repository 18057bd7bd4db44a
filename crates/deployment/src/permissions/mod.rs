//! Who may do what with a file: the one place here where systems differ.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::others_can_read;
#[cfg(windows)]
pub(crate) use windows::others_can_read;
