//! Overlapped I/O: one completion port, and one thread that takes everything off it, for all pipes of the
//! process. A client that waits costs no thread.
//!
//! The system writes into an operation's `OVERLAPPED` and its buffer until the operation is complete. So the
//! system has a share ([`Arc`]) of each operation, which it gives back with the completion packet; nothing
//! else frees the memory. An operation that nobody wants any more goes on to its end, or is cancelled with
//! the handle's other ones, and its packet frees it.

#![expect(unsafe_code, reason = "the system shares the memory of an operation")]

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use windows_sys::Win32::Foundation::{
    ERROR_IO_PENDING, ERROR_MORE_DATA, ERROR_SUCCESS, GetLastError, HANDLE, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, SetFileCompletionNotificationModes, WriteFile};
use windows_sys::Win32::System::IO::{
    CancelIoEx, CreateIoCompletionPort, GetOverlappedResult, GetQueuedCompletionStatusEx, OVERLAPPED,
    OVERLAPPED_ENTRY, PostQueuedCompletionStatus,
};
use windows_sys::Win32::System::Pipes::ConnectNamedPipe;
use windows_sys::core::BOOL;

/// The key of packets from the system, and of those that this module posts itself.
const COMPLETED: usize = 1;
const FENCE: usize = 2;

/// How many packets are taken off the port at once. To find out that there is no second one costs Wine
/// another question to its server.
const PACKETS: usize = 1;

/// `FILE_SKIP_COMPLETION_PORT_ON_SUCCESS` and `FILE_SKIP_SET_EVENT_ON_HANDLE`.
const SKIP_ON_SUCCESS: u8 = 3;

/// A handle whose operations are completed through the port.
#[derive(Debug)]
pub(super) struct Handle {
    handle: OwnedHandle,
    /// Whether an operation that succeeds at once posts no packet.
    skips: bool,
}

impl Handle {
    /// Takes a handle that was opened for overlapped I/O.
    pub(super) fn new(handle: OwnedHandle) -> io::Result<Self> {
        let port = port()?;
        let raw = handle.as_raw_handle();
        // SAFETY: both handles are open.
        if unsafe { CreateIoCompletionPort(raw, port.0.as_raw_handle(), COMPLETED, 0) }.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the handle is open.
        let skips = unsafe { SetFileCompletionNotificationModes(raw, SKIP_ON_SUCCESS) } != 0;
        Ok(Self { handle, skips })
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.handle.as_raw_handle()
    }

    /// Cancels every operation that is under way.
    pub(super) fn cancel(&self) {
        // SAFETY: the handle is open; without an OVERLAPPED all operations of the handle are meant.
        unsafe { CancelIoEx(self.raw(), ptr::null()) };
    }
}

/// The system's error with this code.
pub(super) fn os_error(code: u32) -> io::Error {
    io::Error::from_raw_os_error(code.cast_signed())
}

/// The code of an error that the system gave; 0 for another one.
pub(super) fn code_of(error: &io::Error) -> u32 {
    error.raw_os_error().unwrap_or_default().cast_unsigned()
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The system's error; 0 for none.
    pub(super) error: u32,
    /// How many bytes were read or written.
    pub(super) length: usize,
}

/// One read, write or wait for a client.
#[repr(C)]
pub(super) struct Operation {
    // Must stand first: packets name an operation by the address of this.
    overlapped: UnsafeCell<OVERLAPPED>,
    buffer: UnsafeCell<Vec<u8>>,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// Keeps the handle open until the end.
    handle: Option<Arc<Handle>>,
    outcome: Option<Outcome>,
    /// Whether the packet has come, and with it the system's share.
    packet_taken: bool,
    wakers: Vec<Waker>,
}

// SAFETY: `overlapped` and `buffer` belong to the system until there is an outcome; after that `buffer` is
// only touched by whoever has `progress` locked.
unsafe impl Send for Operation {}
// SAFETY: as above.
unsafe impl Sync for Operation {}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl Operation {
    /// Starts to read at most `room` bytes.
    pub(super) fn read(handle: &Arc<Handle>, room: usize) -> Arc<Self> {
        let room = room.min(u32::MAX as usize);
        Self::start(handle, vec![0; room], |handle, buffer, overlapped| {
            // SAFETY: the buffer has that much room, and both are the operation's until it is complete.
            unsafe { ReadFile(handle, buffer.as_mut_ptr(), room as u32, ptr::null_mut(), overlapped) }
        })
    }

    /// Starts to write; at most 4 GiB at once.
    pub(super) fn write(handle: &Arc<Handle>, data: Vec<u8>) -> Arc<Self> {
        let length = data.len().min(u32::MAX as usize) as u32;
        Self::start(handle, data, |handle, data, overlapped| {
            // SAFETY: as in `read`; nobody changes the data.
            unsafe { WriteFile(handle, data.as_ptr(), length, ptr::null_mut(), overlapped) }
        })
    }

    /// Starts to wait for a client.
    pub(super) fn connect(handle: &Arc<Handle>) -> Arc<Self> {
        Self::start(handle, Vec::new(), |handle, _, overlapped| {
            // SAFETY: the OVERLAPPED is the operation's until it is complete.
            unsafe { ConnectNamedPipe(handle, overlapped) }
        })
    }

    fn start(
        handle: &Arc<Handle>,
        buffer: Vec<u8>,
        call: impl FnOnce(HANDLE, &mut Vec<u8>, *mut OVERLAPPED) -> BOOL,
    ) -> Arc<Self> {
        let operation = Arc::new(Self {
            overlapped: UnsafeCell::new(OVERLAPPED::default()),
            buffer: UnsafeCell::new(buffer),
            progress: Mutex::new(Progress {
                handle: Some(Arc::clone(handle)),
                outcome: None,
                packet_taken: false,
                wakers: Vec::new(),
            }),
        });
        let shared = Arc::into_raw(Arc::clone(&operation));
        let overlapped = operation.overlapped.get();
        // SAFETY: nobody else knows the operation yet.
        let buffer = unsafe { &mut *operation.buffer.get() };
        let done = call(handle.raw(), buffer, overlapped);
        let error = if done == 0 {
            // SAFETY: it has no conditions.
            unsafe { GetLastError() }
        } else {
            ERROR_SUCCESS
        };
        match error {
            ERROR_IO_PENDING => {}
            ERROR_SUCCESS | ERROR_MORE_DATA => {
                // SAFETY: the system has finished with it.
                let length = unsafe { (*overlapped).InternalHigh };
                operation.finish(Outcome { error, length });
                if handle.skips && error == ERROR_SUCCESS {
                    // SAFETY: no packet comes, so the share that was made above is still there.
                    drop(unsafe { Arc::from_raw(shared) });
                } else if handle.skips {
                    operation.fence();
                }
            }
            error => {
                operation.finish(Outcome { error, length: 0 });
                // SAFETY: no packet comes for an operation that was refused.
                drop(unsafe { Arc::from_raw(shared) });
            }
        }
        operation
    }

    /// A cut message is a warning to the system, and it is not written down whether one that is reported at
    /// once skips the port. Packets come in the order in which they were posted, so once this one is there,
    /// the system's has come or never will.
    fn fence(self: &Arc<Self>) {
        let shared = Arc::into_raw(Arc::clone(self));
        let posted = port().is_ok_and(|port| {
            // SAFETY: the port is open; the address is only handed back.
            unsafe { PostQueuedCompletionStatus(port.0.as_raw_handle(), 0, FENCE, shared.cast()) != 0 }
        });
        if !posted {
            // SAFETY: nobody else has this share. The system's own leaks, which is the safe side.
            drop(unsafe { Arc::from_raw(shared) });
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, outcome: Outcome) {
        let (handle, wakers) = {
            let mut progress = self.progress();
            progress.outcome.get_or_insert(outcome);
            (progress.handle.take(), mem::take(&mut progress.wakers))
        };
        // Whoever is woken may count on it that the handle is closed, if this was the last thing to use it.
        drop(handle);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How it ended; any number of tasks may wait.
    pub(super) fn poll(&self, cx: &Context<'_>) -> Poll<Outcome> {
        let mut progress = self.progress();
        if let Some(outcome) = progress.outcome {
            return Poll::Ready(outcome);
        }
        if !progress.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            progress.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How it ended, if it has.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        self.progress().outcome
    }

    /// The bytes that were read; to be taken once, after the end.
    pub(super) fn take_read(&self) -> Vec<u8> {
        let progress = self.progress();
        let Some(outcome) = progress.outcome else {
            return Vec::new();
        };
        // SAFETY: the system has finished with it, and the lock keeps others away.
        let mut bytes = mem::take(unsafe { &mut *self.buffer.get() });
        bytes.truncate(outcome.length);
        bytes
    }

    /// Takes note of the packet of the operation.
    fn packet(&self) {
        let handle = {
            let mut progress = self.progress();
            progress.packet_taken = true;
            progress.handle.clone()
        };
        let Some(handle) = handle else {
            return;
        };
        let mut length = 0;
        // SAFETY: the handle is open, and the operation is complete.
        let done = unsafe { GetOverlappedResult(handle.raw(), self.overlapped.get(), &raw mut length, 0) };
        // SAFETY: it has no conditions.
        let error = if done == 0 { unsafe { GetLastError() } } else { ERROR_SUCCESS };
        drop(handle);
        self.finish(Outcome { error, length: length as usize });
    }
}

/// The completion port of this process.
#[derive(Debug)]
struct Port(OwnedHandle);

fn port() -> io::Result<&'static Port> {
    static PORT: OnceLock<Result<Port, i32>> = OnceLock::new();
    let made = PORT.get_or_init(|| open_port().map_err(|error| error.raw_os_error().unwrap_or_default()));
    made.as_ref().map_err(|code| io::Error::from_raw_os_error(*code))
}

/// Opens the port and starts its thread.
fn open_port() -> io::Result<Port> {
    // SAFETY: without a file it opens a new port.
    let raw = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 1) };
    if raw.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is new, and nobody else closes it.
    let port = Port(unsafe { OwnedHandle::from_raw_handle(raw) });
    let of_thread = port.0.try_clone()?;
    thread::Builder::new().name("pipes".to_owned()).spawn(move || serve(&of_thread))?;
    Ok(port)
}

/// Takes packets off the port, for as long as the process lives.
fn serve(port: &OwnedHandle) {
    let mut entries = [OVERLAPPED_ENTRY::default(); PACKETS];
    loop {
        let mut count = 0;
        // SAFETY: the port is open, and there is room for that many entries.
        let taken = unsafe {
            GetQueuedCompletionStatusEx(
                port.as_raw_handle(),
                entries.as_mut_ptr(),
                PACKETS as u32,
                &raw mut count,
                u32::MAX,
                0,
            )
        };
        if taken == 0 {
            tracing::error!(error = %io::Error::last_os_error(), "cannot wait for pipes any more");
            return;
        }
        for entry in entries.iter().take(count as usize) {
            let shared: *const Operation = entry.lpOverlapped.cast_const().cast();
            // SAFETY: each packet carries the share that was made for it, at the address of an operation.
            let operation = unsafe { Arc::from_raw(shared) };
            if entry.lpCompletionKey == FENCE {
                if !operation.progress().packet_taken {
                    // SAFETY: its packet never came, so the system's share is still there.
                    drop(unsafe { Arc::from_raw(shared) });
                }
            } else {
                operation.packet();
            }
        }
    }
}
