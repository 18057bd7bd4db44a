//! Lines in the event log of Windows.
#![expect(unsafe_code, reason = "the event log is known to the system only")]

use std::iter::once;
use std::ptr::{null, null_mut};

use windows_sys::Win32::System::EventLog::{
    DeregisterEventSource, EVENTLOG_ERROR_TYPE, EVENTLOG_INFORMATION_TYPE, REPORT_EVENT_TYPE,
    RegisterEventSourceW, ReportEventW,
};

use super::NAME;

/// The number of each event. There is no file of message texts: the text is the event's only string.
const EVENT: u32 = 1;

/// Writes that all is well.
pub(super) fn information(text: &str) {
    write(EVENTLOG_INFORMATION_TYPE, text);
}

/// Writes that something failed.
pub(super) fn error(text: &str) {
    write(EVENTLOG_ERROR_TYPE, text);
}

fn write(kind: REPORT_EVENT_TYPE, text: &str) {
    let name: Vec<u16> = NAME.encode_utf16().chain(once(0)).collect();
    let text: Vec<u16> = text.encode_utf16().chain(once(0)).collect();
    // SAFETY: the texts end in a NUL and live as long as the calls; the source is closed once it is open.
    unsafe {
        let source = RegisterEventSourceW(null(), name.as_ptr());
        if !source.is_null() {
            // A service goes on when the event log is full.
            ReportEventW(source, kind, 0, EVENT, null_mut(), 1, 0, &text.as_ptr(), null());
            DeregisterEventSource(source);
        }
    }
}
