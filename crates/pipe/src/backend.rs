//! Where a served pipe leads on this machine.
//!
//! | backend | made with | messages | who listens there |
//! | --- | --- | --- | --- |
//! | the socket of a service in a folder of pipes | [`Backend::local`] | yes | a [`PipeListener`](crate::listener::PipeListener) |
//! | any Unix socket | [`Backend::unix`] | yes | whoever made it |
//! | a function in this process | [`Backend::handler`] | yes | nobody: it is called for each open |
//!
//! A backend is only ever asked for a connection on behalf of a caller who is logged on and has passed the pipe's
//! access check.

mod handler;
mod socket;

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use standpipe_security::Grant;

use crate::caller::Caller;
use crate::connection::PipeConnection;
use crate::server::Instance;
use crate::{Mode, PipeName};

use handler::Handler;
use socket::{LocalSocket, Trust};

/// Where the server finds the service behind a pipe. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Backend {
    mode: Mode,
    place: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Socket(LocalSocket),
    Handler(Handler),
}

/// Why a service could not be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackendError {
    /// Nobody listens.
    #[error("nobody listens at {backend}")]
    NotListening {
        /// The backend.
        backend: String,
    },
    /// The service does not accept its clients fast enough.
    #[error("the queue of new clients at {backend} is full")]
    Busy {
        /// The backend.
        backend: String,
    },
    /// The operating system refused.
    #[error("cannot connect to {backend}")]
    Io {
        /// The backend.
        backend: String,
        /// Why.
        source: io::Error,
    },
}

/// One open that wants to be connected.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) caller: Caller,
    /// Its share of the pipe's instances.
    pub(crate) instance: Instance,
}

/// An open that is connected.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) connection: PipeConnection,
    /// The share of the pipe's instances, unless the service's side keeps it.
    pub(crate) instance: Option<Instance>,
}

/// A connection that is on its way. Dropping it gives it up.
pub(crate) type Connecting = Pin<Box<dyn Future<Output = Result<Connected, BackendError>> + Send>>;

/// What came of asking for a connection.
pub(crate) enum Attempt {
    Done(Result<Connected, BackendError>),
    Later(Connecting),
}

impl Backend {
    /// The socket that a service which listens with [`PipeListener`](crate::listener::PipeListener) in `directory`
    /// puts there.
    ///
    /// The service may be less trusted than the server: a link in the folder is not followed, and whoever listens
    /// must be the owner of the socket's file. Otherwise a service could lead the server, with the server's rights,
    /// to any socket of the machine.
    pub fn local(directory: &Path, name: &PipeName, mode: Mode) -> Backend {
        let path = directory.join(name.as_str());
        Backend { mode, place: Place::Socket(LocalSocket { path, trust: Trust::Owner }) }
    }

    /// The Unix socket at `path`: `SOCK_SEQPACKET` in message mode, `SOCK_STREAM` in byte mode. The path is trusted
    /// to lead to the service.
    pub fn unix(path: impl Into<PathBuf>, mode: Mode) -> Backend {
        Backend { mode, place: Place::Socket(LocalSocket { path: path.into(), trust: Trust::Path }) }
    }

    /// A function of this process, called for each open with the service's end of the pipe. No socket is between
    /// them.
    ///
    /// What it returns runs as a task of its own. [`PipeConnection::caller`] says who opened the pipe. Reading comes
    /// to an end when the client has closed it; the client sees the end when the function drops the connection or
    /// returns. An open counts against [`PipeOffer::max_instances`](crate::server::PipeOffer::max_instances) until
    /// the function has returned. A direction holds 256 KiB before its writer waits; a longer message passes by
    /// itself.
    ///
    /// ```
    /// use standpipe_pipe::Mode;
    /// use standpipe_pipe::backend::Backend;
    ///
    /// let greeter = Backend::handler(Mode::Message, |pipe| async move {
    ///     let name = pipe.caller().map(|caller| caller.account().to_owned()).unwrap_or_default();
    ///     while let Ok(Some(message)) = pipe.read_message().await {
    ///         let reply = format!("{name} said {}", String::from_utf8_lossy(&message));
    ///         if pipe.write_message(reply.as_bytes()).await.is_err() {
    ///             break;
    ///         }
    ///     }
    /// });
    /// assert_eq!(greeter.mode(), Mode::Message);
    /// ```
    pub fn handler<H, F>(mode: Mode, handler: H) -> Backend
    where
        H: Fn(PipeConnection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Backend { mode, place: Place::Handler(Handler::new(handler)) }
    }

    /// What it carries.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether the service listens now. It does not notice that it was asked.
    pub fn is_available(&self) -> bool {
        match &self.place {
            Place::Socket(socket) => socket.is_available(),
            Place::Handler(_) => true,
        }
    }

    /// Connects to the service. The grant proves that the caller passed the access check: without one, no byte
    /// reaches a service.
    pub(crate) fn connect(&self, _grant: Grant, opening: Opening) -> Attempt {
        match &self.place {
            Place::Socket(socket) => socket.connect(self.mode, opening),
            Place::Handler(handler) => Attempt::Done(Ok(handler.connect(self.mode, opening))),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Socket(socket) => socket.fmt(f),
            Place::Handler(_) => f.write_str("a function of this process"),
        }
    }
}
