//! Where a served pipe leads on this machine.
//!
//! | backend | made with | messages | who serves |
//! | --- | --- | --- | --- |
//! | the socket of a service in a folder of pipes | [`Backend::local`] | yes | a [`PipeListener`](crate::listener::PipeListener) |
//! | any Unix socket | [`Backend::unix`] | yes | whoever made it |
//! | a Unix socket of known users, wherever it is | [`Backend::unix_of`] | yes | one of these users |
//! | the socket of a .NET service | [`Backend::dotnet`] | no | `NamedPipeServerStream` |
//! | a TCP port | [`Backend::tcp`] | no | whoever listens there |
//! | a named pipe of Windows | [`Backend::native`] | yes | the service that has made it |
//! | a function in this process | [`Backend::handler`] | yes | it is called for each open |
//! | anything else | [`Backend::connector`] | yes | what a [`Connector`] connects to |
//!
//! A backend is only ever asked for a connection on behalf of a caller who is logged on and has passed the
//! pipe's access check.

mod dotnet;
mod handler;
mod slot;
mod socket;
mod tcp;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use standpipe_security::{Grant, Token};

use crate::caller::Caller;
use crate::connection::PipeConnection;
use crate::native::NativePipe;
use crate::{Mode, PipeName, greeting};
use standpipe_system::user::User;

pub use slot::Slot;

use dotnet::DotnetSocket;
use handler::Handler;
use socket::{LocalSocket, Trust};
use tcp::TcpPort;

/// How long a connection to a service may take unless another time is set.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the server finds the service behind a pipe. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Backend {
    /// `None` where only the connection tells.
    mode: Option<Mode>,
    place: Place,
    connect_timeout: Duration,
    tells_caller: bool,
}

#[derive(Clone)]
enum Place {
    Socket(LocalSocket),
    Dotnet(DotnetSocket),
    Tcp(TcpPort),
    Native(NativePipe),
    Handler(Handler),
    Connector(Arc<dyn Connector>),
}

/// A way to a service that this crate does not know.
pub trait Connector: Send + Sync {
    /// Connects to the service on behalf of `caller`. If a mode was given to [`Backend::connector`], the
    /// connection must have it. Dropping the future gives it up.
    ///
    /// A connection with a descriptor ([`PipeConnection::with_descriptor`]) is used only if that lets the
    /// caller in. Nothing may reach the service before.
    ///
    /// [`io::ErrorKind::NotFound`] says that nobody listens, [`io::ErrorKind::WouldBlock`] that the service
    /// takes no further client now.
    ///
    /// `slot` is the open's share of a pipe that limits its clients, to be dropped when the service can take
    /// another client instead.
    fn connect(&self, caller: Caller, slot: Slot) -> ConnectFuture;

    /// Whether the service could be connected to now. It does not notice that it was asked.
    fn is_available(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;

    /// What it is, for log lines.
    fn describe(&self) -> String;
}

/// A connection that a [`Connector`] makes.
pub type ConnectFuture = Pin<Box<dyn Future<Output = io::Result<PipeConnection>> + Send>>;

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
    /// The service's pipe has another mode than the one that was set.
    #[error("{backend} is a pipe in {actual} mode, and {expected} mode is set for it")]
    WrongMode {
        /// The backend.
        backend: String,
        /// The mode of the service's pipe.
        actual: Mode,
        /// The mode that was set.
        expected: Mode,
    },
    /// It took too long.
    #[error("{backend} did not take a connection within {} s", after.as_secs_f64())]
    TimedOut {
        /// The backend.
        backend: String,
        /// How long was waited.
        after: Duration,
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
pub struct Opening {
    /// The client that opens the pipe.
    pub caller: Caller,
    /// Its share of a pipe that limits its clients.
    pub slot: Slot,
}

/// An open that is connected.
#[derive(Debug)]
pub struct Connected {
    /// The server's end of the pipe.
    pub connection: PipeConnection,
    /// Its share of a pipe that limits its clients, unless the service's side keeps it.
    pub slot: Option<Slot>,
    /// What the service has to read before anything else: who its caller is ([`Backend::with_greeting`]). To
    /// be written once the caller has passed every access check; a new connection has room for it.
    pub greeting: Option<Vec<u8>>,
}

impl Connected {
    fn new(connection: PipeConnection, slot: Option<Slot>) -> Self {
        Self { connection, slot, greeting: None }
    }
}

/// A connection that is on its way. Dropping it gives it up.
pub type Connecting = Pin<Box<dyn Future<Output = Result<Connected, BackendError>> + Send>>;

/// What came of asking for a connection.
pub enum Attempt {
    /// The service was connected to at once, or cannot be.
    Done(Result<Connected, BackendError>),
    /// It takes a while.
    Later(Connecting),
}

impl Backend {
    fn new(mode: impl Into<Option<Mode>>, place: Place) -> Self {
        Self { mode: mode.into(), place, connect_timeout: CONNECT_TIMEOUT, tells_caller: false }
    }

    /// The socket that a service which listens with [`PipeListener`](crate::listener::PipeListener) in
    /// `directory` puts there.
    ///
    /// The service may be less trusted than the server: a link in the folder is not followed, and whoever
    /// listens must be the owner of the socket's file. Otherwise a service could lead the server, with the
    /// server's rights, to any socket of the machine. Without a mode it is one of messages.
    ///
    /// On Windows pipes are in no folder: this is the [native](Self::native) pipe of that name, and without a
    /// mode it has its own.
    pub fn local(directory: &Path, name: &PipeName, mode: impl Into<Option<Mode>>) -> Self {
        let mode = mode.into();
        if cfg!(windows) {
            let native = Self::native(name);
            return mode.map_or(native.clone(), |mode| native.with_mode(mode));
        }
        let mode = mode.unwrap_or_default();
        let path = directory.join(name.as_str());
        Self::new(mode, Place::Socket(LocalSocket::new(path, mode, Trust::Owner)))
    }

    /// The Unix socket at `path`: `SOCK_SEQPACKET` in message mode, `SOCK_STREAM` in byte mode. The path is
    /// trusted to lead to the service.
    pub fn unix(path: impl Into<PathBuf>, mode: Mode) -> Self {
        Self::new(mode, Place::Socket(LocalSocket::new(path.into(), mode, Trust::Path)))
    }

    /// The Unix socket at `path`, in a folder that everybody may write to, such as `/tmp`: the path must not
    /// be a link, and who listens must own the socket's file and be one of `users`, given by their numbers.
    /// Somebody else who was there first is not connected to.
    pub fn unix_of(path: impl Into<PathBuf>, mode: Mode, users: impl Into<Arc<[User]>>) -> Self {
        let trust = Trust::Users(users.into());
        Self::new(mode, Place::Socket(LocalSocket::new(path.into(), mode, trust)))
    }

    /// The Unix socket at which a .NET service listens with `NamedPipeServerStream`:
    /// `$TMPDIR/CoreFxPipe_NAME`, which carries bytes (on Unix .NET refuses message mode). As
    /// [`Self::unix_of`]: `user`, or without one this process's own, and root are who may listen there. Where
    /// this process may, it connects as that user, as `PipeOptions.CurrentUserOnly` demands.
    ///
    /// Such a service listens only while one of its streams exists, and drops whoever is in its queue when
    /// the last one goes. So a connection counts once the service has accepted it, and until then is made
    /// again and again within the time for connecting.
    pub fn dotnet(path: impl Into<PathBuf>, user: Option<User>) -> Self {
        let mut users = User::administrators().to_vec();
        users.push(user.unwrap_or_else(User::own));
        Self::new(Mode::Byte, Place::Dotnet(DotnetSocket::new(path.into(), users.into())))
    }

    /// The pipe `\\.\pipe\NAME` of Windows, opened anew for each client. Its mode and its security descriptor
    /// are the service's; see [`NativePipe`] for who waits how long. Other systems have no such pipes.
    pub fn native(name: &PipeName) -> Self {
        Self::new(None, Place::Native(NativePipe::new(name)))
    }

    /// Sets the mode that connections must have, where the service's side decides it: of a native pipe, or of
    /// a connector's. An open of a pipe in another mode fails.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        if matches!(self.place, Place::Native(_) | Place::Connector(_)) {
            self.mode = Some(mode);
        }
        self
    }

    /// The TCP port of a host, given by name or address; it carries bytes. All addresses of a name are tried.
    ///
    /// Nothing protects what is said between the server and the service, so the host should be this one.
    pub fn tcp(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self::new(Mode::Byte, Place::Tcp(TcpPort::new(host.into(), port)))
    }

    /// Whatever `connector` connects to. With a mode, connections must have it; without one
    /// (`None`), each connection says what it carries.
    pub fn connector(mode: impl Into<Option<Mode>>, connector: impl Connector + 'static) -> Self {
        Self::new(mode, Place::Connector(Arc::new(connector)))
    }

    /// A function of this process, called for each open with the service's end of the pipe. No socket is
    /// between them.
    ///
    /// What it returns runs as a task of its own. [`PipeConnection::caller`] says who opened the pipe.
    /// Reading comes to an end when the client has closed it; the client sees the end when the function drops
    /// the connection or returns. An open keeps its slot until the function has returned. A direction holds
    /// 256 KiB before its writer waits; a longer message passes by itself.
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
    /// assert_eq!(greeter.mode(), Some(Mode::Message));
    /// ```
    pub fn handler<H, F>(mode: Mode, handler: H) -> Self
    where
        H: Fn(PipeConnection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::new(mode, Place::Handler(Handler::new(mode, handler)))
    }

    /// Sets how long a connection may take, the wait for a place in the service's queue included;
    /// [`CONNECT_TIMEOUT`] until then.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Tells the service who its caller is, before anything else that it reads: in one line of JSON, which
    /// [`PipeConnection::introduced`] understands. Of no use with a function of this process, which knows
    /// anyway.
    #[must_use]
    pub fn with_greeting(mut self) -> Self {
        self.tells_caller = true;
        self
    }

    /// What it carries, where that is known before there is a connection
    /// ([`PipeConnection::mode`] says it then).
    pub fn mode(&self) -> Option<Mode> {
        self.mode
    }

    /// Whether the service listens now; see [`Self::check`].
    pub async fn is_available(&self) -> bool {
        self.check().await.is_ok()
    }

    /// Whether an open would find the service listening now, in the right mode and as the right user. It does
    /// not notice that it was asked, save at a TCP port, where a connection is made and closed; who asks at
    /// about the same time is told of the same one.
    ///
    /// # Errors
    /// What an open would fail with.
    pub async fn check(&self) -> Result<(), BackendError> {
        let is_available = match &self.place {
            Place::Socket(socket) => return socket.check(),
            Place::Dotnet(socket) => return socket.check().await,
            Place::Tcp(port) => port.is_available(self.connect_timeout).await,
            Place::Native(pipe) => pipe.is_available().await,
            Place::Handler(_) => true,
            Place::Connector(connector) => connector.is_available().await,
        };
        if is_available { Ok(()) } else { Err(BackendError::NotListening { backend: self.to_string() }) }
    }

    /// Removes the socket that a service which was killed has left in a folder of pipes: many a service
    /// cannot listen where a file is. Nothing happens while somebody listens, and to sockets elsewhere.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove_remains(&self) -> io::Result<()> {
        match &self.place {
            Place::Socket(socket) => socket.remove_remains(),
            _ => Ok(()),
        }
    }

    /// Whether its connections may carry a security descriptor of the service's own
    /// ([`PipeConnection::descriptor`]). A pipe of any other backend needs one in the configuration.
    pub fn has_own_descriptor(&self) -> bool {
        matches!(self.place, Place::Native(_) | Place::Connector(_))
    }

    /// Connects to the service. The grant proves that the caller passed the access check of the
    /// configuration. Where the connection has a descriptor of its own ([`PipeConnection::descriptor`]), the
    /// caller has to pass that as well before a byte may be written.
    pub fn connect(&self, _grant: Grant, opening: Opening) -> Attempt {
        self.connect_for(opening)
    }

    /// Connects to the service for nobody but this process, which wants to know whether the service works.
    /// `pipe` is the pipe's name. A service that is told of its caller ([`Self::with_greeting`]) hears of
    /// `standpipe-probe`, who is nobody that could have logged on (`S-1-5-7`).
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_to_probe(&self, pipe: &str) -> Result<PipeConnection, BackendError> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let caller = Caller::new("standpipe-probe".into(), Arc::new(Token::anonymous()), here, pipe.into());
        let connected = match self.connect_for(Opening { caller, slot: Slot::unlimited() }) {
            Attempt::Done(result) => result?,
            Attempt::Later(connecting) => connecting.await?,
        };
        if let Some(greeting) = &connected.greeting {
            let written = match connected.connection.mode() {
                Mode::Message => connected.connection.write_message(greeting).await,
                Mode::Byte => connected.connection.write_all(greeting).await,
            };
            written.map_err(|error| BackendError::Io {
                backend: self.to_string(),
                source: io::Error::other(error),
            })?;
        }
        Ok(connected.connection)
    }

    fn connect_for(&self, opening: Opening) -> Attempt {
        let caller = self.tells_caller.then(|| opening.caller.clone());
        let attempt = match &self.place {
            Place::Socket(socket) => socket.connect(opening, self.connect_timeout),
            Place::Dotnet(socket) => socket.connect(opening, self.connect_timeout),
            Place::Tcp(port) => port.connect(opening, self.connect_timeout),
            Place::Native(pipe) => {
                let (pipe, mode) = (pipe.clone().with_connect_timeout(self.connect_timeout), self.mode);
                Attempt::Later(Box::pin(async move {
                    let connection = pipe.open().await?;
                    with_expected(connection, Some(opening.slot), mode, || pipe.to_string())
                }))
            }
            Place::Handler(handler) => return Attempt::Done(Ok(handler.connect(opening))),
            Place::Connector(connector) => {
                let connecting = connector.connect(opening.caller, opening.slot);
                let (backend, timeout, mode) = (connector.describe(), self.connect_timeout, self.mode);
                Attempt::Later(Box::pin(connected_in_time(connecting, backend, timeout, mode)))
            }
        };
        match (caller, attempt) {
            (None, attempt) => attempt,
            (Some(caller), Attempt::Done(result)) => {
                Attempt::Done(result.map(|connected| introduce(connected, &caller)))
            }
            (Some(caller), Attempt::Later(connecting)) => {
                Attempt::Later(Box::pin(async move { Ok(introduce(connecting.await?, &caller)) }))
            }
        }
    }
}

async fn connected_in_time(
    connecting: ConnectFuture,
    backend: String,
    timeout: Duration,
    mode: Option<Mode>,
) -> Result<Connected, BackendError> {
    match tokio::time::timeout(timeout, connecting).await {
        Ok(Ok(connection)) => with_expected(connection, None, mode, || backend),
        Ok(Err(source)) => Err(match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                BackendError::NotListening { backend }
            }
            io::ErrorKind::WouldBlock => BackendError::Busy { backend },
            _ => BackendError::Io { backend, source },
        }),
        Err(_) => Err(BackendError::TimedOut { backend, after: timeout }),
    }
}

/// A connection whose mode is known only now.
fn with_expected(
    connection: PipeConnection,
    slot: Option<Slot>,
    expected: Option<Mode>,
    backend: impl FnOnce() -> String,
) -> Result<Connected, BackendError> {
    match (connection.mode(), expected) {
        (actual, Some(expected)) if actual != expected => {
            Err(BackendError::WrongMode { backend: backend(), actual, expected })
        }
        _ => Ok(Connected::new(connection, slot)),
    }
}

/// Has a service told who its caller is.
fn introduce(connected: Connected, caller: &Caller) -> Connected {
    let greeting = greeting::write(caller, connected.connection.mode());
    Connected { greeting: Some(greeting), ..connected }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Socket(socket) => socket.fmt(f),
            Place::Dotnet(socket) => socket.fmt(f),
            Place::Tcp(port) => port.fmt(f),
            Place::Native(pipe) => pipe.fmt(f),
            Place::Handler(_) => f.write_str("a function of this process"),
            Place::Connector(connector) => f.write_str(&connector.describe()),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(socket) => socket.fmt(f),
            Self::Dotnet(socket) => socket.fmt(f),
            Self::Tcp(port) => port.fmt(f),
            Self::Native(pipe) => pipe.fmt(f),
            Self::Handler(_) => f.write_str("Handler"),
            Self::Connector(connector) => f.write_str(&connector.describe()),
        }
    }
}
