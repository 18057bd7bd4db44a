//! Installs, removes and describes services of this machine.

use std::thread;
use std::time::{Duration, Instant};

use super::installation::{Description, Installation, Installed, LOCAL_SYSTEM, StartType};
use super::{ScmError, WindowsCode};
use crate::platform::scm::{Change, Look, Scm, Service, Settings};

/// How often to look whether a service that is marked for deletion is gone.
const AGAIN: Duration = Duration::from_millis(100);

/// Installs a service, or changes one that is there to these settings. It is not started.
///
/// One that is marked for deletion is waited for, as long as `patience`: a script may remove and install it
/// in one go.
///
/// # Errors
/// When the service control manager refuses.
pub fn install(installation: &Installation, patience: Duration) -> Result<Installed, ScmError> {
    let refused = |code| ScmError::Refused { what: "install", name: installation.name.clone(), code };
    super::check_service_name(&installation.name).map_err(refused)?;
    let until = Instant::now() + patience;
    loop {
        match install_once(installation) {
            Err(WindowsCode::SERVICE_MARKED_FOR_DELETE) if Instant::now() < until => thread::sleep(AGAIN),
            other => return other.map_err(refused),
        }
    }
}

fn install_once(installation: &Installation) -> Result<Installed, WindowsCode> {
    let mut change = Change {
        display_name: &installation.display_name,
        command: &installation.command,
        start_type: installation.start_type.code(),
        dependencies: &installation.dependencies,
        account: Some(&installation.account),
        password: installation.password.as_deref(),
    };
    let scm = Scm::connect_to_install()?;
    match scm.open(&installation.name, Look::Change) {
        Ok(service) => {
            let settings = service.settings()?;
            let description = service.description().unwrap_or_default();
            let is_described = description == installation.description;
            let is_set = installation.password.is_none() && has_settings(&settings, installation);
            if is_set && is_described {
                return Ok(Installed::Unchanged);
            }
            if !is_set {
                change.account = change.account.filter(|account| {
                    change.password.is_some() || !account.eq_ignore_ascii_case(&settings.account)
                });
                service.change(&change)?;
            }
            if !is_described {
                service.describe(&installation.description)?;
            }
            Ok(Installed::Changed)
        }
        Err(WindowsCode::SERVICE_DOES_NOT_EXIST) => {
            // LocalSystem is what a service gets that names none.
            change.account = change.account.filter(|account| *account != LOCAL_SYSTEM);
            let service = scm.create(&installation.name, &change)?;
            if !installation.description.is_empty() {
                service.describe(&installation.description)?;
            }
            Ok(Installed::New)
        }
        Err(code) => Err(code),
    }
}

fn has_settings(settings: &Settings, installation: &Installation) -> bool {
    settings.display_name == installation.display_name
        && settings.command == installation.command
        && settings.start_type == installation.start_type.code()
        && settings.dependencies == installation.dependencies
        && settings.account.eq_ignore_ascii_case(&installation.account)
}

/// Removes a service, and waits until it is gone. It must be stopped; while it is not, it is only marked for
/// deletion. Returns whether there was one.
///
/// # Errors
/// When the service control manager refuses, or when the service is still there after `patience`: a program
/// has it open.
pub fn remove(name: &str, patience: Duration) -> Result<bool, ScmError> {
    let refused = |code| ScmError::Refused { what: "remove", name: name.to_owned(), code };
    let until = Instant::now() + patience;
    match Service::open(name, Look::Delete).and_then(|service| service.delete()) {
        Ok(()) | Err(WindowsCode::SERVICE_MARKED_FOR_DELETE) => {}
        Err(WindowsCode::SERVICE_DOES_NOT_EXIST) => return Ok(false),
        Err(code) => return Err(refused(code)),
    }
    loop {
        match Service::open(name, Look::Status).map(drop) {
            Err(WindowsCode::SERVICE_DOES_NOT_EXIST) => return Ok(true),
            Ok(()) | Err(WindowsCode::SERVICE_MARKED_FOR_DELETE) if Instant::now() < until => {
                thread::sleep(AGAIN);
            }
            Ok(()) => return Err(refused(WindowsCode::SERVICE_MARKED_FOR_DELETE)),
            Err(code) => return Err(refused(code)),
        }
    }
}

/// What an installed service looks like; `None` when there is no such service.
///
/// # Errors
/// When the service control manager refuses.
pub fn describe(name: &str) -> Result<Option<Description>, ScmError> {
    let refused = |code| ScmError::Refused { what: "look at", name: name.to_owned(), code };
    let service = match Service::open(name, Look::Settings) {
        Err(WindowsCode::SERVICE_DOES_NOT_EXIST) => return Ok(None),
        other => other.map_err(refused)?,
    };
    let settings = service.settings().map_err(refused)?;
    Ok(Some(Description {
        display_name: settings.display_name,
        command: settings.command,
        account: settings.account,
        start_type: StartType::from_code(settings.start_type),
        dependencies: settings.dependencies,
        // They are no reason to say nothing of the rest.
        recovery: service.recovery_actions().unwrap_or_default(),
    }))
}
