//! Windows: the event log.
#![allow(unsafe_code, reason = "the functions of the event log are those of C")]

use std::ptr;

use standpipe_system::wide;
use windows_sys::Win32::Foundation::{CloseHandle, ERROR_NO_MORE_ITEMS, ERROR_TIMEOUT, GetLastError, HANDLE};
use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EvtClose, EvtFormatMessage, EvtFormatMessageEvent, EvtNext, EvtOpenPublisherMetadata,
    EvtRender, EvtRenderEventXml, EvtSubscribe, EvtSubscribeStartAfterBookmark,
    EvtSubscribeStartAtOldestRecord, EvtSubscribeToFutureEvents,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Threading::CreateEventW;

/// How many records are taken at once.
const AT_ONCE: usize = 64;
/// The longest text that is taken, in characters.
const LONGEST: u32 = 4 * 1024 * 1024;

/// Whether this is Wine, whose event log keeps nothing.
pub(crate) fn is_wine() -> bool {
    // SAFETY: the names end with a NUL, and ntdll is loaded in every process.
    unsafe {
        let ntdll = GetModuleHandleW(wide("ntdll.dll").as_ptr());
        !ntdll.is_null() && GetProcAddress(ntdll, c"wine_get_version".as_ptr().cast()).is_some()
    }
}

fn last_error() -> u32 {
    // SAFETY: it only reads a number of this thread.
    unsafe { GetLastError() }
}

/// A handle of the event log, which is closed with it.
struct Handle(EVT_HANDLE);

// SAFETY: a handle of the event log may be used by any thread; only one at a time has it here.
unsafe impl Send for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nothing uses it after this.
        unsafe { EvtClose(self.0) };
    }
}

/// The event that a subscription sets; nobody waits for it, but a subscription must have one.
struct Signal(HANDLE);

// SAFETY: a handle of an event may be used by any thread.
unsafe impl Send for Signal {}

impl Drop for Signal {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and the subscription that uses it is closed before.
        unsafe { CloseHandle(self.0) };
    }
}

/// Records of a channel, those that come from now on.
pub(crate) struct Subscription {
    handle: Handle,
    /// Closed after `handle`.
    _signal: Signal,
}

/// A record.
pub(crate) struct Event(Handle);

impl Subscription {
    /// Begins with the next record, or with the oldest that `expression` selects. An error is the number of
    /// Windows.
    pub(crate) fn begin(channel: &str, expression: &str, from_oldest: bool) -> Result<Self, u32> {
        const { assert!(EvtSubscribeStartAfterBookmark != EvtSubscribeToFutureEvents) };
        // SAFETY: no attributes and no name are allowed.
        let signal = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if signal.is_null() {
            return Err(last_error());
        }
        let signal = Signal(signal);
        let flags = if from_oldest { EvtSubscribeStartAtOldestRecord } else { EvtSubscribeToFutureEvents };
        let (channel, expression) = (wide(channel), wide(expression));
        // SAFETY: both texts end with a NUL and live through the call; the event lives as long as the handle.
        let handle = unsafe {
            EvtSubscribe(0, signal.0, channel.as_ptr(), expression.as_ptr(), 0, ptr::null(), None, flags)
        };
        if handle == 0 { Err(last_error()) } else { Ok(Self { handle: Handle(handle), _signal: signal }) }
    }

    /// The records that are there, some at once; none when there are no more now.
    pub(crate) fn next(&self) -> Result<Vec<Event>, u32> {
        let mut events = [0; AT_ONCE];
        let mut count = 0;
        // SAFETY: `events` has room for as many handles as it says.
        let ok = unsafe { EvtNext(self.handle.0, AT_ONCE as u32, events.as_mut_ptr(), 0, 0, &raw mut count) };
        if ok == 0 {
            return match last_error() {
                ERROR_NO_MORE_ITEMS | ERROR_TIMEOUT => Ok(Vec::new()),
                code => Err(code),
            };
        }
        Ok(events.iter().take(count as usize).map(|handle| Event(Handle(*handle))).collect())
    }
}

impl Event {
    /// The record as XML.
    pub(crate) fn xml(&self) -> Result<String, u32> {
        let (mut used, mut properties) = (0, 0);
        // SAFETY: without a buffer it only says how many bytes it needs.
        unsafe {
            EvtRender(0, self.0.0, EvtRenderEventXml, 0, ptr::null_mut(), &raw mut used, &raw mut properties);
        }
        let mut buffer = vec![0_u16; (used as usize).div_ceil(2).min(LONGEST as usize)];
        let bytes = u32::try_from(buffer.len() * 2).unwrap_or(0);
        // SAFETY: the buffer has room for as many bytes as it says.
        let ok = unsafe {
            EvtRender(
                0,
                self.0.0,
                EvtRenderEventXml,
                bytes,
                buffer.as_mut_ptr().cast(),
                &raw mut used,
                &raw mut properties,
            )
        };
        if ok == 0 { Err(last_error()) } else { Ok(text(&buffer)) }
    }
}

/// The text that the source of a record has for it, if it is installed.
pub(crate) fn message(event: &Event, provider: &str) -> Option<String> {
    let provider = wide(provider);
    // SAFETY: the name ends with a NUL and lives through the call.
    let metadata = unsafe { EvtOpenPublisherMetadata(0, provider.as_ptr(), ptr::null(), 0, 0) };
    if metadata == 0 {
        return None;
    }
    let metadata = Handle(metadata);
    let format = |buffer: &mut [u16], used: &mut u32| {
        let length = u32::try_from(buffer.len()).unwrap_or(0);
        let start = if buffer.is_empty() { ptr::null_mut() } else { buffer.as_mut_ptr() };
        // SAFETY: the buffer has room for as many characters as it says; no values are handed in.
        unsafe {
            EvtFormatMessage(
                metadata.0,
                event.0.0,
                0,
                0,
                ptr::null(),
                EvtFormatMessageEvent,
                length,
                start,
                used,
            )
        }
    };
    let mut used = 0;
    format(&mut [], &mut used);
    if used == 0 || used > LONGEST {
        return None;
    }
    let mut buffer = vec![0_u16; used as usize];
    (format(&mut buffer, &mut used) != 0).then(|| text(&buffer))
}

/// The text up to its NUL.
fn text(buffer: &[u16]) -> String {
    let end = buffer.iter().position(|unit| *unit == 0).unwrap_or(buffer.len());
    String::from_utf16_lossy(buffer.get(..end).unwrap_or_default())
}
