//! Waiting for a message, the end of a process and a change of status, all at once.
#![expect(unsafe_code, reason = "the system writes to a buffer of ours and calls us back")]

use std::cell::Cell;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::ptr::null;
use std::time::Duration;

use windows_sys::Win32::Foundation::{HANDLE, WAIT_FAILED, WAIT_IO_COMPLETION, WAIT_OBJECT_0};
use windows_sys::Win32::System::Services::{
    NotifyServiceStatusChangeW, SERVICE_NOTIFY_2W, SERVICE_NOTIFY_CONTINUE_PENDING,
    SERVICE_NOTIFY_DELETE_PENDING, SERVICE_NOTIFY_PAUSE_PENDING, SERVICE_NOTIFY_PAUSED,
    SERVICE_NOTIFY_RUNNING, SERVICE_NOTIFY_START_PENDING, SERVICE_NOTIFY_STATUS_CHANGE,
    SERVICE_NOTIFY_STOP_PENDING, SERVICE_NOTIFY_STOPPED,
};
use windows_sys::Win32::System::Threading::{CreateEventW, SetEvent, SleepEx, WaitForMultipleObjectsEx};

use super::last_error;
use super::process::ProcessHandle;
use super::service::Service;
use crate::scm::WindowsCode;

/// A flag that a thread can wait for; it is lowered when a wait has seen it.
#[derive(Debug)]
pub(crate) struct Event {
    handle: OwnedHandle,
}

impl Event {
    pub(crate) fn new() -> Result<Self, WindowsCode> {
        // SAFETY: neither attributes nor a name are handed over.
        let handle = unsafe { CreateEventW(null(), 0, 0, null()) };
        if handle.is_null() {
            return Err(last_error());
        }
        // SAFETY: the handle is open, and nothing else owns it.
        Ok(Self { handle: unsafe { OwnedHandle::from_raw_handle(handle) } })
    }

    /// Raises the flag.
    pub(crate) fn set(&self) {
        // SAFETY: the handle is open; a flag of one's own can always be raised.
        unsafe { SetEvent(self.handle.as_raw_handle()) };
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// The event was raised.
    Event,
    /// The process has ended.
    ProcessEnded,
    /// A change of status may have arrived.
    Notified,
    /// Nothing happened.
    TimedOut,
}

/// Waits for the event, the end of the process, or a notification for this thread.
pub(crate) fn wait(event: &Event, process: Option<&ProcessHandle>, longest: Duration) -> Woken {
    let handles: Vec<HANDLE> = std::iter::once(event.handle.as_raw_handle())
        .chain(process.map(|process| process.handle.as_raw_handle()))
        .collect();
    let millis = u32::try_from(longest.as_millis()).unwrap_or(u32::MAX - 1);
    // SAFETY: the handles are open for as long as the call takes, and their number is right.
    let woken = unsafe { WaitForMultipleObjectsEx(handles.len() as u32, handles.as_ptr(), 0, millis, 1) };
    match woken {
        WAIT_OBJECT_0 => Woken::Event,
        WAIT_IO_COMPLETION => Woken::Notified,
        WAIT_FAILED => {
            // Cannot happen with open handles; a loop without a pause must not come of it.
            std::thread::sleep(longest.min(Duration::from_millis(100)));
            Woken::TimedOut
        }
        other if other == WAIT_OBJECT_0 + 1 => Woken::ProcessEnded,
        _ => Woken::TimedOut,
    }
}

/// A request to be told of the next change of a service's status. It belongs to one thread, which waits with
/// [`wait`].
pub(crate) struct Subscription {
    /// From a box. The system writes to it until the request has been answered or its service's handle is
    /// closed.
    request: *mut Request,
    service: Option<Service>,
}

#[repr(C)]
struct Request {
    buffer: SERVICE_NOTIFY_2W,
    answered: Cell<bool>,
}

/// Every change of state, and that the service is about to be deleted.
const CHANGES: u32 = SERVICE_NOTIFY_STOPPED
    | SERVICE_NOTIFY_START_PENDING
    | SERVICE_NOTIFY_STOP_PENDING
    | SERVICE_NOTIFY_RUNNING
    | SERVICE_NOTIFY_CONTINUE_PENDING
    | SERVICE_NOTIFY_PAUSE_PENDING
    | SERVICE_NOTIFY_PAUSED
    | SERVICE_NOTIFY_DELETE_PENDING;

impl Subscription {
    /// A subscription to a service's changes, over a handle of its own. Nothing is asked for yet.
    pub(crate) fn new(service: Service) -> Self {
        let request = Request { buffer: SERVICE_NOTIFY_2W::default(), answered: Cell::new(true) };
        Self { request: Box::into_raw(Box::new(request)), service: Some(service) }
    }

    /// Whether the last request has been answered, so that another one is due.
    pub(crate) fn is_answered(&self) -> bool {
        // SAFETY: the request lives as long as this; `answered` is used by this thread only.
        unsafe { (*self.request).answered.get() }
    }

    /// Asks for the next change, when the last request has been answered.
    pub(crate) fn request(&mut self) -> Result<(), WindowsCode> {
        let Some(service) = self.service.as_ref().filter(|_| self.is_answered()) else { return Ok(()) };
        // SAFETY: the request lives until it is over (see `drop`), and since the last one has been answered
        // nothing but this thread uses it.
        let code = unsafe {
            (*self.request).answered.set(false);
            (*self.request).buffer = SERVICE_NOTIFY_2W {
                dwVersion: SERVICE_NOTIFY_STATUS_CHANGE,
                pfnNotifyCallback: Some(on_change),
                pContext: self.request.cast(),
                ..Default::default()
            };
            NotifyServiceStatusChangeW(service.raw(), CHANGES, &raw const (*self.request).buffer)
        };
        if code == 0 {
            return Ok(());
        }
        // SAFETY: as in `is_answered`.
        unsafe { (*self.request).answered.set(true) };
        Err(WindowsCode(code))
    }
}

/// Runs in the thread that waits. It must not call the service control manager.
unsafe extern "system" fn on_change(parameter: *const core::ffi::c_void) {
    let request = parameter.cast::<Request>();
    // SAFETY: the parameter is the buffer, which is the first field of a request that lives; `answered` is
    // used by this thread only.
    unsafe { (*request).answered.set(true) };
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Closing the handle takes the request back; an answer that is already on its way to this thread is
        // let in while its buffer still lives.
        self.service = None;
        // SAFETY: the function has no conditions.
        unsafe { SleepEx(0, 1) };
        if self.is_answered() {
            // SAFETY: it came from a box, and the system is done with it.
            drop(unsafe { Box::from_raw(self.request) });
        }
        // Otherwise nothing says that the system is done with the buffer, so the system keeps it: some
        // hundred bytes for a service that is no longer watched.
    }
}
