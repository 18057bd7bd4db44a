//! Installs and removes the service.

use std::ffi::OsString;
use std::fmt;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use windows_service::Error;
use windows_service::service::{
    ServiceAccess, ServiceErrorControl, ServiceInfo, ServiceStartType, ServiceState, ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use super::NAME;
use crate::Arguments;

/// `ERROR_SERVICE_DOES_NOT_EXIST`.
const NOT_INSTALLED: i32 = 1060;
/// `ERROR_SERVICE_EXISTS`.
const INSTALLED: i32 = 1073;
/// How long a stop before the removal may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// Installs the service, to be started by whoever needs it. One that is there is changed.
pub(super) fn install(arguments: &Arguments) -> Result<(), Error> {
    let access = ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE;
    let manager = ServiceManager::local_computer(None::<&str>, access)?;
    let info = ServiceInfo {
        name: NAME.into(),
        display_name: "Simple Service".into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::OnDemand,
        error_control: ServiceErrorControl::Normal,
        executable_path: std::env::current_exe().map_err(Error::Winapi)?,
        launch_arguments: vec![OsString::from("--pipe"), OsString::from(&arguments.pipe)],
        dependencies: Vec::new(),
        account_name: None,
        account_password: None,
    };
    match manager.create_service(&info, ServiceAccess::QUERY_STATUS) {
        Err(error) if code(&error) == Some(INSTALLED) => {
            manager.open_service(NAME, ServiceAccess::CHANGE_CONFIG)?.change_config(&info)
        }
        other => other.map(drop),
    }
}

/// Stops and removes the service. There may be none.
pub(super) fn remove() -> Result<(), Error> {
    let manager = ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)?;
    let access = ServiceAccess::QUERY_STATUS | ServiceAccess::STOP | ServiceAccess::DELETE;
    let service = match manager.open_service(NAME, access) {
        Err(error) if code(&error) == Some(NOT_INSTALLED) => return Ok(()),
        other => other?,
    };
    // One that is stopped, or that dies meanwhile, takes no control.
    let _ = service.stop();
    let since = Instant::now();
    while since.elapsed() < STOP_TIMEOUT && service.query_status()?.current_state != ServiceState::Stopped {
        thread::sleep(Duration::from_millis(50));
    }
    service.delete()
}

/// Says what came of it, if something went wrong.
pub(super) fn report(result: Result<(), Error>, what: impl fmt::Display) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = match &error {
                Error::Winapi(cause) => cause.to_string(),
                other => other.to_string(),
            };
            eprintln!("simple-service: cannot {what} the service {NAME}: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn code(error: &Error) -> Option<i32> {
    match error {
        Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}
