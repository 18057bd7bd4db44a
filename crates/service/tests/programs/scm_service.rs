//! A service of Windows that behaves as its second argument says: `scm_service NAME BEHAVIOUR [NUMBER]`.
#![cfg_attr(windows, expect(unsafe_code, reason = "a service is called by the system"))]

/// On other systems there is nothing to do.
#[cfg(not(windows))]
fn main() {}

#[cfg(windows)]
fn main() {
    service::main();
}

#[cfg(windows)]
mod service {
    use std::fs::File;
    use std::os::windows::fs::OpenOptionsExt;
    use std::path::Path;
    use std::process::Command;
    use std::ptr::{null, null_mut};
    use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
    use std::thread;
    use std::time::Duration;

    use windows_sys::Win32::System::Services::{
        RegisterServiceCtrlHandlerExW, SERVICE_ACCEPT_PAUSE_CONTINUE, SERVICE_ACCEPT_STOP,
        SERVICE_CONTROL_CONTINUE, SERVICE_CONTROL_INTERROGATE, SERVICE_CONTROL_STOP, SERVICE_PAUSED,
        SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS, SERVICE_STATUS_CURRENT_STATE,
        SERVICE_STOP_PENDING, SERVICE_STOPPED, SERVICE_TABLE_ENTRYW, SERVICE_WIN32_OWN_PROCESS,
        SetServiceStatus, StartServiceCtrlDispatcherW,
    };

    static HANDLE: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(null_mut());
    static CONTROL: AtomicU32 = AtomicU32::new(0);

    fn argument(index: usize) -> Option<String> {
        std::env::args().nth(index)
    }

    fn number() -> u32 {
        argument(3).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(super) fn main() {
        if argument(1).as_deref() == Some("--hold") {
            return hold(&argument(2).unwrap_or_default());
        }
        if argument(2).as_deref() == Some("die-at-once") {
            return;
        }
        if argument(2).as_deref() == Some("late") {
            thread::sleep(Duration::from_millis(u64::from(number())));
        }
        let mut name: Vec<u16> = argument(1).unwrap_or_default().encode_utf16().chain([0]).collect();
        let table = [
            SERVICE_TABLE_ENTRYW { lpServiceName: name.as_mut_ptr(), lpServiceProc: Some(service_main) },
            SERVICE_TABLE_ENTRYW::default(),
        ];
        // SAFETY: the table ends in an empty entry and lives as long as the call.
        unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) };
    }

    fn report(state: SERVICE_STATUS_CURRENT_STATE, controls: u32, checkpoint: u32, hint: u32) {
        end(state, controls, checkpoint, hint, 0);
    }

    fn end(state: SERVICE_STATUS_CURRENT_STATE, controls: u32, checkpoint: u32, hint: u32, code: u32) {
        let status = SERVICE_STATUS {
            dwServiceType: SERVICE_WIN32_OWN_PROCESS,
            dwCurrentState: state,
            dwControlsAccepted: controls,
            dwWin32ExitCode: if code == 0 { 0 } else { 1066 },
            dwServiceSpecificExitCode: code,
            dwCheckPoint: checkpoint,
            dwWaitHint: hint,
        };
        // SAFETY: the handle is that of this service.
        unsafe { SetServiceStatus(HANDLE.load(Ordering::SeqCst), &raw const status) };
    }

    unsafe extern "system" fn handler(
        control: u32,
        _: u32,
        _: *mut core::ffi::c_void,
        _: *mut core::ffi::c_void,
    ) -> u32 {
        if control != SERVICE_CONTROL_INTERROGATE {
            CONTROL.store(control, Ordering::SeqCst);
        }
        0
    }

    /// Waits for a control.
    fn control() -> u32 {
        loop {
            match CONTROL.swap(0, Ordering::SeqCst) {
                0 => thread::sleep(Duration::from_millis(5)),
                control => return control,
            }
        }
    }

    fn run_until_stopped() {
        report(SERVICE_RUNNING, SERVICE_ACCEPT_STOP, 0, 0);
        while control() != SERVICE_CONTROL_STOP {}
        report(SERVICE_STOP_PENDING, 0, 1, 1000);
        report(SERVICE_STOPPED, 0, 0, 0);
    }

    unsafe extern "system" fn service_main(_: u32, _: *mut *mut u16) {
        let name: Vec<u16> = argument(1).unwrap_or_default().encode_utf16().chain([0]).collect();
        // SAFETY: the name ends in a NUL and lives as long as the call.
        HANDLE.store(
            unsafe { RegisterServiceCtrlHandlerExW(name.as_ptr(), Some(handler), null()) },
            Ordering::SeqCst,
        );
        report(SERVICE_START_PENDING, 0, 0, 3000);
        match argument(2).as_deref() {
            Some("hang-in-start-pending") => loop {
                thread::sleep(Duration::from_secs(1000));
            },
            Some("stop-at-once") => end(SERVICE_STOPPED, 0, 0, 0, number()),
            Some("slow-start") => {
                for checkpoint in 1..=number() {
                    report(SERVICE_START_PENDING, 0, checkpoint, 1000);
                    thread::sleep(Duration::from_millis(300));
                }
                run_until_stopped();
            }
            Some("pause") => {
                report(SERVICE_RUNNING, SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PAUSE_CONTINUE, 0, 0);
                thread::sleep(Duration::from_millis(u64::from(number())));
                report(SERVICE_PAUSED, SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PAUSE_CONTINUE, 0, 0);
                while control() != SERVICE_CONTROL_CONTINUE {}
                run_until_stopped();
            }
            Some("late-controls") => {
                report(SERVICE_RUNNING, 0, 0, 0);
                thread::sleep(Duration::from_millis(u64::from(number())));
                run_until_stopped();
            }
            Some("ignore-stop") => {
                report(SERVICE_RUNNING, SERVICE_ACCEPT_STOP, 0, 0);
                while control() != SERVICE_CONTROL_STOP {}
                report(SERVICE_STOP_PENDING, 0, 1, 1000);
                loop {
                    thread::sleep(Duration::from_secs(1000));
                }
            }
            Some("child") => {
                let (program, file) =
                    (std::env::current_exe().unwrap_or_default(), argument(3).unwrap_or_default());
                drop(Command::new(program).args(["--hold", &file]).spawn());
                while !Path::new(&file).exists() {
                    thread::sleep(Duration::from_millis(5));
                }
                run_until_stopped();
            }
            _ => run_until_stopped(),
        }
    }

    /// Keeps a file to itself for as long as this process lives.
    fn hold(file: &str) {
        let held = File::options().write(true).create(true).truncate(true).share_mode(0).open(file);
        thread::sleep(Duration::from_secs(1000));
        drop(held);
    }
}
