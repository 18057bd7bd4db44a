//! The process of a service: whether it lives, and its end by force.
#![expect(unsafe_code, reason = "processes are known to the system only")]

use std::collections::HashMap;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{
    ERROR_INVALID_PARAMETER, FILETIME, HANDLE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    GetExitCodeProcess, GetProcessTimes, OpenProcess, PROCESS_ACCESS_RIGHTS,
    PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, PROCESS_TERMINATE, TerminateProcess,
    WaitForSingleObject,
};

use super::last_error;
use crate::scm::WindowsCode;

/// The exit code of a process that is ended by force.
const KILLED: u32 = WindowsCode::PROCESS_ABORTED.0;

/// A process that can be waited for. Its number is not given to another one while this exists.
#[derive(Debug)]
pub(crate) struct ProcessHandle {
    pub(super) handle: OwnedHandle,
}

/// What a look at a process brought.
#[derive(Debug)]
pub(crate) enum Looked {
    /// It lives, or lived a moment ago.
    Found(ProcessHandle),
    /// There is no such process.
    Gone,
    /// This account may not look at it.
    Hidden,
}

impl ProcessHandle {
    /// Looks for a process.
    pub(crate) fn open(pid: u32) -> Looked {
        match Self::open_with(pid, PROCESS_SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION) {
            Ok(process) if process.is_alive() => Looked::Found(process),
            Err(code) if code.0 != ERROR_INVALID_PARAMETER => Looked::Hidden,
            _ => Looked::Gone,
        }
    }

    fn open_with(pid: u32, access: PROCESS_ACCESS_RIGHTS) -> Result<Self, WindowsCode> {
        // SAFETY: the function has no conditions.
        let handle = unsafe { OpenProcess(access, 0, pid) };
        if handle.is_null() {
            return Err(last_error());
        }
        // SAFETY: the handle is open, and nothing else owns it.
        Ok(Self { handle: unsafe { OwnedHandle::from_raw_handle(handle) } })
    }

    fn raw(&self) -> HANDLE {
        self.handle.as_raw_handle()
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        // SAFETY: the handle is open and may be waited for.
        unsafe { WaitForSingleObject(self.raw(), 0) == WAIT_TIMEOUT }
    }

    /// The code it ended with, if it has ended.
    pub(crate) fn exit_code(&self) -> Option<u32> {
        if self.is_alive() {
            return None;
        }
        let mut code = 0;
        // SAFETY: the handle is open and has the right to be asked; `code` lives as long as the call.
        let known = unsafe { GetExitCodeProcess(self.raw(), &raw mut code) != 0 };
        known.then_some(code)
    }

    /// When it was made, in units of 100 ns.
    fn created(&self) -> Option<u64> {
        let mut times = [FILETIME::default(); 4];
        let [created, exited, kernel, user] = &mut times;
        // SAFETY: the handle is open and has the right to be asked; the times live as long as the call.
        let known = unsafe { GetProcessTimes(self.raw(), created, exited, kernel, user) != 0 };
        known.then(|| u64::from(created.dwHighDateTime) << 32 | u64::from(created.dwLowDateTime))
    }
}

/// Ends a process and every process that it has started, as far as their parents still live. Those that may
/// not be ended are left.
pub(crate) fn kill_tree(pid: u32) {
    let parents = parents();
    // The parents go first: they cannot start anything new while their children end.
    let mut tree = vec![(pid, created(pid))];
    let mut next = 0;
    while let Some(&(parent, made)) = tree.get(next) {
        next += 1;
        kill(parent);
        for (&child, _) in parents.iter().filter(|(child, its)| **its == parent && **child != parent) {
            // A number is used again: one that is older than its parent is the child of another.
            let child_made = created(child);
            let known = tree.iter().any(|(known, _)| *known == child);
            if child != 0 && !known && child_made.is_some() && child_made >= made {
                tree.push((child, child_made));
            }
        }
    }
}

fn created(pid: u32) -> Option<u64> {
    ProcessHandle::open_with(pid, PROCESS_QUERY_LIMITED_INFORMATION).ok()?.created()
}

fn kill(pid: u32) {
    if let Ok(process) = ProcessHandle::open_with(pid, PROCESS_TERMINATE) {
        // SAFETY: the handle is open and has the right to end the process. Whether that succeeds is seen by
        // the process that ends.
        unsafe { TerminateProcess(process.raw(), KILLED) };
    }
}

/// The processes of this machine, each with its parent's number.
fn parents() -> HashMap<u32, u32> {
    let mut parents = HashMap::new();
    // SAFETY: the function has no conditions.
    let snapshot = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if snapshot == INVALID_HANDLE_VALUE {
        return parents;
    }
    // SAFETY: the handle is open, and nothing else owns it.
    let snapshot = unsafe { OwnedHandle::from_raw_handle(snapshot) };
    let mut entry = PROCESSENTRY32W { dwSize: size_of::<PROCESSENTRY32W>() as u32, ..Default::default() };
    // SAFETY: the snapshot is open, and the entry says how large it is.
    let mut more = unsafe { Process32FirstW(snapshot.as_raw_handle(), &raw mut entry) != 0 };
    while more {
        parents.insert(entry.th32ProcessID, entry.th32ParentProcessID);
        // SAFETY: as above.
        more = unsafe { Process32NextW(snapshot.as_raw_handle(), &raw mut entry) != 0 };
    }
    parents
}
