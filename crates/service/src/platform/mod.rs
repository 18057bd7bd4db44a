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
pub(crate) use unix::{FileId, NotifySocket, ServiceSignals, StopSignals, file_id, has_terminal, send};
#[cfg(windows)]
pub(crate) use windows::{NotifySocket, ServiceSignals, StopSignals, has_terminal, send};
#[cfg(windows)]
pub(crate) use windows_files::{FileId, file_id};
