//! The service control manager and one service in it.
#![expect(unsafe_code, reason = "services are known to the system only")]

use std::ptr::{null, null_mut};
use std::time::Duration;

use standpipe_process::Exit;
use standpipe_system::wide;
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_MORE_DATA};
use windows_sys::Win32::System::Services::{
    ChangeServiceConfig2W, ChangeServiceConfigW, CloseServiceHandle, ControlService, CreateServiceW,
    DeleteService, ENUM_SERVICE_STATUS_PROCESSW, ENUM_SERVICE_STATUSW, EnumDependentServicesW,
    EnumServicesStatusExW, OpenSCManagerW, OpenServiceW, QUERY_SERVICE_CONFIGW, QueryServiceConfig2W,
    QueryServiceConfigW, QueryServiceStatusEx, SC_ENUM_PROCESS_INFO, SC_HANDLE, SC_MANAGER_CONNECT,
    SC_MANAGER_CREATE_SERVICE, SC_MANAGER_ENUMERATE_SERVICE, SC_STATUS_PROCESS_INFO, SERVICE_ACCEPT_STOP,
    SERVICE_ACTIVE, SERVICE_CONFIG, SERVICE_CONFIG_DESCRIPTION, SERVICE_CONFIG_FAILURE_ACTIONS,
    SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, SERVICE_DESCRIPTIONW, SERVICE_ERROR_NORMAL,
    SERVICE_FAILURE_ACTIONS_FLAG, SERVICE_FAILURE_ACTIONSW, SERVICE_NO_CHANGE, SERVICE_STATUS,
    SERVICE_STATUS_PROCESS, SERVICE_WIN32, SERVICE_WIN32_OWN_PROCESS, StartServiceW,
};

use super::last_error;
use crate::scm::{RecoveryAction, RecoveryActions, RecoveryKind, WindowsCode};
use crate::state::State;

/// A handle of the service control manager, closed at its end.
#[derive(Debug)]
struct Handle(SC_HANDLE);

// SAFETY: the system's functions for these handles may be called by any thread.
unsafe impl Send for Handle {}

impl Handle {
    fn new(handle: SC_HANDLE) -> Result<Self, WindowsCode> {
        if handle.is_null() { Err(last_error()) } else { Ok(Self(handle)) }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and nothing uses it any more.
        unsafe { CloseServiceHandle(self.0) };
    }
}

/// Success, or the error of this thread's last call.
fn checked(succeeded: i32) -> Result<(), WindowsCode> {
    if succeeded == 0 { Err(last_error()) } else { Ok(()) }
}

/// Why a service is opened, which decides on the rights that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Look {
    /// To see its status.
    Status = 0x0004,
    /// To see its status and its settings.
    Settings = 0x0004 | 0x0001,
    /// To start it.
    Start = 0x0004 | 0x0010,
    /// To stop it, or to stop those that depend on it.
    Stop = 0x0004 | 0x0020 | 0x0008,
    /// To let it continue.
    Continue = 0x0004 | 0x0040,
    /// To ask it how it is.
    Interrogate = 0x0004 | 0x0080,
    /// To change its settings.
    Change = 0x0004 | 0x0001 | 0x0002,
    /// To remove it.
    Delete = 0x0004 | 0x0001_0000,
}

/// A connection to the service control manager of this machine.
#[derive(Debug)]
pub(crate) struct Scm(Handle);

impl Scm {
    /// Connects, to look at services.
    pub(crate) fn connect() -> Result<Self, WindowsCode> {
        Self::connect_with(SC_MANAGER_CONNECT)
    }

    /// Connects, to install a service.
    pub(crate) fn connect_to_install() -> Result<Self, WindowsCode> {
        Self::connect_with(SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE)
    }

    fn connect_with(access: u32) -> Result<Self, WindowsCode> {
        // SAFETY: no name stands for this machine and its active services.
        Handle::new(unsafe { OpenSCManagerW(null(), null(), access) }).map(Self)
    }

    /// Opens an installed service.
    pub(crate) fn open(&self, name: &str, look: Look) -> Result<Service, WindowsCode> {
        let name = wide(name);
        // SAFETY: the manager is open, and the name ends in a NUL and lives as long as the call.
        Handle::new(unsafe { OpenServiceW(self.0.0, name.as_ptr(), look as u32) }).map(Service)
    }

    /// Installs a service.
    pub(crate) fn create(&self, name: &str, change: &Change<'_>) -> Result<Service, WindowsCode> {
        let name = wide(name);
        let text = Texts::of(change);
        // SAFETY: the manager is open; each text ends in a NUL, the list in two, and they live as long as the
        // call.
        Handle::new(unsafe {
            CreateServiceW(
                self.0.0,
                name.as_ptr(),
                text.display_name.as_ptr(),
                Look::Change as u32,
                SERVICE_WIN32_OWN_PROCESS,
                change.start_type,
                SERVICE_ERROR_NORMAL,
                text.command.as_ptr(),
                null(),
                null_mut(),
                text.dependencies.as_ptr(),
                text.account.as_ref().map_or(null(), Vec::as_ptr),
                text.password.as_ref().map_or(null(), Vec::as_ptr),
            )
        })
        .map(Service)
    }

    /// Whether another active service than `name` lives in the process `pid`.
    pub(crate) fn shares_process(name: &str, pid: u32) -> Result<bool, WindowsCode> {
        let scm = Self::connect_with(SC_MANAGER_CONNECT | SC_MANAGER_ENUMERATE_SERVICE)?;
        let (mut needed, mut count, mut resume) = (0, 0, 0);
        let mut shares = false;
        loop {
            let mut buffer = vec![0u64; 64 * 1024 / 8];
            // SAFETY: the manager is open; the buffer is aligned and as long as it is said to be.
            let done = unsafe {
                EnumServicesStatusExW(
                    scm.0.0,
                    SC_ENUM_PROCESS_INFO,
                    SERVICE_WIN32,
                    SERVICE_ACTIVE,
                    buffer.as_mut_ptr().cast(),
                    size_of_val(buffer.as_slice()) as u32,
                    &raw mut needed,
                    &raw mut count,
                    &raw mut resume,
                    null(),
                )
            };
            let result = checked(done);
            // SAFETY: the system has written so many entries to the buffer's begin.
            let entries = unsafe {
                std::slice::from_raw_parts(
                    buffer.as_ptr().cast::<ENUM_SERVICE_STATUS_PROCESSW>(),
                    count as usize,
                )
            };
            for entry in entries.iter().filter(|entry| entry.ServiceStatusProcess.dwProcessId == pid) {
                // SAFETY: the name points into the buffer and ends in a NUL.
                let other = unsafe { text_at(entry.lpServiceName) };
                shares |= !other.eq_ignore_ascii_case(name);
            }
            match result {
                Err(WindowsCode(ERROR_MORE_DATA)) if count > 0 => {}
                other => return other.map(|()| shares),
            }
        }
    }
}

/// The status of a service, as the service control manager has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) state: State,
    pub(crate) pid: Option<u32>,
    /// Whether it says that it takes STOP.
    pub(crate) takes_stop: bool,
    pub(crate) checkpoint: u32,
    pub(crate) wait_hint: Duration,
    /// How it ended, where it says so; success where it says nothing.
    pub(crate) exit: Exit,
}

impl Settled {
    /// Whether the service should have a process and the service control manager names none.
    pub(crate) fn lacks_process(&self) -> bool {
        self.pid.is_none() && !matches!(self.state, State::Stopped | State::StartPending)
    }

    fn of(raw: &SERVICE_STATUS_PROCESS) -> Self {
        let exit = match raw.dwWin32ExitCode {
            code if code == WindowsCode::SERVICE_SPECIFIC_ERROR.0 => {
                Exit::ServiceCode(raw.dwServiceSpecificExitCode)
            }
            code => Exit::WindowsError(code),
        };
        Self {
            // A state that does not exist can only come of a service that reports nonsense; it is alive.
            state: State::from_code(raw.dwCurrentState).unwrap_or(State::Running),
            pid: (raw.dwProcessId != 0).then_some(raw.dwProcessId),
            takes_stop: raw.dwControlsAccepted & SERVICE_ACCEPT_STOP != 0,
            checkpoint: raw.dwCheckPoint,
            wait_hint: Duration::from_millis(u64::from(raw.dwWaitHint)),
            exit,
        }
    }
}

/// What a service is installed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) start_type: u32,
    pub(crate) command: String,
    pub(crate) dependencies: Vec<String>,
    pub(crate) account: String,
    pub(crate) display_name: String,
}

/// What a service is to be installed with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change<'a> {
    pub(crate) display_name: &'a str,
    pub(crate) command: &'a str,
    pub(crate) start_type: u32,
    pub(crate) dependencies: &'a [String],
    /// `None` leaves it as it is; a new service then runs as `LocalSystem`.
    pub(crate) account: Option<&'a str>,
    pub(crate) password: Option<&'a str>,
}

/// The texts of a change, for Windows.
struct Texts {
    display_name: Vec<u16>,
    command: Vec<u16>,
    dependencies: Vec<u16>,
    account: Option<Vec<u16>>,
    password: Option<Vec<u16>>,
}

impl Texts {
    fn of(change: &Change<'_>) -> Self {
        let mut dependencies: Vec<u16> = change.dependencies.iter().flat_map(|name| wide(name)).collect();
        // An empty list is two NULs, or it would mean that nothing is changed.
        dependencies.extend([0, 0]);
        Self {
            display_name: wide(change.display_name),
            command: wide(change.command),
            dependencies,
            account: change.account.map(wide),
            password: change.password.map(wide),
        }
    }
}

impl Drop for Texts {
    fn drop(&mut self) {
        if let Some(password) = &mut self.password {
            password.fill(0);
            std::hint::black_box(password);
        }
    }
}

/// One installed service, opened for some purpose.
#[derive(Debug)]
pub(crate) struct Service(Handle);

impl Service {
    /// Opens a service of this machine.
    pub(crate) fn open(name: &str, look: Look) -> Result<Self, WindowsCode> {
        Scm::connect()?.open(name, look)
    }

    pub(super) const fn raw(&self) -> SC_HANDLE {
        self.0.0
    }

    /// Its status.
    pub(crate) fn status(&self) -> Result<Settled, WindowsCode> {
        let mut raw = SERVICE_STATUS_PROCESS::default();
        let mut needed = 0;
        // SAFETY: the service is open, and the buffer is as long as it is said to be.
        checked(unsafe {
            QueryServiceStatusEx(
                self.raw(),
                SC_STATUS_PROCESS_INFO,
                (&raw mut raw).cast(),
                size_of_val(&raw) as u32,
                &raw mut needed,
            )
        })?;
        Ok(Settled::of(&raw))
    }

    /// Starts it, without arguments. Returns once its process has come to the service control manager, which
    /// can take 30 s.
    pub(crate) fn start(&self) -> Result<(), WindowsCode> {
        // SAFETY: the service is open; there are no arguments.
        checked(unsafe { StartServiceW(self.raw(), 0, null()) })
    }

    /// Sends it a control. Returns once its handler has returned, which can take 30 s.
    pub(crate) fn control(&self, control: u32) -> Result<(), WindowsCode> {
        let mut status = SERVICE_STATUS::default();
        // SAFETY: the service is open, and the status lives as long as the call.
        checked(unsafe { ControlService(self.raw(), control, &raw mut status) })
    }

    /// The active services that depend on it.
    pub(crate) fn active_dependents(&self) -> Result<Vec<String>, WindowsCode> {
        let mut buffer = vec![0u64; 64 * 1024 / 8];
        let (mut needed, mut count) = (0, 0);
        // SAFETY: the service is open; the buffer is aligned and as long as it is said to be.
        checked(unsafe {
            EnumDependentServicesW(
                self.raw(),
                SERVICE_ACTIVE,
                buffer.as_mut_ptr().cast(),
                size_of_val(buffer.as_slice()) as u32,
                &raw mut needed,
                &raw mut count,
            )
        })?;
        // SAFETY: the system has written so many entries to the buffer's begin, and each name points into
        // the buffer and ends in a NUL.
        Ok(unsafe {
            std::slice::from_raw_parts(buffer.as_ptr().cast::<ENUM_SERVICE_STATUSW>(), count as usize)
                .iter()
                .map(|entry| text_at(entry.lpServiceName))
                .collect()
        })
    }

    /// What it is installed with.
    pub(crate) fn settings(&self) -> Result<Settings, WindowsCode> {
        let query = |buffer: *mut u8, length, needed: &mut u32| {
            // SAFETY: the service is open, and `sized` hands in a buffer of that length.
            checked(unsafe { QueryServiceConfigW(self.raw(), buffer.cast(), length, needed) })
        };
        let buffer = sized(query)?;
        // SAFETY: the buffer is aligned and holds the structure, whose texts point into the buffer.
        unsafe {
            let raw = &*buffer.as_ptr().cast::<QUERY_SERVICE_CONFIGW>();
            Ok(Settings {
                start_type: raw.dwStartType,
                command: text_at(raw.lpBinaryPathName),
                dependencies: texts_at(raw.lpDependencies),
                account: text_at(raw.lpServiceStartName),
                display_name: text_at(raw.lpDisplayName),
            })
        }
    }

    /// Its description; empty when it has none.
    pub(crate) fn description(&self) -> Result<String, WindowsCode> {
        let buffer = self.setting(SERVICE_CONFIG_DESCRIPTION)?;
        // SAFETY: the buffer is aligned and holds the structure, whose text points into the buffer.
        Ok(unsafe { text_at((*buffer.as_ptr().cast::<SERVICE_DESCRIPTIONW>()).lpDescription) })
    }

    /// What the service control manager does by itself when it fails. A system that knows no such thing
    /// (Wine) does nothing.
    pub(crate) fn recovery_actions(&self) -> Result<RecoveryActions, WindowsCode> {
        let buffer = match self.setting(SERVICE_CONFIG_FAILURE_ACTIONS) {
            Err(WindowsCode::INVALID_LEVEL) => return Ok(RecoveryActions::default()),
            other => other?,
        };
        // SAFETY: the buffer is aligned and holds the structure, whose actions lie within the buffer.
        let actions = unsafe {
            let raw = &*buffer.as_ptr().cast::<SERVICE_FAILURE_ACTIONSW>();
            let actions: &[_] = if raw.lpsaActions.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(raw.lpsaActions, raw.cActions as usize)
            };
            let action = |action: &windows_sys::Win32::System::Services::SC_ACTION| RecoveryAction {
                kind: RecoveryKind::from_number(action.Type),
                delay: Duration::from_millis(u64::from(action.Delay)),
            };
            actions.iter().map(action).collect()
        };
        let flag = self.setting(SERVICE_CONFIG_FAILURE_ACTIONS_FLAG).is_ok_and(|buffer| {
            // SAFETY: the buffer is aligned and holds the structure.
            unsafe {
                (*buffer.as_ptr().cast::<SERVICE_FAILURE_ACTIONS_FLAG>()).fFailureActionsOnNonCrashFailures
                    != 0
            }
        });
        Ok(RecoveryActions { actions, on_reported_errors: flag })
    }

    fn setting(&self, level: SERVICE_CONFIG) -> Result<Vec<u64>, WindowsCode> {
        sized(|buffer, length, needed: &mut u32| {
            // SAFETY: the service is open, and `sized` hands in a buffer of that length.
            checked(unsafe { QueryServiceConfig2W(self.raw(), level, buffer, length, needed) })
        })
    }

    /// Changes what it is installed with.
    pub(crate) fn change(&self, change: &Change<'_>) -> Result<(), WindowsCode> {
        let text = Texts::of(change);
        // SAFETY: the service is open; each text ends in a NUL, the list in two, and they live as long as the
        // call.
        checked(unsafe {
            ChangeServiceConfigW(
                self.raw(),
                SERVICE_WIN32_OWN_PROCESS,
                change.start_type,
                SERVICE_NO_CHANGE,
                text.command.as_ptr(),
                null(),
                null_mut(),
                text.dependencies.as_ptr(),
                text.account.as_ref().map_or(null(), Vec::as_ptr),
                text.password.as_ref().map_or(null(), Vec::as_ptr),
                text.display_name.as_ptr(),
            )
        })
    }

    /// Changes its description; an empty one removes it.
    pub(crate) fn describe(&self, description: &str) -> Result<(), WindowsCode> {
        let mut text = wide(description);
        let raw = SERVICE_DESCRIPTIONW { lpDescription: text.as_mut_ptr() };
        // SAFETY: the service is open; the structure and its text live as long as the call.
        checked(unsafe {
            ChangeServiceConfig2W(self.raw(), SERVICE_CONFIG_DESCRIPTION, (&raw const raw).cast())
        })
    }

    /// Marks it for deletion: it is gone once it is stopped and nobody has it open.
    pub(crate) fn delete(&self) -> Result<(), WindowsCode> {
        // SAFETY: the service is open.
        checked(unsafe { DeleteService(self.raw()) })
    }
}

/// The answer of a query that says how much room it needs.
fn sized(query: impl Fn(*mut u8, u32, &mut u32) -> Result<(), WindowsCode>) -> Result<Vec<u64>, WindowsCode> {
    let mut room = 1024u32;
    loop {
        // Of u64, so that it is aligned for every structure.
        let mut buffer = vec![0u64; (room as usize).div_ceil(8)];
        let mut needed = 0;
        match query(buffer.as_mut_ptr().cast(), room, &mut needed) {
            Err(WindowsCode(ERROR_INSUFFICIENT_BUFFER)) if needed > room => room = needed,
            other => return other.map(|()| buffer),
        }
    }
}

/// The text at a place, which may be null.
///
/// # Safety
/// A place that is not null must hold text that ends in a NUL.
unsafe fn text_at(text: *const u16) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: the text goes on until its NUL.
    unsafe {
        let mut length = 0;
        while *text.add(length) != 0 {
            length += 1;
        }
        String::from_utf16_lossy(std::slice::from_raw_parts(text, length))
    }
}

/// The texts at a place, which may be null.
///
/// # Safety
/// A place that is not null must hold texts that each end in a NUL, and after the last a NUL.
unsafe fn texts_at(mut list: *const u16) -> Vec<String> {
    let mut texts = Vec::new();
    // SAFETY: the list goes on until an empty text.
    unsafe {
        while !list.is_null() && *list != 0 {
            let text = text_at(list);
            list = list.add(text.encode_utf16().count() + 1);
            texts.push(text);
        }
    }
    texts
}
