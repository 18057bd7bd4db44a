//! The console, through which alone a process can be asked to end.

use std::io;
use std::sync::OnceLock;

use tracing::debug;
use windows_sys::Win32::System::Console::{
    AllocConsole, CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent, GetConsoleProcessList, GetStdHandle,
    STD_ERROR_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, SetStdHandle,
};

/// Sees to it that this process has a console, which those that it starts share. One without, such as a
/// service of the service control manager, gets one that nobody sees.
pub(super) fn prepare() {
    static PREPARED: OnceLock<()> = OnceLock::new();
    PREPARED.get_or_init(|| {
        const STREAMS: [u32; 3] = [STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE];
        if is_there() {
            return;
        }
        // SAFETY: the calls take and give handles that stay open.
        let allocated = unsafe {
            // A new console takes the place of the streams that this process has.
            let own = STREAMS.map(|stream| GetStdHandle(stream));
            let allocated = AllocConsole();
            for (stream, own) in STREAMS.into_iter().zip(own) {
                SetStdHandle(stream, own);
            }
            allocated
        };
        if allocated == 0 {
            let error = io::Error::last_os_error();
            debug!(%error, "there is no console, so processes cannot be asked to end");
        }
    });
}

fn is_there() -> bool {
    let mut first = 0;
    // SAFETY: the list has room for as many as the call is told. Without a console there is not even this
    // process.
    unsafe { GetConsoleProcessList(&raw mut first, 1) > 0 }
}

/// Asks a process group to end with Ctrl-Break: the only such event that can be sent to one group. Returns
/// whether the system has passed it on. Wine never does.
pub(super) fn ask(group: u32) -> bool {
    // SAFETY: only numbers are handed over.
    let asked = unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, group) } != 0;
    if !asked {
        let error = io::Error::last_os_error();
        debug!(group, %error, "could not send Ctrl-Break to a process group");
    }
    asked
}
