//! What goes in and out of a [`Connection`](super::Connection).

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use standpipe_security::{AccessMask, Grant, Sid, Token};

use super::PipeId;
use crate::{Dialect, FileTime, NtStatus};

/// What time it is, as the shell sees it when it hands in an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since a moment of the shell's choice.
    pub monotonic: Duration,
    /// The time of day; only told to clients.
    pub wall: FileTime,
}

/// Names one open of a pipe within its connection. It is the volatile half of the protocol's FileId.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenId(pub(crate) u64);

/// Names one request to wait for a pipe within its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaitId(pub(crate) u64);

/// Names one session, over all connections of a server: the shell sees to it that no two have one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) u64);

impl SessionId {
    /// The session of this name in messages ([MS-SMB2] 2.2.1.2 *SessionId*).
    #[must_use]
    pub fn from_wire(id: u64) -> SessionId {
        SessionId(id)
    }
}

/// What the shell tells the connection.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes arrived from the client, split anywhere.
    Received(&'a [u8]),
    /// The time of [`Connection::next_timeout`](super::Connection::next_timeout) has come.
    Timeout,
    /// The answer to [`Output::Open`].
    Opened {
        /// Which open.
        open: OpenId,
        /// Whether the backend took it.
        result: Result<(), OpenFailure>,
    },
    /// The service wrote: one whole message in message mode, any bytes in byte mode.
    Data {
        /// Which open.
        open: OpenId,
        /// What the service wrote; a message may be empty.
        bytes: &'a [u8],
    },
    /// The answer to the oldest unanswered [`Output::Write`] of this open.
    Written {
        /// Which open.
        open: OpenId,
        /// Whether the backend took all of it.
        result: Result<(), WriteFailure>,
    },
    /// The service closed its end, after everything it wrote was handed in as [`Input::Data`].
    Closed {
        /// Which open.
        open: OpenId,
    },
    /// The service disconnected its end: what it wrote and was not read is lost
    /// (`DisconnectNamedPipe`).
    Disconnected {
        /// Which open.
        open: OpenId,
    },
    /// The answer to [`Output::Wait`].
    Waited {
        /// Which wait.
        wait: WaitId,
        /// Whether an instance of the pipe listens now; `false` when the time ran out.
        available: bool,
    },
    /// Another connection's [`Output::EndSession`] names this session of the same user: it ends with all it has.
    EndSession {
        /// Which session. One that has ended already is ignored.
        session: SessionId,
    },
    /// The server is about to stop: new log-ons, opens and waits are refused, what is in flight goes on.
    Drain,
}

/// Why a backend did not take an open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFailure {
    /// The service is not running or not listening now: the client may wait and try again.
    NotListening,
    /// Every instance of the pipe is in use.
    AllInstancesBusy,
    /// The service refused this caller.
    Refused,
    /// The server is at one of its limits.
    OutOfResources,
}

/// Why a backend did not take what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFailure {
    /// The service closed its end.
    Gone,
    /// The message is longer than the backend can carry.
    TooLong,
}

/// What the connection wants from the shell.
#[derive(Debug)]
pub enum Output {
    /// Connect this open to its pipe's backend and answer with [`Input::Opened`].
    ///
    /// The [`Grant`] proves that the session is authenticated and that its token passed the pipe's security
    /// descriptor.
    Open {
        /// Which open.
        open: OpenId,
        /// Which pipe, of [`Config::pipes`](super::Config::pipes).
        pipe: PipeId,
        /// What was granted.
        grant: Grant,
        /// Who asks.
        token: Arc<Token>,
        /// The account's name, for backends that ask and for the log.
        user: Arc<str>,
    },
    /// Write this to the backend (in message mode as one message) and answer with [`Input::Written`].
    Write {
        /// Which open.
        open: OpenId,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// The open is closed: close the backend. What was written stays readable by the service.
    Close {
        /// Which open.
        open: OpenId,
    },
    /// Tell with [`Input::Waited`] when an instance of the pipe listens, or when the time is over.
    Wait {
        /// Which wait.
        wait: WaitId,
        /// Which pipe.
        pipe: PipeId,
        /// How long at most.
        timeout: Duration,
        /// The account that waits.
        user: Arc<str>,
        /// Whether the pipe's descriptor would let it in at all. Everybody may wait for a pipe, but only for these
        /// does it make sense to keep a place.
        may_open: bool,
    },
    /// Nobody waits any more.
    CancelWait {
        /// Which wait.
        wait: WaitId,
    },
    /// Somebody has logged on. The shell must close the connection if a session of this name exists elsewhere.
    SessionStarted {
        /// Which session.
        session: SessionId,
        /// Whose it is, for as long as it lasts.
        account: Sid,
    },
    /// A session has ended.
    SessionEnded {
        /// Which session.
        session: SessionId,
    },
    /// The client says that this session is a former one of its own ([MS-SMB2] 3.3.5.5.3 *PreviousSessionId*), and
    /// has just proved to be `account`. If that is also whose session it is, the shell tells the connection that
    /// has it with [`Input::EndSession`]; otherwise nothing happens.
    EndSession {
        /// Which session. It is not one of this connection.
        session: SessionId,
        /// Who has logged on.
        account: Sid,
    },
    /// Something worth a line in the log or a counter.
    Event(Event),
    /// Send what is left and close the transport connection.
    Disconnect(DisconnectReason),
}

/// What happened, for the log and the counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The dialect was agreed on.
    Negotiated {
        /// The dialect.
        dialect: Dialect,
    },
    /// Somebody logged on.
    LoggedOn {
        /// The account's name.
        user: Arc<str>,
    },
    /// Somebody who had logged on did so again: the session counts anew.
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
        /// What the client was told.
        status: NtStatus,
        /// Why, for the administrator.
        reason: String,
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
        /// What the client was told.
        status: NtStatus,
        /// Why, for the administrator.
        reason: String,
    },
    /// A request's signature was missing or wrong.
    BadSignature {
        /// Whether there was none at all.
        missing: bool,
    },
}

/// Why the connection must be closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectReason {
    /// The client broke the protocol in a way that the specification answers with a closed connection.
    Protocol(&'static str),
    /// A frame was longer than what is allowed at this point.
    FrameTooLong {
        /// The length it announced, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Nobody logged on in time ([MS-SMB2] 3.3.6.3).
    LogonTimeout,
    /// Too many log-ons failed on this connection.
    TooManyFailedLogons,
    /// The client's negotiation was tampered with ([MS-SMB2] 3.3.5.15.12).
    NegotiationTampered,
    /// The server drains and nothing is open any more.
    Drained,
}
