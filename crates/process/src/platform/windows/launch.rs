//! Starting a program through the system's C interface.

use std::io;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle, RawHandle};
use std::path::Path;
use std::ptr;

use standpipe_system::wide;
use windows_sys::Win32::Foundation::{
    DUPLICATE_SAME_ACCESS, DuplicateHandle, GENERIC_READ, GENERIC_WRITE, HANDLE_FLAG_INHERIT,
    INVALID_HANDLE_VALUE, SetHandleInformation,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_SHARE_READ, FILE_SHARE_WRITE, OPEN_EXISTING,
};
use windows_sys::Win32::System::Console::{GetStdHandle, STD_HANDLE};
use windows_sys::Win32::System::Threading::{
    CREATE_NEW_PROCESS_GROUP, CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW,
    CreateProcessW, DeleteProcThreadAttributeList, EXTENDED_STARTUPINFO_PRESENT, GetCurrentProcess,
    InitializeProcThreadAttributeList, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, PROCESS_INFORMATION, ResumeThread,
    STARTF_USESTDHANDLES, STARTUPINFOEXW, TerminateProcess, UpdateProcThreadAttribute,
};

/// What a program is started with.
pub(super) struct Start<'a> {
    pub(super) program: &'a Path,
    pub(super) line: Vec<u16>,
    pub(super) folder: &'a Path,
    pub(super) environment: Vec<u16>,
    /// Standard input, output and error: all that it inherits.
    pub(super) streams: [OwnedHandle; 3],
    /// Whom it runs as, if not as this process.
    pub(super) token: Option<OwnedHandle>,
}

/// A process that exists and has not run yet. Dropped before it runs, it is ended.
pub(super) struct Suspended {
    pub(super) pid: u32,
    process: Option<OwnedHandle>,
    thread: OwnedHandle,
}

impl Suspended {
    /// The process.
    pub(super) fn process(&self) -> io::Result<&OwnedHandle> {
        self.process.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Lets it run.
    pub(super) fn resume(mut self) -> io::Result<OwnedHandle> {
        // SAFETY: the handle is open.
        if unsafe { ResumeThread(self.thread.as_raw_handle()) } == u32::MAX {
            return Err(io::Error::last_os_error());
        }
        self.process.take().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            // SAFETY: the handle is open.
            unsafe { TerminateProcess(process.as_raw_handle(), 1) };
        }
    }
}

impl Start<'_> {
    /// Starts the program, at the head of a process group of its own, and stops it before its first
    /// instruction.
    pub(super) fn suspended(mut self) -> io::Result<Suspended> {
        let (program, folder) = (wide(self.program), wide(self.folder));
        self.line.push(0);
        for stream in &self.streams {
            // SAFETY: the handle is open and nobody else's.
            if unsafe {
                SetHandleInformation(stream.as_raw_handle(), HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT)
            } == 0
            {
                return Err(io::Error::last_os_error());
            }
        }
        let handles = self.streams.each_ref().map(AsRawHandle::as_raw_handle);
        let mut attributes = Attributes::inherit_only(&handles)?;
        let mut startup = STARTUPINFOEXW::default();
        startup.StartupInfo.cb = size_of_val(&startup) as u32;
        startup.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        [startup.StartupInfo.hStdInput, startup.StartupInfo.hStdOutput, startup.StartupInfo.hStdError] =
            handles;
        startup.lpAttributeList = attributes.as_raw();
        let flags = CREATE_SUSPENDED
            | CREATE_NEW_PROCESS_GROUP
            | CREATE_UNICODE_ENVIRONMENT
            | EXTENDED_STARTUPINFO_PRESENT;
        let mut started = PROCESS_INFORMATION::default();
        let (line, environment) = (self.line.as_mut_ptr(), self.environment.as_ptr().cast());
        let startup = (&raw const startup.StartupInfo).cast();
        // SAFETY: all texts end with a NUL, the block as a block does, and everything outlives the call.
        let done = unsafe {
            match &self.token {
                None => CreateProcessW(
                    program.as_ptr(),
                    line,
                    ptr::null(),
                    ptr::null(),
                    1,
                    flags,
                    environment,
                    folder.as_ptr(),
                    startup,
                    &raw mut started,
                ),
                Some(token) => CreateProcessAsUserW(
                    token.as_raw_handle(),
                    program.as_ptr(),
                    line,
                    ptr::null(),
                    ptr::null(),
                    1,
                    flags,
                    environment,
                    folder.as_ptr(),
                    startup,
                    &raw mut started,
                ),
            }
        };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: both handles were opened just now and nobody else closes them.
        let (process, thread) = unsafe {
            (OwnedHandle::from_raw_handle(started.hProcess), OwnedHandle::from_raw_handle(started.hThread))
        };
        Ok(Suspended { pid: started.dwProcessId, process: Some(process), thread })
    }
}

/// The list of what a process inherits. Without it, a process inherits whatever happens to be open for
/// another one that is started at the same moment.
struct Attributes<'a> {
    list: Vec<u64>,
    _handles: &'a [RawHandle],
}

impl<'a> Attributes<'a> {
    fn inherit_only(handles: &'a [RawHandle]) -> io::Result<Self> {
        let mut length = 0;
        // SAFETY: without a list the call only says how long one has to be.
        unsafe { InitializeProcThreadAttributeList(ptr::null_mut(), 1, 0, &raw mut length) };
        let mut list = vec![0u64; length.div_ceil(size_of::<u64>())];
        // SAFETY: the list is as long as the system has asked for.
        if unsafe { InitializeProcThreadAttributeList(list.as_mut_ptr().cast(), 1, 0, &raw mut length) } == 0
        {
            return Err(io::Error::last_os_error());
        }
        let mut attributes = Self { list, _handles: handles };
        // SAFETY: the list was initialized, and the handles live as long as it.
        let set = unsafe {
            UpdateProcThreadAttribute(
                attributes.as_raw(),
                0,
                PROC_THREAD_ATTRIBUTE_HANDLE_LIST as usize,
                handles.as_ptr().cast(),
                size_of_val(handles),
                ptr::null_mut(),
                ptr::null(),
            )
        };
        if set == 0 { Err(io::Error::last_os_error()) } else { Ok(attributes) }
    }

    fn as_raw(&mut self) -> *mut std::ffi::c_void {
        self.list.as_mut_ptr().cast()
    }
}

impl Drop for Attributes<'_> {
    fn drop(&mut self) {
        // SAFETY: the list was initialized.
        unsafe { DeleteProcThreadAttributeList(self.as_raw()) };
    }
}

/// The device that is empty to read and takes everything that is written.
pub(super) fn nothing() -> io::Result<OwnedHandle> {
    let name = wide("NUL");
    // SAFETY: the name ends with a NUL.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_READ | GENERIC_WRITE,
            FILE_SHARE_READ | FILE_SHARE_WRITE,
            ptr::null(),
            OPEN_EXISTING,
            0,
            ptr::null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle was opened just now and nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Another handle of one of this process's own streams; nothing where this process has none.
pub(super) fn own_stream(which: STD_HANDLE) -> io::Result<OwnedHandle> {
    // SAFETY: the call takes no pointer. The handle is not this function's to close.
    let own = unsafe { GetStdHandle(which) };
    if own.is_null() || own == INVALID_HANDLE_VALUE {
        return nothing();
    }
    let mut copy = ptr::null_mut();
    // SAFETY: the handles of this process need no closing, and that of the stream is open as far as is known.
    let copied = unsafe {
        DuplicateHandle(
            GetCurrentProcess(),
            own,
            GetCurrentProcess(),
            &raw mut copy,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    };
    if copied == 0 {
        return nothing();
    }
    // SAFETY: the handle was opened just now and nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(copy) })
}
