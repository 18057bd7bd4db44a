//! The errors of Windows that a service manager meets: what each means, and whether trying again can help.

use core::fmt;

use crate::watcher::Refusal;

/// An error of Windows, as `GetLastError` or `dwWin32ExitCode` gives it.
///
/// It prints as its number and its meaning, as far as the meaning is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WindowsCode(pub u32);

/// What is known about one error.
struct Entry {
    code: u32,
    meaning: &'static str,
    refusal: Refusal,
    hint: Option<&'static str>,
}

const fn retry(code: u32, meaning: &'static str) -> Entry {
    Entry { code, meaning, refusal: Refusal::ForNow, hint: None }
}

const fn fatal(code: u32, meaning: &'static str, hint: &'static str) -> Entry {
    Entry { code, meaning, refusal: Refusal::ForGood, hint: Some(hint) }
}

const fn denied(code: u32, meaning: &'static str, hint: &'static str) -> Entry {
    Entry { code, meaning, refusal: Refusal::NotPermitted, hint: Some(hint) }
}

const FIX_PATH: &str = "correct the path of the service's program";
const FIX_PROGRAM: &str = "install a build of the service for this machine";
const FIX_LIBRARY: &str = "install the libraries that the service's program needs";
const FIX_ACCOUNT: &str = "correct the service's account and its password";
const BE_ADMINISTRATOR: &str = "run this as an administrator, or as ContainerAdministrator in a container";

/// Every error that is known here, in the order of the numbers. The sources are the pages of StartServiceW,
/// ControlService, OpenServiceW and CreateServiceW, and "System Error Codes".
const ENTRIES: &[Entry] = &[
    fatal(2, "the service's program does not exist", FIX_PATH),
    fatal(3, "the folder of the service's program does not exist", FIX_PATH),
    denied(5, "access denied", BE_ADMINISTRATOR),
    retry(8, "not enough memory"),
    retry(14, "not enough memory"),
    fatal(53, "the network path of the service's program was not found", FIX_PATH),
    fatal(87, "invalid parameter", "correct the settings of the service"),
    retry(109, "the service's process is gone"),
    fatal(123, "the name is not valid", "correct the name of the service or of its program"),
    retry(124, "this system has no such information"),
    fatal(126, "a library that the service's program needs was not found", FIX_LIBRARY),
    fatal(127, "a library that the service's program needs lacks a function", FIX_LIBRARY),
    fatal(129, "the service's program is not for this system", FIX_PROGRAM),
    fatal(161, "the path of the service's program is not valid", FIX_PATH),
    fatal(
        193,
        "the service's program is not one that this system can run; a 32-bit program needs a system with a 32-bit \
         part",
        FIX_PROGRAM,
    ),
    fatal(216, "the service's program is for another kind of machine", FIX_PROGRAM),
    retry(232, "the service's process is gone"),
    fatal(267, "the folder of the service's program is not a folder", FIX_PATH),
    denied(740, "it needs elevated rights", BE_ADMINISTRATOR),
    retry(995, "given up, since it is no longer wanted"),
    retry(1051, "other running services depend on it"),
    retry(1052, "the service does not take this control in its present state"),
    retry(1053, "the service did not answer in time"),
    retry(1054, "the service could not make a thread"),
    retry(1055, "the database of services is locked"),
    retry(1056, "the service is running already"),
    fatal(1057, "the service's account does not exist", FIX_ACCOUNT),
    fatal(1058, "the service is disabled", "set its start type, as by `sc config NAME start= demand`"),
    fatal(
        1059,
        "the service depends on itself",
        "correct its dependencies, as by `sc config NAME depend= /`",
    ),
    fatal(
        1060,
        "no such service is installed",
        "install it, or correct the name; `sc query` lists the names",
    ),
    retry(1061, "the service cannot take controls at this time"),
    retry(1062, "the service is not running"),
    fatal(1063, "the program was not started as a service", "start it through the service control manager"),
    retry(1066, "the service ended with a code of its own"),
    retry(1067, "the service's process ended unexpectedly"),
    retry(1068, "a service that it depends on could not be started"),
    fatal(1069, "the service's account could not log on", FIX_ACCOUNT),
    retry(1070, "the service hung while it started"),
    fatal(
        1072,
        "the service is marked for deletion",
        "close every program that has it open, such as the Services window, then install it again",
    ),
    fatal(1073, "a service of this name exists already", "remove it first, or choose another name"),
    fatal(
        1075,
        "a service that it depends on is not installed",
        "install that service, or correct the dependencies",
    ),
    retry(1077, "no start was attempted since the system started"),
    fatal(1078, "another service has this display name", "choose another display name"),
    fatal(1079, "its account differs from that of other services in its process", FIX_ACCOUNT),
    fatal(1083, "its program does not contain this service", "correct the command of the service"),
    retry(1115, "the system is shutting down"),
    denied(1314, "this account lacks a privilege for it", BE_ADMINISTRATOR),
    fatal(1326, "the user name or the password is wrong", FIX_ACCOUNT),
    fatal(1327, "the account is restricted", FIX_ACCOUNT),
    fatal(1330, "the account's password has expired", FIX_ACCOUNT),
    fatal(1331, "the account is disabled", FIX_ACCOUNT),
    fatal(
        1385,
        "the account may not log on as a service",
        "grant it the right `Log on as a service` (SeServiceLogonRight)",
    ),
    retry(1450, "not enough system resources"),
    retry(1455, "the paging file is too small"),
    retry(1460, "it took too long"),
    retry(1722, "the service control manager cannot be reached"),
    retry(1726, "the service control manager broke off the call"),
    retry(1727, "the service control manager broke off the call"),
    fatal(1909, "the account is locked out", FIX_ACCOUNT),
    fatal(14001, "the program's side-by-side configuration is wrong: a runtime is missing", FIX_LIBRARY),
];

impl WindowsCode {
    /// No error.
    pub const SUCCESS: Self = Self(0);
    /// Access denied.
    pub const ACCESS_DENIED: Self = Self(5);
    /// The pipe between the service control manager and the service's process has ended.
    pub const BROKEN_PIPE: Self = Self(109);
    /// The name is not valid.
    pub const INVALID_NAME: Self = Self(123);
    /// The system has no information of this level.
    pub const INVALID_LEVEL: Self = Self(124);
    /// The pipe between the service control manager and the service's process is being closed. Wine gives it
    /// for a service whose process is dead.
    pub const NO_DATA: Self = Self(232);
    /// The call was given up, since it is no longer wanted.
    pub const OPERATION_ABORTED: Self = Self(995);
    /// Other running services depend on it.
    pub const DEPENDENT_SERVICES_RUNNING: Self = Self(1051);
    /// The service does not take this control in its present state.
    pub const INVALID_SERVICE_CONTROL: Self = Self(1052);
    /// The service did not answer in time.
    pub const SERVICE_REQUEST_TIMEOUT: Self = Self(1053);
    /// The service control manager starts no service at this time.
    pub const SERVICE_DATABASE_LOCKED: Self = Self(1055);
    /// The service is running already.
    pub const SERVICE_ALREADY_RUNNING: Self = Self(1056);
    /// No such service is installed.
    pub const SERVICE_DOES_NOT_EXIST: Self = Self(1060);
    /// The service cannot take controls at this time.
    pub const SERVICE_CANNOT_ACCEPT_CTRL: Self = Self(1061);
    /// The service is not running.
    pub const SERVICE_NOT_ACTIVE: Self = Self(1062);
    /// The service ended with a code of its own.
    pub const SERVICE_SPECIFIC_ERROR: Self = Self(1066);
    /// The service's process ended unexpectedly.
    pub const PROCESS_ABORTED: Self = Self(1067);
    /// A service that it depends on could not be started.
    pub const SERVICE_DEPENDENCY_FAIL: Self = Self(1068);
    /// The service is marked for deletion.
    pub const SERVICE_MARKED_FOR_DELETE: Self = Self(1072);
    /// A service of this name exists already.
    pub const SERVICE_EXISTS: Self = Self(1073);
    /// No start was attempted since the system started.
    pub const SERVICE_NEVER_STARTED: Self = Self(1077);

    fn entry(self) -> Option<&'static Entry> {
        ENTRIES.binary_search_by_key(&self.0, |entry| entry.code).ok().and_then(|index| ENTRIES.get(index))
    }

    /// What it means to somebody who runs services, without a full stop.
    pub fn meaning(self) -> Option<&'static str> {
        self.entry().map(|entry| entry.meaning)
    }

    /// What to do about it, where a person can do something.
    pub fn hint(self) -> Option<&'static str> {
        self.entry().and_then(|entry| entry.hint)
    }

    /// Whether a start that failed with this error can be tried again. An error that is not known here can.
    pub fn refusal(self) -> Refusal {
        self.entry().map_or(Refusal::ForNow, |entry| entry.refusal)
    }

    /// Whether a start failed with this error because of the service itself, and not because of the service
    /// control manager or the machine.
    pub const fn is_fault_of_service(self) -> bool {
        matches!(self.0, 109 | 232 | 1053 | 1054 | 1066 | 1067 | 1068 | 1070)
    }

    /// Whether a control failed with this error because the process of the service is dead.
    pub const fn is_dead_process(self) -> bool {
        matches!(self, Self::BROKEN_PIPE | Self::NO_DATA | Self::SERVICE_NOT_ACTIVE)
    }

    /// Whether a STOP that failed with this error should be sent again: the service is not ready to be
    /// controlled. Windows and Wine differ in which of the codes they give
    /// (`SERVICE_START_PENDING` gives 1061 on Windows and 1052 on Wine).
    pub const fn is_control_refused_for_now(self) -> bool {
        matches!(
            self,
            Self::INVALID_SERVICE_CONTROL
                | Self::SERVICE_CANNOT_ACCEPT_CTRL
                | Self::SERVICE_REQUEST_TIMEOUT
                | Self::DEPENDENT_SERVICES_RUNNING
        )
    }
}

impl fmt::Display for WindowsCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Windows error {}", self.0)?;
        self.meaning().map_or(Ok(()), |meaning| write!(f, " ({meaning})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_are_in_the_order_of_their_numbers() {
        assert!(ENTRIES.is_sorted_by(|one, next| one.code < next.code));
    }

    #[test]
    fn an_error_that_no_retry_mends_is_not_retried() {
        for code in [2, 3, 193, 1058, 1060, 1069, 1072, 1385, 14001] {
            assert_eq!(WindowsCode(code).refusal(), Refusal::ForGood, "{code}");
        }
        for code in [5, 740, 1314] {
            assert_eq!(WindowsCode(code).refusal(), Refusal::NotPermitted, "{code}");
        }
    }

    #[test]
    fn an_error_that_may_pass_is_retried() {
        for code in [1053, 1055, 1056, 1067, 1068, 999_999] {
            assert_eq!(WindowsCode(code).refusal(), Refusal::ForNow, "{code}");
        }
    }

    #[test]
    fn every_error_that_is_not_retried_says_what_to_do() {
        for entry in ENTRIES.iter().filter(|entry| entry.refusal != Refusal::ForNow) {
            assert!(entry.hint.is_some(), "{}", entry.code);
        }
    }

    #[test]
    fn an_error_prints_as_its_number_and_its_meaning() {
        let text = WindowsCode::SERVICE_DOES_NOT_EXIST.to_string();
        assert_eq!(text, "Windows error 1060 (no such service is installed)");
        assert_eq!(WindowsCode(999_999).to_string(), "Windows error 999999");
    }
}
