//! What a [`Connection`](super::Connection) asks of the shell.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use standpipe_security::{Grant, Sid, Token};

use super::{DisconnectReason, Event, OpenId, PipeId, SessionId, WaitId};

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
