//! Events for the log and the counters.

use alloc::string::String;
use alloc::sync::Arc;

use standpipe_security::AccessMask;

use super::PipeId;
use crate::auth::server::LogonRefused;
use crate::{Dialect, NtStatus};

/// An event for the log and the counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The dialect was agreed on.
    Negotiated {
        /// The dialect.
        dialect: Dialect,
    },
    /// A client that has not logged on was asked to prove a password.
    Challenged,
    /// A client has proved a password, but has not shown yet that it has the key that goes with it.
    Answered,
    /// A user logged on: the client has proved the password and shown the key, with a message that is signed
    /// or encrypted rightly.
    LoggedOn {
        /// The account's name.
        user: Arc<str>,
    },
    /// The user of a session logged on again: the session's lifetime begins anew.
    LoggedOnAgain {
        /// The account's name.
        user: Arc<str>,
    },
    /// A log-on became too old ([`Config::session_lifetime`](super::Config::session_lifetime)).
    SessionExpired {
        /// The account's name.
        user: Arc<str>,
    },
    /// An expired session ended, because its user did not log on again.
    SessionLapsed {
        /// The account's name.
        user: Arc<str>,
    },
    /// A log-on was refused.
    LogonRefused {
        /// The name that was tried, when the attempt got that far.
        user: Option<String>,
        /// The status in the reply.
        status: NtStatus,
        /// The kind of reason, for counting.
        kind: LogOnRefusal,
        /// The reason, for the administrator.
        reason: String,
    },
    /// A tree connect was refused, to another share than `IPC$` or one too many.
    TreeRefused {
        /// The account's name.
        user: Arc<str>,
        /// The share as the client gave it, cut to 80 characters.
        path: String,
        /// The status in the reply.
        status: NtStatus,
    },
    /// A session ended because the client asked for it.
    LoggedOff {
        /// The account's name.
        user: Arc<str>,
    },
    /// A session ended because the same user came back in another one.
    SessionReplaced {
        /// The account's name.
        user: Arc<str>,
    },
    /// A session ended because its account was removed or disabled.
    AccountGone {
        /// The account's name.
        user: Arc<str>,
    },
    /// A pipe was opened and its backend took it.
    Opened {
        /// The account's name.
        user: Arc<str>,
        /// Which pipe.
        pipe: PipeId,
    },
    /// An open was refused.
    OpenRefused {
        /// The account's name.
        user: Arc<str>,
        /// The pipe's name as the client gave it, cut to 80 characters.
        name: String,
        /// What the client asked for.
        desired: AccessMask,
        /// The status in the reply.
        status: NtStatus,
        /// The reason, for the administrator.
        reason: String,
    },
    /// A request's signature was missing or wrong.
    BadSignature {
        /// Whether there was none at all.
        missing: bool,
    },
}

/// Why log-ons are refused, in kinds that may be counted in public: whether an account exists is none of
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOnRefusal {
    /// There is no such account, or the password is wrong.
    Credentials,
    /// Too many attempts failed before.
    TooManyFailures,
    /// The account is disabled, or the guest account.
    Account,
    /// The client wanted to log on as nobody.
    Anonymous,
    /// What the client sent is not what a log-on takes.
    Protocol,
    /// The password was right, and the session is refused all the same.
    NotAdmitted,
}

impl LogOnRefusal {
    /// All kinds, in their order.
    pub const ALL: [Self; 6] = [
        Self::Credentials,
        Self::TooManyFailures,
        Self::Account,
        Self::Anonymous,
        Self::Protocol,
        Self::NotAdmitted,
    ];

    /// The name of the kind, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::TooManyFailures => "too-many-failures",
            Self::Account => "account",
            Self::Anonymous => "anonymous",
            Self::Protocol => "protocol",
            Self::NotAdmitted => "not-admitted",
        }
    }
}

impl From<LogonRefused> for LogOnRefusal {
    fn from(reason: LogonRefused) -> Self {
        match reason {
            LogonRefused::UnknownUser | LogonRefused::WrongPassword => Self::Credentials,
            LogonRefused::TooManyFailures => Self::TooManyFailures,
            LogonRefused::Disabled | LogonRefused::Guest => Self::Account,
            LogonRefused::Anonymous => Self::Anonymous,
            LogonRefused::NotNtlmV2
            | LogonRefused::BadIntegrityCode
            | LogonRefused::BadMechListMic
            | LogonRefused::OtherServer
            | LogonRefused::NoUnicode
            | LogonRefused::NoCommonMechanism
            | LogonRefused::TokenTooLong
            | LogonRefused::Malformed(_) => Self::Protocol,
        }
    }
}
