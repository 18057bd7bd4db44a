//! NTSTATUS: how the protocol says what became of a request, [MS-ERREF] 2.3.

use core::fmt;

/// A status code. Any number may arrive; the named ones are those that the protocol uses for pipes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtStatus(pub u32);

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $value:literal, $text:literal;)*) => {
        impl NtStatus {
            $(#[doc = concat!($text, " (`STATUS_", stringify!($name), "`).")] pub const $name: Self = Self($value);)*

            /// The constant's name without `STATUS_`, when it has one here.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some(stringify!($name)),)* _ => None }
            }

            /// What it means, in words a person can act on, when it has a name here.
            pub fn meaning(self) -> Option<&'static str> {
                match self.0 { $($value => Some($text),)* _ => None }
            }
        }
    };
}

statuses! {
    SUCCESS = 0x0000_0000, "success";
    PENDING = 0x0000_0103, "the request is under way";
    BUFFER_OVERFLOW = 0x8000_0005, "the message is longer than the buffer; the rest can be read";
    NO_MORE_FILES = 0x8000_0006, "no more entries";
    INVALID_INFO_CLASS = 0xC000_0003, "unknown information class";
    INFO_LENGTH_MISMATCH = 0xC000_0004, "the buffer has the wrong size for this information";
    INVALID_HANDLE = 0xC000_0008, "invalid handle";
    INVALID_PARAMETER = 0xC000_000D, "invalid parameter";
    NO_SUCH_FILE = 0xC000_000F, "no entry has such a name";
    INVALID_DEVICE_REQUEST = 0xC000_0010, "the request does not apply to this object";
    END_OF_FILE = 0xC000_0011, "end of file";
    MORE_PROCESSING_REQUIRED = 0xC000_0016, "the log-on needs another leg";
    ACCESS_DENIED = 0xC000_0022, "access denied";
    BUFFER_TOO_SMALL = 0xC000_0023, "the buffer is too small";
    OBJECT_NAME_INVALID = 0xC000_0033, "the name is not valid";
    OBJECT_NAME_NOT_FOUND = 0xC000_0034, "no pipe has this name";
    WRONG_PASSWORD = 0xC000_006A, "wrong password";
    LOGON_FAILURE = 0xC000_006D, "unknown user or wrong password";
    ACCOUNT_RESTRICTION = 0xC000_006E, "an account restriction forbids the log-on";
    PASSWORD_EXPIRED = 0xC000_0071, "the password has expired";
    ACCOUNT_DISABLED = 0xC000_0072, "the account is disabled";
    INSUFFICIENT_RESOURCES = 0xC000_009A, "the server is at its limit";
    FILE_IS_A_DIRECTORY = 0xC000_00BA, "it is a folder";
    BAD_IMPERSONATION_LEVEL = 0xC000_00A5, "the impersonation level is not allowed";
    INSTANCE_NOT_AVAILABLE = 0xC000_00AB, "all instances of the pipe are in use";
    PIPE_NOT_AVAILABLE = 0xC000_00AC, "no instance of the pipe is listening";
    INVALID_PIPE_STATE = 0xC000_00AD, "the pipe is in the wrong state";
    PIPE_BUSY = 0xC000_00AE, "the pipe has unread data or a pending request";
    PIPE_DISCONNECTED = 0xC000_00B0, "the service disconnected the pipe";
    PIPE_CLOSING = 0xC000_00B1, "the other end of the pipe is closing";
    INVALID_READ_MODE = 0xC000_00B4, "the read mode does not fit the pipe";
    IO_TIMEOUT = 0xC000_00B5, "timed out";
    NOT_SUPPORTED = 0xC000_00BB, "not supported";
    NETWORK_NAME_DELETED = 0xC000_00C9, "the tree connect is gone";
    BAD_NETWORK_NAME = 0xC000_00CC, "no share has this name";
    REQUEST_NOT_ACCEPTED = 0xC000_00D0, "the request was not accepted";
    PIPE_EMPTY = 0xC000_00D9, "the pipe is empty";
    INTERNAL_ERROR = 0xC000_00E5, "internal error";
    CANCELLED = 0xC000_0120, "cancelled";
    FILE_CLOSED = 0xC000_0128, "the open is closed";
    PIPE_BROKEN = 0xC000_014B, "the other end of the pipe is gone";
    NOT_FOUND = 0xC000_0225, "not found";
    CONNECTION_RESET = 0xC000_020D, "the way to the other end of the pipe is gone";
    FS_DRIVER_REQUIRED = 0xC000_019C, "the request needs a file system driver";
    USER_SESSION_DELETED = 0xC000_0203, "the session is gone";
    ACCOUNT_LOCKED_OUT = 0xC000_0234, "the account is locked out";
    NETWORK_SESSION_EXPIRED = 0xC000_035C, "the session has expired";
    SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP = 0xC05D_0000, "no common hash for pre-authentication integrity";
    SEC_E_INVALID_TOKEN = 0x8009_0308, "the security token is malformed";
    SEC_E_UNSUPPORTED_FUNCTION = 0x8009_0302, "the session is still logging on";
    SEC_E_INVALID_HANDLE = 0x8009_0301, "the security context is invalid";
}

impl NtStatus {
    /// Whether it stands for a failure: its severity is *error* ([MS-ERREF] 2.3).
    pub fn is_error(self) -> bool {
        self.0 >> 30 == 3 || self.0 >> 28 == 8 && self.0 != Self::BUFFER_OVERFLOW.0
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.meaning(), self.name()) {
            (Some(meaning), Some(name)) => write!(f, "{meaning} (STATUS_{name}, {:#010x})", self.0),
            _ => write!(f, "status {:#010x}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "STATUS_{name}"),
            None => write!(f, "{:#010x}", self.0),
        }
    }
}
