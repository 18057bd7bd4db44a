//! What a [`Connection`](super::Connection) asks of the shell.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use standpipe_security::{Grant, Sid, Token};

use super::{DisconnectReason, Event, OpenId, PipeId, SessionId, WaitId};

/// A request to the shell.
#[derive(Debug)]
pub enum Output {
    /// Connect this open to its pipe's backend and answer with [`Input::Opened`](super::Input::Opened).
    ///
    /// The [`Grant`] proves that the session is authenticated and that its token passed the security
    /// descriptor of [`Config::pipes`](super::Config::pipes), where the pipe has one there. Nothing may be
    /// written to the service before the descriptor of the service's end has been checked as well: before
    /// [`Connection::is_connected`](super::Connection::is_connected) answers `true`.
    Open {
        /// Which open.
        open: OpenId,
        /// Which pipe, of [`Config::pipes`](super::Config::pipes).
        pipe: PipeId,
        /// What was granted.
        grant: Grant,
        /// The user's identity.
        token: Arc<Token>,
        /// The account's name, for backends that ask and for the log.
        user: Arc<str>,
    },
    /// Write this to the backend (in message mode as one message) and answer with
    /// [`Input::Written`](super::Input::Written).
    Write {
        /// Which open.
        open: OpenId,
        /// What to write.
        bytes: Vec<u8>,
    },
    /// The open is closed: close the backend. The service can still read what was written.
    Close {
        /// Which open.
        open: OpenId,
    },
    /// Answer with [`Input::Waited`](super::Input::Waited) when the pipe listens, or when the time is over.
    Wait {
        /// Which wait.
        wait: WaitId,
        /// Which pipe.
        pipe: PipeId,
        /// How long at most.
        timeout: Duration,
        /// The account that waits.
        user: Arc<str>,
        /// Whether the pipe's descriptor would let the account in at all. Every account may wait for a pipe,
        /// but only these need a turn in the pipe's queue.
        may_open: bool,
    },
    /// The client does not wait any more.
    CancelWait {
        /// Which wait.
        wait: WaitId,
    },
    /// A user has logged on, and the client has shown the key. The shell must close the connection if a
    /// session of this name exists elsewhere.
    SessionStarted {
        /// Which session.
        session: SessionId,
        /// The account of its user, which never changes.
        account: Sid,
        /// The account's name.
        user: Arc<str>,
    },
    /// A session has ended.
    SessionEnded {
        /// Which session.
        session: SessionId,
    },
    /// The client names a former session of its own ([MS-SMB2] 3.3.5.5.3 *PreviousSessionId*), and has just
    /// proved to be `account` and shown the key. If the session belongs to that account, the shell hands
    /// [`Input::EndSession`](super::Input::EndSession) to the connection that has it; otherwise nothing
    /// happens.
    EndSession {
        /// Which session. It is not one of this connection.
        session: SessionId,
        /// The account that has logged on.
        account: Sid,
    },
    /// An event for the log or a counter.
    Event(Event),
    /// Send what is left and close the transport connection.
    Disconnect(DisconnectReason),
}
