//! What the shell hands to a [`Connection`](super::Connection).

use alloc::sync::Arc;
use core::time::Duration;

use standpipe_security::SecurityDescriptor;

use super::{OpenId, PipeMode, SessionId, WaitId};
use crate::FileTime;

/// The time at which the shell hands in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since a moment of the shell's choice.
    pub monotonic: Duration,
    /// The time of day; it only goes to clients.
    pub wall: FileTime,
}

/// An event for the connection.
#[derive(Debug)]
pub enum Input<'a> {
    /// Bytes arrived from the client, split anywhere.
    Received(&'a [u8]),
    /// The time of [`Connection::next_timeout`](super::Connection::next_timeout) has come.
    Timeout,
    /// The answer to [`Output::Open`](super::Output::Open).
    Opened {
        /// Which open.
        open: OpenId,
        /// The service's end, if the backend took the open. It is only used if its own descriptor lets the
        /// caller in too; otherwise [`Output::Close`](super::Output::Close) follows.
        result: Result<ServiceEnd, OpenFailure>,
    },
    /// The service wrote: one whole message in message mode, any bytes in byte mode.
    Data {
        /// Which open.
        open: OpenId,
        /// What the service wrote; a message may be empty.
        bytes: &'a [u8],
    },
    /// The answer to the oldest unanswered [`Output::Write`](super::Output::Write) of this open.
    Written {
        /// Which open.
        open: OpenId,
        /// Whether the backend took all of it.
        result: Result<(), WriteFailure>,
    },
    /// How much of what the backend took for this open the service has not read, in bytes: after a write, and
    /// whenever the shell has looked. A shell may leave out what
    /// [`budget::OPEN_FLOOR`](super::budget::OPEN_FLOOR) covers.
    Unread {
        /// Which open.
        open: OpenId,
        /// How many bytes.
        bytes: usize,
    },
    /// The service closed its end, after everything it wrote was handed in as [`Input::Data`].
    Closed {
        /// Which open.
        open: OpenId,
    },
    /// The service disconnected its end (`DisconnectNamedPipe`): its data that was not read is lost.
    Disconnected {
        /// Which open.
        open: OpenId,
    },
    /// The way to the service is gone, after everything that came over it was handed in as [`Input::Data`]:
    /// nobody knows whether the service wrote more, so no reply may pass for a whole one.
    Lost {
        /// Which open.
        open: OpenId,
    },
    /// The answer to [`Output::Wait`](super::Output::Wait).
    Waited {
        /// Which wait.
        wait: WaitId,
        /// Whether the pipe listens now; `false` when the time ran out.
        available: bool,
    },
    /// Another connection's [`Output::EndSession`](super::Output::EndSession) names this session of the same
    /// user: the session ends with everything in it.
    EndSession {
        /// Which session. One that has ended already is ignored.
        session: SessionId,
    },
    /// The account of this session was removed or disabled: the session ends with everything in it.
    AccountGone {
        /// Which session. One that has ended already is ignored.
        session: SessionId,
    },
    /// The server is about to stop: new log-ons, opens and waits are refused, requests in flight go on. Opens
    /// on which none is, and has been for a second, do not hold up the end of the connection.
    Drain,
}

/// The service's end of a pipe to which the backend has connected an open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEnd {
    /// Whether writes are messages or bytes.
    pub mode: PipeMode,
    /// The security descriptor that the service has put on the pipe, where pipes carry one.
    pub descriptor: Option<Arc<SecurityDescriptor>>,
}

impl From<PipeMode> for ServiceEnd {
    /// An end without a descriptor of its own.
    fn from(mode: PipeMode) -> Self {
        Self { mode, descriptor: None }
    }
}

/// Why a backend did not take an open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFailure {
    /// The service closed its end.
    Gone,
    /// The way to the service is gone: the write may have reached it.
    Lost,
    /// The message is longer than the backend can carry.
    TooLong,
}
