//! How a process ended.

use core::fmt;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned this code. Codes of Windows have 32 bits: those that say what went wrong are negative
    /// here.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
    /// It was a Windows service and reported this error of Windows (`dwWin32ExitCode`).
    WindowsError(u32),
    /// It was a Windows service and reported this code of its own (`dwServiceSpecificExitCode`, beside the
    /// error 1066 of Windows).
    ServiceCode(u32),
    /// It is gone and nothing says how.
    Unknown,
}

impl Exit {
    /// Whether it ended by itself without an error.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0) | Self::WindowsError(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code @ 0..) => write!(f, "exit code {code}"),
            Self::Code(code) => match status_meaning(code.cast_unsigned()) {
                Some(meaning) => write!(f, "exit code {:#010X} ({meaning})", code.cast_unsigned()),
                None => write!(f, "exit code {:#010X}", code.cast_unsigned()),
            },
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "signal {number} ({name})"),
                None => write!(f, "signal {number}"),
            },
            Self::WindowsError(code) => write!(f, "Windows error {code}"),
            Self::ServiceCode(code) => write!(f, "service-specific code {code}"),
            Self::Unknown => f.write_str("unknown exit"),
        }
    }
}

/// What the codes mean with which Windows itself ends processes
/// ([MS-ERREF](https://learn.microsoft.com/en-us/openspecs/windows_protocols/ms-erref/596a1078-e883-4972-9bbc-49e60bebca55)).
fn status_meaning(code: u32) -> Option<&'static str> {
    Some(match code {
        0x8000_0003 => "breakpoint",
        0xC000_0005 => "access violation",
        0xC000_0006 => "page could not be read",
        0xC000_0017 => "out of memory",
        0xC000_001D => "illegal instruction",
        0xC000_0025 => "exception that cannot be continued",
        0xC000_0094 => "integer division by zero",
        0xC000_00FD => "stack overflow",
        0xC000_0135 => "DLL not found",
        0xC000_0139 => "entry point not found in a DLL",
        0xC000_013A => "ended by Ctrl-C or Ctrl-Break",
        0xC000_0142 => "DLL initialization failed",
        0xC000_0374 => "heap corruption",
        0xC000_0409 => "stack buffer overrun, or ended on purpose",
        0xC000_0417 => "invalid argument to the C runtime",
        0xE043_4352 => "unhandled .NET exception",
        0xE06D_7363 => "unhandled C++ exception",
        _ => return None,
    })
}

/// The signals that end processes in practice; their numbers are the same on every Linux architecture that
/// Rust supports as a first-class target.
fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_read_well() {
        assert_eq!(Exit::Code(256).to_string(), "exit code 256");
        assert_eq!(
            Exit::Code(0xC000_0005u32.cast_signed()).to_string(),
            "exit code 0xC0000005 (access violation)"
        );
        assert_eq!(Exit::Code(0x8000_4005u32.cast_signed()).to_string(), "exit code 0x80004005");
        assert_eq!(Exit::Signal(9).to_string(), "signal 9 (SIGKILL)");
        assert_eq!(Exit::Signal(64).to_string(), "signal 64");
        assert_eq!(Exit::WindowsError(1067).to_string(), "Windows error 1067");
        assert_eq!(Exit::ServiceCode(256).to_string(), "service-specific code 256");
        assert!(Exit::Code(0).is_success());
        assert!(Exit::WindowsError(0).is_success());
        assert!(!Exit::Signal(15).is_success());
        assert!(!Exit::ServiceCode(0).is_success(), "a service reports a code of its own only for an error");
    }
}
