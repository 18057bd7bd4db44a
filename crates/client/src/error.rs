//! What can go wrong with a call, sorted by what a caller can do about it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use standpipe_smb::NtStatus;
use standpipe_smb::client::ConnectionError;

use crate::address::{PipeAddress, ServerAddress};

/// Why a connection, an open or a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// There is no way to the server, or nobody listens there.
    #[error("could not connect to {server}")]
    Unreachable {
        /// The server.
        server: ServerAddress,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Connecting and logging on, or opening a pipe, took too long.
    #[error("could not connect to {server} within {} s", timeout.as_secs_f32())]
    ConnectTimeout {
        /// The server.
        server: ServerAddress,
        /// How long was waited.
        timeout: Duration,
    },
    /// The server does not take this user with this password.
    #[error("log-on failed for {user} at {server}: {status}")]
    LogOnFailed {
        /// The server.
        server: ServerAddress,
        /// The user's name.
        user: String,
        /// What the server said.
        status: NtStatus,
    },
    /// Client and server did not come to terms.
    #[error("could not set up a session with {server}")]
    Handshake {
        /// The server.
        server: ServerAddress,
        /// Why.
        source: ConnectionError,
    },
    /// The server has no pipe of this name.
    #[error("there is no pipe {pipe}")]
    NoSuchPipe {
        /// The pipe.
        pipe: PipeAddress,
    },
    /// The pipe's access control list does not let this user open it.
    #[error("access denied: {user} may not open {pipe}")]
    AccessDenied {
        /// The pipe.
        pipe: PipeAddress,
        /// The user's name.
        user: String,
        /// Whether the request was encrypted. If not, that may be what the pipe asks for.
        encrypted: bool,
    },
    /// The service behind the pipe does not listen now, or all instances of the pipe are in use.
    #[error("the pipe {pipe} is busy: {status}")]
    PipeBusy {
        /// The pipe.
        pipe: PipeAddress,
        /// What the server said last.
        status: NtStatus,
    },
    /// The server refused for another reason.
    #[error("the server refused to {action} {pipe}: {status}")]
    Refused {
        /// The pipe.
        pipe: PipeAddress,
        /// What was asked for, as words that fit between *to* and the pipe.
        action: &'static str,
        /// What the server said.
        status: NtStatus,
    },
    /// The request is longer than what the server takes at once.
    #[error("a request of {length} bytes is longer than the {limit} that {pipe} takes")]
    RequestTooLong {
        /// The pipe.
        pipe: PipeAddress,
        /// Its length in bytes.
        length: usize,
        /// The most it may have, in bytes.
        limit: usize,
    },
    /// The reply is longer than what the caller takes.
    #[error("the reply from {pipe} is longer than {limit} bytes")]
    ReplyTooLong {
        /// The pipe.
        pipe: PipeAddress,
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// The caller has no room for the rest of the reply now.
    #[error("there is no room for the reply from {pipe}")]
    NoRoom {
        /// The pipe.
        pipe: PipeAddress,
    },
    /// The service closed the pipe before it replied. It may have worked on the request.
    #[error("the service behind {pipe} closed it without a reply")]
    NoReply {
        /// The pipe.
        pipe: PipeAddress,
    },
    /// The service took too long. It may still work on the request.
    #[error("{}", too_late(pipe, *timeout, *received))]
    ReplyTimeout {
        /// The pipe.
        pipe: PipeAddress,
        /// How long was waited.
        timeout: Duration,
        /// How many bytes of the reply came.
        received: usize,
    },
    /// The pipe carries bytes, and was asked for a message. Nothing was written.
    #[error("{pipe} is a pipe of bytes: it has no messages to call it by")]
    NoMessages {
        /// The pipe.
        pipe: PipeAddress,
    },
    /// The connection ended.
    #[error(
        "the connection to {server} ended {}",
        if *may_have_arrived { "after the request may have reached the service" }
        else { "before the request was sent" }
    )]
    Disconnected {
        /// The server.
        server: ServerAddress,
        /// Whether the service may have got the request. When this is `false`, it is safe to ask again.
        may_have_arrived: bool,
    },
}

impl ClientError {
    /// Whether the service may have got the request, so that asking again may do things twice.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Disconnected { may_have_arrived, .. } => *may_have_arrived,
            Self::NoReply { .. }
            | Self::ReplyTimeout { .. }
            | Self::ReplyTooLong { .. }
            | Self::NoRoom { .. } => true,
            Self::Refused { action, .. } => *action != crate::OPEN,
            _ => false,
        }
    }

    /// Whether another instance may do better: the failure is this server's, and nothing was sent.
    pub(crate) fn is_of_this_instance(&self) -> bool {
        let transient = matches!(
            self,
            Self::Unreachable { .. }
                | Self::ConnectTimeout { .. }
                | Self::Handshake { .. }
                | Self::PipeBusy { .. }
                | Self::Refused { .. }
                | Self::Disconnected { .. }
        );
        transient && !self.may_have_arrived()
    }

    /// Whether the server does not let this user in, so that trying again only counts as guessing. A server
    /// that has too much to do is none of that.
    pub(crate) fn is_of_the_credentials(&self) -> bool {
        const BUSY: [NtStatus; 3] =
            [NtStatus::INSUFFICIENT_RESOURCES, NtStatus::REQUEST_NOT_ACCEPTED, NtStatus::INTERNAL_ERROR];
        matches!(self, Self::LogOnFailed { status, .. } if !BUSY.contains(status))
    }

    /// Whether an open failed because its connection is lost or does not answer.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(self, Self::Disconnected { .. } | Self::ConnectTimeout { .. })
    }

    /// What a user can do about it, when there is something.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { .. } | Self::ConnectTimeout { .. } => {
                "check that the server runs, its address and port, and that no firewall is in between"
            }
            Self::LogOnFailed { status, .. } if *status == NtStatus::ACCOUNT_DISABLED => {
                "enable the account on the server"
            }
            Self::LogOnFailed { status, .. } if *status == NtStatus::ACCESS_DENIED => {
                "the server may take encrypted connections only: let the client encrypt"
            }
            Self::LogOnFailed { .. } => {
                "check user and password; the account must exist on the server (`standpipe account list`)"
            }
            Self::NoSuchPipe { .. } => "check the pipe's name",
            Self::AccessDenied { encrypted: false, .. } => {
                "see which entry of the pipe's access control list decides with `standpipe sddl check`; if one lets \
                 the user in, the pipe may take encrypted requests only: let the client encrypt"
            }
            Self::AccessDenied { .. } => {
                "see which entry of the pipe's access control list decides with `standpipe sddl check`"
            }
            Self::NoMessages { .. } => "call it by bytes",
            Self::ReplyTimeout { received: 1.., .. } => {
                "take for the reply what comes until the service falls quiet, or its first message, or give it more \
                 time"
            }
            Self::PipeBusy { .. } => "the service behind the pipe may be starting: try again",
            _ => return None,
        })
    }
}

fn too_late(pipe: &PipeAddress, timeout: Duration, received: usize) -> String {
    let seconds = timeout.as_secs_f32();
    match received {
        0 => format!("no reply from {pipe} within {seconds} s"),
        _ => format!("the reply from {pipe} did not end within {seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_busy_says_nothing_about_the_credentials() {
        let server = ServerAddress::new("server", 445).unwrap();
        let refused = |status| {
            let (server, user) = (server.clone(), "u".to_owned());
            ClientError::LogOnFailed { server, user, status }.is_of_the_credentials()
        };
        for status in [NtStatus::LOGON_FAILURE, NtStatus::ACCOUNT_DISABLED, NtStatus::ACCESS_DENIED] {
            assert!(refused(status), "{status}");
        }
        for status in
            [NtStatus::INSUFFICIENT_RESOURCES, NtStatus::REQUEST_NOT_ACCEPTED, NtStatus::INTERNAL_ERROR]
        {
            assert!(!refused(status), "{status}");
        }
        assert!(!ClientError::Disconnected { server, may_have_arrived: false }.is_of_the_credentials());
    }
}
