//! What the page and the bridge need from a pipe, and how a call can fail.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use axum::http::StatusCode;

use crate::memory::Room;

/// A call on its way.
pub type CallFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, CallError>> + Send + 'a>>;

/// A pipe that can be called, on whichever instance is ready.
pub trait PipeCalls: Send + Sync {
    /// One request message, one reply. A request is sent to one instance at most once. Each byte of the reply
    /// is taken from `room` before it is held; where that has none, the call fails with
    /// [`CallErrorKind::NoRoom`].
    fn call<'a>(&'a self, request: Vec<u8>, room: &'a Room) -> CallFuture<'a>;

    /// How many instances there are, and how many of them take calls now.
    fn readiness(&self) -> Readiness;
}

/// How many instances there are and how many take calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Those that take calls now.
    pub ready: usize,
    /// All of them.
    pub all: usize,
}

/// What an instance answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The bytes of the reply.
    pub data: Vec<u8>,
    /// The instance that answered, as `Role/N`.
    pub instance: String,
    /// Where it listens, as `host:port`.
    pub address: String,
}

/// Why there is no reply.
#[derive(Debug)]
pub struct CallError {
    /// Which of the known failures it is.
    pub kind: CallErrorKind,
    /// The instance that was called, as `Role/N`, when one was.
    pub instance: Option<String>,
    /// The failure underneath, for the log only: a caller is not told of addresses and system errors.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl CallError {
    /// A failure of that kind, nothing else known.
    pub fn new(kind: CallErrorKind) -> Self {
        Self { kind, instance: None, source: None }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.message())
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// The ways a call fails, as far as a caller can tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallErrorKind {
    /// No instance takes calls.
    NoInstanceReady,
    /// The instance could not be reached.
    CouldNotConnect,
    /// The instance could not be reached in time.
    ConnectTimedOut,
    /// The instance refused the account or its password.
    LogonFailed,
    /// The account may not open the pipe.
    AccessDenied,
    /// The instance serves no pipe of that name.
    NoSuchPipe,
    /// All instances of the pipe are in use.
    PipeBusy,
    /// The request is longer than the pipe takes.
    TooLong,
    /// The connection or the service ended after the request was sent and before its reply was complete.
    ClosedBeforeReply,
    /// No reply in time.
    ReplyTimedOut,
    /// This site has no room for the reply.
    NoRoom,
    /// This site stopped before the reply came.
    SiteStopped,
    /// Anything else; the log has it.
    Other,
}

/// What is said about each kind.
struct Words {
    /// For programs; never changes.
    code: &'static str,
    title: &'static str,
    message: &'static str,
    status: StatusCode,
}

impl CallErrorKind {
    /// All kinds, in their order.
    pub const ALL: [Self; 13] = [
        Self::NoInstanceReady,
        Self::CouldNotConnect,
        Self::ConnectTimedOut,
        Self::LogonFailed,
        Self::AccessDenied,
        Self::NoSuchPipe,
        Self::PipeBusy,
        Self::TooLong,
        Self::ClosedBeforeReply,
        Self::ReplyTimedOut,
        Self::NoRoom,
        Self::SiteStopped,
        Self::Other,
    ];

    fn words(self) -> Words {
        let (code, status, title, message) = match self {
            Self::NoInstanceReady => (
                "no-instance-ready",
                StatusCode::SERVICE_UNAVAILABLE,
                "No instance ready",
                "no instance of the service is ready; try again in a few seconds",
            ),
            Self::CouldNotConnect => (
                "could-not-connect",
                StatusCode::BAD_GATEWAY,
                "Could not connect",
                "could not connect to the instance; the request was not sent",
            ),
            Self::ConnectTimedOut => (
                "connect-timed-out",
                StatusCode::GATEWAY_TIMEOUT,
                "Could not connect in time",
                "could not connect to the instance in time; the request was not sent",
            ),
            Self::LogonFailed => (
                "logon-failed",
                StatusCode::BAD_GATEWAY,
                "Log-on failed",
                "the instance refused the account or password that this site calls it with",
            ),
            Self::AccessDenied => (
                "access-denied",
                StatusCode::FORBIDDEN,
                "Access denied",
                "the account that this site calls with may not open the pipe",
            ),
            Self::NoSuchPipe => (
                "no-such-pipe",
                StatusCode::BAD_GATEWAY,
                "No such pipe",
                "the instance serves no pipe of that name, or its service is not running",
            ),
            Self::PipeBusy => (
                "pipe-busy",
                StatusCode::SERVICE_UNAVAILABLE,
                "Pipe busy",
                "all instances of the pipe are in use; try again in a moment",
            ),
            Self::TooLong => (
                "too-long",
                StatusCode::PAYLOAD_TOO_LARGE,
                "Too long",
                "the text is longer than the pipe takes",
            ),
            Self::ClosedBeforeReply => (
                "closed-before-reply",
                StatusCode::BAD_GATEWAY,
                "Closed before replying",
                "the service closed the pipe before replying; it may or may not have processed the text",
            ),
            Self::ReplyTimedOut => (
                "reply-timed-out",
                StatusCode::GATEWAY_TIMEOUT,
                "No reply in time",
                "the service did not reply in time; it may or may not have processed the text",
            ),
            Self::NoRoom => (
                "no-room",
                StatusCode::SERVICE_UNAVAILABLE,
                "No room now",
                "this site has no room for the reply now; the service may have processed the text",
            ),
            Self::SiteStopped => (
                "site-stopped",
                StatusCode::GATEWAY_TIMEOUT,
                "The site stopped",
                "this site stopped before the service replied; it may or may not have processed the text",
            ),
            Self::Other => (
                "failed",
                StatusCode::BAD_GATEWAY,
                "The call failed",
                "the call failed; the log of this site says why",
            ),
        };
        Words { code, title, message, status }
    }

    /// The word for programs, such as `access-denied`.
    pub fn code(self) -> &'static str {
        self.words().code
    }

    /// A few words for a heading.
    pub fn title(self) -> &'static str {
        self.words().title
    }

    /// The sentence for a person: lower case, no full stop.
    pub fn message(self) -> &'static str {
        self.words().message
    }

    /// The HTTP status that says it best.
    pub fn status(self) -> StatusCode {
        self.words().status
    }

    /// Whether it is worth trying again soon.
    pub fn is_temporary(self) -> bool {
        self.status() == StatusCode::SERVICE_UNAVAILABLE
    }
}
