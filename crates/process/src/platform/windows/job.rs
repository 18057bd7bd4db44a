//! Job objects: what keeps a process and everything it starts together.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::ptr;

use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION, JOBOBJECT_EXTENDED_LIMIT_INFORMATION,
    JobObjectBasicAccountingInformation, JobObjectExtendedLimitInformation, QueryInformationJobObject,
    SetInformationJobObject, TerminateJobObject,
};

/// How a process that was killed ends: as those end that `taskkill /f` kills.
const KILLED: u32 = 1;

/// A job. What is in it is killed when its last handle is closed, which is when this process ends at the
/// latest.
#[derive(Debug)]
pub(super) struct Job(OwnedHandle);

impl Job {
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: a job without a name and with the usual access.
        let handle = unsafe { CreateJobObjectW(ptr::null(), ptr::null()) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle was opened just now and nobody else closes it.
        let job = Self(unsafe { OwnedHandle::from_raw_handle(handle) });
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        // SAFETY: the limits are of the type and the length that the call is told.
        let set = unsafe {
            SetInformationJobObject(
                job.0.as_raw_handle(),
                JobObjectExtendedLimitInformation,
                (&raw const limits).cast(),
                size_of_val(&limits) as u32,
            )
        };
        if set == 0 { Err(io::Error::last_os_error()) } else { Ok(job) }
    }

    /// Puts a process, which has not run yet, into the job. Jobs nest: the job around this one comes first.
    pub(super) fn add(&self, process: RawHandle) -> io::Result<()> {
        // SAFETY: both handles are open.
        let added = unsafe { AssignProcessToJobObject(self.0.as_raw_handle(), process) };
        if added == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// How many of its processes have not ended.
    pub(super) fn active(&self) -> io::Result<u32> {
        let mut counted = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION::default();
        // SAFETY: the result is of the type and the length that the call is told.
        let known = unsafe {
            QueryInformationJobObject(
                self.0.as_raw_handle(),
                JobObjectBasicAccountingInformation,
                (&raw mut counted).cast(),
                size_of_val(&counted) as u32,
                ptr::null_mut(),
            )
        };
        if known == 0 { Err(io::Error::last_os_error()) } else { Ok(counted.ActiveProcesses) }
    }

    /// Kills everything in it.
    pub(super) fn kill(&self) {
        // SAFETY: the handle is open. It fails only where nothing is left to kill.
        unsafe { TerminateJobObject(self.0.as_raw_handle(), KILLED) };
    }
}
