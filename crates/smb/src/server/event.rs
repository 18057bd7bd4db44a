//! Events for the log and the counters.

use alloc::string::String;
use alloc::sync::Arc;

use standpipe_security::AccessMask;

use super::PipeId;
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
