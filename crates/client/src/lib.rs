#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

mod address;
pub mod balancer;
mod credentials;
mod driver;
mod error;
mod pipe;
mod pool;
pub mod relay;
pub mod text;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use standpipe_smb::client::{
    Config, Connection, ConnectionError, Operation, READ_WRITE, Ready, Reply, RequestError, Stage,
};
use standpipe_smb::{FileTime, NtStatus};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

pub use address::{AddressError, DEFAULT_PORT, PipeAddress, ServerAddress};
pub use credentials::Credentials;
pub use error::ClientError;
pub use pipe::Pipe;
pub use pool::{Pool, PoolOptions};
pub use standpipe_smb::client::Encryption;
pub use standpipe_smb::crypto::{SigningAlgorithm, provider as crypto};

use driver::{Command, Driver};
use standpipe_pipe::{Mode, PipeName};
use standpipe_transport::deadline::after;

/// How long connecting and logging on may take unless the caller says otherwise.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How a connection is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// How long connecting and logging on may take, both together.
    pub timeout: Duration,
    /// Whether what goes over the connection is encrypted.
    pub encryption: Encryption,
    /// The only signing algorithm offered in SMB 3.1.1; `None` for all of them, the fastest first.
    pub signing: Option<SigningAlgorithm>,
    /// What signs and encrypts.
    pub crypto: &'static dyn crypto::Provider,
    /// The address of this machine to connect from; `None` for the one that the system chooses.
    pub from: Option<IpAddr>,
    /// The session ([`Ready::session_id`]) of an earlier connection that this one takes the place of: the
    /// server ends it, with what was open in it, so that a limited pipe is free again for who lost a
    /// connection to it.
    pub previous_session: Option<u64>,
    /// How long the server may say nothing until it is asked for a sign of life. When it stays silent for as
    /// long again, the connection is given up as lost. `None` never asks.
    pub keep_alive: Option<Duration>,
}

impl Default for ConnectOptions {
    /// 10 s; encrypted where the server asks for it; asked for a sign of life after 30 s.
    fn default() -> Self {
        Self {
            timeout: DEFAULT_CONNECT_TIMEOUT,
            encryption: Encryption::default(),
            signing: None,
            crypto: crypto::RUST_CRYPTO,
            from: None,
            previous_session: None,
            keep_alive: Some(Duration::from_secs(30)),
        }
    }
}

/// What opening a pipe is called in [`ClientError::Refused`].
const OPEN: &str = "open";

/// How long the server is asked to wait at once when a pipe is busy.
const WAIT_SLICE: Duration = Duration::from_secs(5);

/// Pause before a busy pipe is tried again after the server said that it is free: others were faster.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// How long a service is quiet when its reply is over, unless the caller says otherwise.
pub const DEFAULT_QUIET: Duration = Duration::from_millis(200);

/// Where a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReplyEnd {
    /// Where a person would say that it ends. On a pipe of messages, that is with the first message. On a
    /// pipe of bytes, whatever [`CallOptions::mode`] says, and on one where the service has spoken before it
    /// was asked, it is as with [`Self::Quiet`].
    #[default]
    Usual,
    /// Where the service closes or disconnects the pipe: everything it wrote is the reply. A service that
    /// wrote nothing at all, not even an empty message, gave none ([`ClientError::NoReply`]).
    Disconnect,
    /// With the first message; only for pipes of messages ([`ClientError::NoMessages`]).
    Message,
    /// Where the service closes or disconnects the pipe, or has written something and then nothing for
    /// [`CallOptions::quiet`].
    Quiet,
}

/// How a call is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOptions {
    /// What the pipe carries: a request is one message, or bytes that may be written in parts, so that it can
    /// be of any length.
    pub mode: Mode,
    /// Where the reply ends.
    pub reply_end: ReplyEnd,
    /// How long a service that has begun its reply may write nothing until the reply counts as over, where
    /// that is how a reply ends.
    pub quiet: Duration,
    /// How long to wait for a pipe that is busy.
    pub wait_for_pipe: Duration,
    /// How long the reply may take, from the request to its end.
    pub reply_timeout: Duration,
    /// The longest reply taken, in bytes.
    pub max_reply: usize,
}

impl Default for CallOptions {
    /// The request is a message, the reply ends where it usually does, with 200 ms of quiet on a pipe of
    /// bytes; 10 s for a busy pipe, 30 s and 16 MiB for the reply.
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            reply_end: ReplyEnd::default(),
            quiet: DEFAULT_QUIET,
            wait_for_pipe: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(30),
            max_reply: 16 * 1024 * 1024,
        }
    }
}

/// A connection to a server on which a user is logged on. Clones are handles to the same connection.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: ServerAddress,
    user: String,
    ready: Ready,
    /// How long the server may take for what needs no word of the service.
    patience: Duration,
    commands: mpsc::UnboundedSender<Command>,
    next_token: AtomicU64,
    closed: watch::Receiver<Option<ConnectionError>>,
}

impl Client {
    /// Connects to `server` and logs on.
    pub async fn connect(
        server: &ServerAddress,
        credentials: &Credentials,
        options: &ConnectOptions,
    ) -> Result<Self, ClientError> {
        let timeout = options.timeout;
        let connecting = Self::connect_without_limit(server, credentials, options);
        match tokio::time::timeout(timeout, connecting).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::ConnectTimeout { server: server.clone(), timeout }),
        }
    }

    async fn connect_without_limit(
        server: &ServerAddress,
        credentials: &Credentials,
        options: &ConnectOptions,
    ) -> Result<Self, ClientError> {
        let unreachable =
            |error: io::Error| ClientError::Unreachable { server: server.clone(), source: Arc::new(error) };
        let stream = connect(server, options.from).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        standpipe_transport::keep_alive::keep_alive(&stream).map_err(unreachable)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| unreachable(io::Error::other(error)))?;

        let mut config = Config::new(server.host(), credentials.for_wire());
        config.encryption = options.encryption;
        config.crypto = options.crypto;
        config.previous_session = options.previous_session;
        if let Some(algorithm) = options.signing {
            config.signing = vec![algorithm];
        }
        // The caller's limit ends first and covers both; this one ends what nobody waits for any more.
        config.limits.handshake_timeout = options.timeout.saturating_add(Duration::from_secs(1));
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let connection = Connection::new(config, seed, Duration::ZERO, FileTime::from_unix(since_1970));

        let (commands, command_receiver) = mpsc::unbounded_channel();
        let (ready_sender, ready) = oneshot::channel();
        let (closed_sender, closed) = watch::channel(None);
        let driver = Driver::new(connection, stream, command_receiver, ready_sender, closed_sender);
        tokio::spawn(driver.keeping_alive(options.keep_alive).run());
        let ready = match ready.await {
            Ok(Ok(ready)) => ready,
            Ok(Err(ConnectionError::Refused { stage: Stage::LogOn, status })) => {
                let user = credentials.user().to_owned();
                return Err(ClientError::LogOnFailed { server: server.clone(), user, status });
            }
            Ok(Err(source)) => return Err(ClientError::Handshake { server: server.clone(), source }),
            Err(_) => {
                let source = ConnectionError::Disconnected;
                return Err(ClientError::Handshake { server: server.clone(), source });
            }
        };
        let user = credentials.user().to_owned();
        let next_token = AtomicU64::new(0);
        Ok(Self {
            shared: Arc::new(Shared {
                server: server.clone(),
                user,
                ready,
                patience: options.timeout,
                commands,
                next_token,
                closed,
            }),
        })
    }

    /// The server it is connected to.
    pub fn server(&self) -> &ServerAddress {
        &self.shared.server
    }

    /// What client and server agreed on.
    pub fn ready(&self) -> Ready {
        self.shared.ready
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        self.shared.closed.borrow().is_some() || self.shared.commands.is_closed()
    }

    /// Waits until the connection is over, and says why.
    pub async fn closed(&self) -> ConnectionError {
        let mut closed = self.shared.closed.clone();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.unwrap_or(ConnectionError::Disconnected),
            Err(_) => ConnectionError::Disconnected,
        }
    }

    /// Whether both are handles to the same connection.
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Opens a pipe for reading and writing, now or not at all. A server that does not answer within
    /// [`ConnectOptions::timeout`] counts as not connected.
    pub async fn open(&self, name: &PipeName) -> Result<Pipe, ClientError> {
        let operation = Operation::Open { name: name.as_str().to_owned().into(), access: READ_WRITE };
        let timeout = self.shared.patience;
        let Ok(answer) = tokio::time::timeout(timeout, self.ask(operation)).await else {
            return Err(ClientError::ConnectTimeout { server: self.shared.server.clone(), timeout });
        };
        match answer {
            Ok(Reply::Opened(open)) => Ok(Pipe::new(self.clone(), self.address(name), open)),
            Ok(_) => Err(self.lost(false)),
            Err(error) => Err(self.open_error(name, error)),
        }
    }

    /// Opens a pipe, and waits up to `timeout` for one that is busy.
    pub async fn open_when_free(&self, name: &PipeName, timeout: Duration) -> Result<Pipe, ClientError> {
        let deadline = after(Instant::now(), timeout);
        loop {
            let busy = match self.open(name).await {
                Err(error @ ClientError::PipeBusy { .. }) => error,
                opened => return opened,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.wait(name, left.min(WAIT_SLICE)).await? && Instant::now() >= deadline {
                return Err(busy);
            }
            tokio::time::sleep(BUSY_PAUSE.min(left)).await;
        }
    }

    /// Waits until the pipe can be opened; `false` when `timeout` was over first. A server that does not say
    /// even that within [`ConnectOptions::timeout`] counts as not connected.
    pub async fn wait(&self, name: &PipeName, timeout: Duration) -> Result<bool, ClientError> {
        let ask = self.ask(Operation::Wait { name: name.as_str().to_owned().into(), timeout });
        let timeout = timeout.saturating_add(self.shared.patience);
        let Ok(answer) = tokio::time::timeout(timeout, ask).await else {
            return Err(ClientError::ConnectTimeout { server: self.shared.server.clone(), timeout });
        };
        match answer {
            Ok(_) => Ok(true),
            Err(RequestError::Refused(NtStatus::IO_TIMEOUT)) => Ok(false),
            Err(error) => Err(self.open_error(name, error)),
        }
    }

    /// One request and its reply on a pipe of its own: opens it, writes, reads, closes.
    pub async fn call(
        &self,
        name: &PipeName,
        request: &[u8],
        options: &CallOptions,
    ) -> Result<Vec<u8>, ClientError> {
        let mut reply = Vec::new();
        self.call_into(name, request, options, &mut reply).await?;
        Ok(reply)
    }

    /// The same, and puts into `reply` what comes as it comes: after an error it holds the part of the reply
    /// that came before.
    pub async fn call_into(
        &self,
        name: &PipeName,
        request: &[u8],
        options: &CallOptions,
        reply: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let pipe = self.open_when_free(name, options.wait_for_pipe).await?;
        pipe.exchange_into(request, options, &|_| true, reply).await
    }

    /// Asks the server for a sign of life.
    pub async fn echo(&self) -> Result<(), ClientError> {
        match self.ask(Operation::Echo).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.lost(false)),
        }
    }

    /// Logs off and closes the connection. Whatever is under way on it fails.
    pub async fn log_off(&self) {
        // However it ends, the session is over afterwards.
        let _ = self.ask(Operation::LogOff).await;
    }

    /// Sends a request to the connection's task now; the result waits for the reply. Dropping it gives the
    /// request up.
    fn start(&self, operation: Operation<'static>) -> Started<'_> {
        let token = self.shared.next_token.fetch_add(1, Ordering::Relaxed);
        let (sender, reply) = oneshot::channel();
        // Without a task to take it, the sender is dropped, which the receiver sees.
        let sent = self.shared.commands.send(Command::Ask { token, operation, reply: sender }).is_ok();
        Started { client: self, token, reply: Some(reply), sent }
    }

    async fn ask(&self, operation: Operation<'static>) -> Result<Reply, RequestError> {
        self.start(operation).finish().await
    }

    fn address(&self, name: &PipeName) -> PipeAddress {
        PipeAddress { server: self.shared.server.clone(), pipe: name.clone() }
    }

    /// The error for a pipe that did not become free in time.
    pub(crate) fn busy(&self, name: &PipeName) -> ClientError {
        ClientError::PipeBusy { pipe: self.address(name), status: NtStatus::IO_TIMEOUT }
    }

    fn lost(&self, may_have_arrived: bool) -> ClientError {
        ClientError::Disconnected { server: self.shared.server.clone(), may_have_arrived }
    }

    fn open_error(&self, name: &PipeName, error: RequestError) -> ClientError {
        let pipe = self.address(name);
        match error {
            RequestError::Refused(NtStatus::ACCESS_DENIED) => {
                let encrypted = self.ready().encryption.is_some();
                ClientError::AccessDenied { pipe, user: self.shared.user.clone(), encrypted }
            }
            RequestError::Refused(NtStatus::OBJECT_NAME_NOT_FOUND | NtStatus::OBJECT_NAME_INVALID) => {
                ClientError::NoSuchPipe { pipe }
            }
            RequestError::Refused(
                status @ (NtStatus::PIPE_NOT_AVAILABLE
                | NtStatus::INSTANCE_NOT_AVAILABLE
                | NtStatus::PIPE_BUSY),
            ) => ClientError::PipeBusy { pipe, status },
            RequestError::Refused(status) => ClientError::Refused { pipe, action: OPEN, status },
            // An open carries no request yet, so nothing can have arrived.
            RequestError::Lost { .. } | RequestError::TooLarge { .. } | RequestError::TooFewCredits => {
                self.lost(false)
            }
        }
    }
}

/// Connects to the first of the server's addresses that answers.
async fn connect(server: &ServerAddress, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let Some(from) = from else {
        return TcpStream::connect((server.host(), server.port())).await;
    };
    let mut last = None;
    for to in tokio::net::lookup_host((server.host(), server.port())).await? {
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        let connected = match socket.bind(SocketAddr::new(from, 0)) {
            Ok(()) => socket.connect(to).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the server's name has no address")))
}

/// A request that was handed to the connection's task.
struct Started<'a> {
    client: &'a Client,
    token: u64,
    reply: Option<oneshot::Receiver<Result<Reply, RequestError>>>,
    sent: bool,
}

impl Started<'_> {
    async fn finish(mut self) -> Result<Reply, RequestError> {
        let Some(reply) = &mut self.reply else {
            return Err(RequestError::Lost { sent: self.sent });
        };
        let result = reply.await;
        self.reply = None;
        // The task answers everything before it ends, so this is what is left of one that was killed.
        result.unwrap_or(Err(RequestError::Lost { sent: self.sent }))
    }
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        let Some(mut reply) = self.reply.take() else {
            return;
        };
        // From here on the task sees that nobody waits; what it answered before is found here.
        reply.close();
        let command = match reply.try_recv() {
            Ok(Ok(Reply::Opened(pipe))) => Command::Close { pipe },
            Ok(_) => return,
            Err(_) => Command::Cancel { token: self.token },
        };
        let _ = self.client.shared.commands.send(command);
    }
}
