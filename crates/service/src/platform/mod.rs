//! What differs between systems: the signals that ask a process to stop, what tells files apart, the service
//! control manager and the event log.

#[cfg(windows)]
pub(crate) mod event_log;
#[cfg(windows)]
pub(crate) mod scm;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
mod windows_files;

#[cfg(unix)]
pub(crate) use unix::{FileId, StopSignals, file_id};
#[cfg(windows)]
pub(crate) use windows::StopSignals;
#[cfg(windows)]
pub(crate) use windows_files::{FileId, file_id};
