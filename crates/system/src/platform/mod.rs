//! The only module that knows which system this is. Each side has the same names, with the same meaning.

#[cfg(target_os = "linux")]
mod environment;
#[cfg(target_os = "linux")]
mod seccomp;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_limits;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use environment::hide_environment;
#[cfg(target_os = "linux")]
pub(crate) use seccomp::confine;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(unix)]
pub(crate) use unix_limits::*;
#[cfg(windows)]
pub(crate) use windows::*;
#[cfg(windows)]
pub use windows::{registry, wide, wide_name};
