//! What differs between systems: how the service is started, asked to stop, and installed.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::{asked_to_stop, start};
#[cfg(windows)]
pub(crate) use windows::{asked_to_stop, start};
