//! What differs between systems: the signals that ask a process to stop, and the service control manager.

#[cfg(windows)]
pub(crate) mod scm;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(crate) use unix::StopSignals;
#[cfg(windows)]
pub(crate) use windows::StopSignals;
