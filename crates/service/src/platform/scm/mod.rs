//! Windows: the service control manager and the processes of services, as safe types.

mod process;
mod service;
mod wait;

pub(crate) use process::{Looked, ProcessHandle, kill_tree};
pub(crate) use service::{Change, Look, Scm, Service, Settings, Settled};
pub(crate) use wait::{Event, Subscription, Woken, wait};

use windows_sys::Win32::Foundation::GetLastError;

use crate::scm::WindowsCode;

/// The error of the last call of this thread.
#[expect(unsafe_code, reason = "the last error of this thread is only to be had from the system")]
fn last_error() -> WindowsCode {
    // SAFETY: the function has no conditions.
    WindowsCode(unsafe { GetLastError() })
}
