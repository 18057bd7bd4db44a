//! Offers a pipe of another machine on this one, for programs that know nothing of the network.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use standpipe_pipe::Mode;
//! use standpipe_client::{Credentials, PipeAddress, Pool, PoolOptions};
//! use standpipe_pipe::listener::PipeListener;
//! use standpipe_client::relay::{Relay, RelayOptions};
//! use tokio_util::sync::CancellationToken;
//!
//! let address: PipeAddress = "//server/pipe/simple".parse()?;
//! let credentials = Credentials::with_password("serviceUser", "secret");
//! let pool = Pool::new(address.server, credentials, PoolOptions::default());
//! let listener = PipeListener::bind("simple", Mode::Message).await?;
//! let stop = CancellationToken::new();
//! Relay::new(listener, pool, address.pipe, RelayOptions::default()).run(stop).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Each local connection is one open of the remote pipe; all of them share the pool's connections. What a
//! local program writes is written there, message for message, and the other way round. Where the remote pipe
//! cannot be opened, or is lost, the local connection is closed and the reason logged; nothing is sent again,
//! and the next local connection finds whatever is there then.
//!
//! # When there is no pipe
//!
//! While the server is away, or has no such pipe, there is no local one either: a program that connects sees
//! at once that nobody listens, and one on .NET tries again within its `Connect(timeout)`, as it does on
//! Windows. A pipe that is only busy stays: its programs wait here.
//!
//! # The end of the pipe
//!
//! When the service closes its end, the local program reads what is left and then the end. When the remote
//! pipe is lost, a program that reads bytes gets an error (`ECONNRESET`, an `IOException` of .NET), and not
//! an end that looks like a short answer; only one that has written nothing reads an end. When the local
//! program closes, what it wrote before is delivered, and the remote pipe is closed. When it only says that
//! it will write no more (`shutdown`), the service is not told, as SMB has no word for it; the program still
//! gets what the service writes.
//!
//! # Who may connect
//!
//! Whoever connects acts with the relay's credentials. So only the user who runs the relay is let in, and
//! root, who could take the credentials anyway: the socket's permissions say so, and the kernel is asked for
//! each connection.

mod presence;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use standpipe_system::error::with_causes;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{ClientError, Pipe, Pool};
use standpipe_pipe::listener::PipeListener;
use standpipe_pipe::listener::{DEFAULT_MAX_MESSAGE, PipeConnection, PipeError};
use standpipe_pipe::{Mode, PipeName};

/// Bytes passed on at once in byte mode: what one credit pays for.
const CHUNK: usize = 64 * 1024;

/// How long to wait before listening is tried again at a place that somebody else has taken.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// How a relay works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayOptions {
    /// Local connections at a time. More wait until one of them ends.
    pub max_connections: usize,
    /// How long a local connection waits for a remote pipe that is busy.
    pub wait_for_pipe: Duration,
    /// The longest message passed on, either way, in bytes. The server may take less.
    pub max_message: usize,
    /// How long what a local program wrote before it closed may take to be delivered.
    pub linger: Duration,
}

impl Default for RelayOptions {
    /// 256 connections, 10 s for a busy pipe, messages of 1 MiB, 10 s to deliver what is left.
    fn default() -> Self {
        Self {
            max_connections: 256,
            wait_for_pipe: Duration::from_secs(10),
            max_message: DEFAULT_MAX_MESSAGE,
            linger: Duration::from_secs(10),
        }
    }
}

/// A remote pipe, offered locally.
#[derive(Debug)]
pub struct Relay {
    listener: Option<PipeListener>,
    path: PathBuf,
    mode: Mode,
    way: Arc<Way>,
}

/// From a local connection to the remote pipe.
#[derive(Debug)]
struct Way {
    pool: Pool,
    pipe: PipeName,
    options: RelayOptions,
    /// That the remote pipe could not be opened or was lost, for whoever looks whether it is there.
    failed: Notify,
}

/// Why a local connection was closed before either end wanted it.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the remote pipe could not be opened")]
    Open(#[source] ClientError),
    #[error("what the local program wrote could not be passed on")]
    Write(#[source] ClientError),
    #[error("the remote pipe could not be read")]
    Read(#[source] ClientError),
    #[error("the local program could not be read")]
    LocalRead(#[source] PipeError),
    #[error("what the service wrote could not be passed on")]
    LocalWrite(#[source] PipeError),
    #[error("the local program went, and the service did not take what it had written within {} s", .0.as_secs_f32())]
    Linger(Duration),
}

impl Relay {
    /// Offers `pipe` of the pool's server at `listener`, whose mode is also that in which the remote pipe is
    /// read.
    pub fn new(listener: PipeListener, pool: Pool, pipe: PipeName, options: RelayOptions) -> Self {
        let (path, mode) = (listener.path().to_owned(), listener.mode());
        Self { listener: Some(listener), ..Self::at(path, mode, pool, pipe, options) }
    }

    /// Offers `pipe` of the pool's server as the socket `path`, in a folder that exists and whose safety is
    /// the caller's, from when the remote pipe is there. What `mode` says is also how the remote pipe is
    /// read.
    pub fn at(path: PathBuf, mode: Mode, pool: Pool, pipe: PipeName, options: RelayOptions) -> Self {
        Self { listener: None, path, mode, way: Arc::new(Way { pool, pipe, options, failed: Notify::new() }) }
    }

    /// Where the local socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Works until `stop`: then takes the local socket away, closes all local connections, and logs off.
    ///
    /// Fails only when the system does not let it accept connections any more.
    pub async fn run(self, stop: CancellationToken) -> io::Result<()> {
        let pool = self.way.pool.clone();
        let result = self.offer_until(stop).await;
        pool.log_off().await;
        result
    }

    /// Keeps the listener no longer than it offers the pipe.
    async fn offer_until(self, stop: CancellationToken) -> io::Result<()> {
        tokio::select! {
            result = self.offer() => result,
            () = stop.cancelled() => Ok(()),
        }
    }

    async fn offer(mut self) -> io::Result<()> {
        let mut accepting = Accepting {
            limit: Arc::new(Semaphore::new(self.way.options.max_connections.max(1))),
            connections: JoinSet::new(),
            number: 0,
        };
        loop {
            if let Err(why) = self.way.probe().await {
                self.listener = None;
                tracing::warn!(error = %with_causes(&why), "not offered: the remote pipe is not there");
                self.way.appears().await;
            }
            let listener = match self.listener.take() {
                Some(listener) => listener,
                None => self.listen().await,
            };
            let remote = format_args!("//{}/pipe/{}", self.way.pool.server(), self.way.pipe).to_string();
            tracing::info!(path = %self.path.display(), "offering {remote}");
            let listener = listener.with_max_message(self.way.options.max_message);
            let why = tokio::select! {
                result = accepting.accept(&listener, &self.way) => return result,
                why = self.way.disappears() => why,
            };
            drop(listener);
            tracing::warn!(error = %with_causes(&why), "offered no more: the remote pipe is gone");
            self.way.appears().await;
        }
    }

    /// Listens again at a place where it has listened before; as long as somebody else does so, waits.
    async fn listen(&self) -> PipeListener {
        let mut is_told = false;
        loop {
            match PipeListener::bind_path(&self.path, self.mode).await {
                Ok(listener) => return listener,
                Err(error) if !is_told => {
                    tracing::warn!(error = %with_causes(&error), "cannot offer the pipe now");
                    is_told = true;
                }
                Err(_) => {}
            }
            tokio::time::sleep(LISTEN_PAUSE).await;
        }
    }
}

/// The local connections of a relay, which may outlive the listener that has accepted them.
#[derive(Debug)]
struct Accepting {
    limit: Arc<Semaphore>,
    connections: JoinSet<()>,
    number: u64,
}

impl Accepting {
    async fn accept(&mut self, listener: &PipeListener, way: &Arc<Way>) -> io::Result<()> {
        loop {
            if self.limit.available_permits() == 0 {
                tracing::warn!(
                    limit = way.options.max_connections,
                    "as many local connections as are allowed: the next waits until one ends"
                );
            }
            // The semaphore is never closed, so this is always a permit.
            let permit = Arc::clone(&self.limit).acquire_owned().await;
            let local = listener.accept().await?;
            while self.connections.try_join_next().is_some() {}
            self.number += 1;
            let (number, way) = (self.number, Arc::clone(way));
            self.connections.spawn(async move {
                way.serve(local, number).await;
                drop(permit);
            });
        }
    }
}

impl Way {
    async fn serve(&self, local: PipeConnection, number: u64) {
        let remote = format_args!("//{}/pipe/{}", self.pool.server(), self.pipe).to_string();
        match local.is_of_this_user() {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(local = number, "refused: the program that connected belongs to another user");
                return local.abort();
            }
            Err(error) => {
                tracing::warn!(local = number, %error, "refused: the system does not say whose program connected");
                return local.abort();
            }
        }
        match self.pass(&local, number).await {
            Ok(()) => {
                tracing::debug!(local = number, remote, "closed");
                local.disconnect();
            }
            Err(why) => {
                tracing::warn!(local = number, remote, error = %with_causes(&why), "closed");
                self.failed.notify_one();
                local.abort();
            }
        }
    }

    async fn pass(&self, local: &PipeConnection, number: u64) -> Result<(), Broken> {
        let pipe = self.pool.open(&self.pipe, self.options.wait_for_pipe).await.map_err(Broken::Open)?;
        tracing::debug!(local = number, remote = %pipe.address(), "opened");
        // However it ends, the pipe is closed by letting go of it: nobody waits for the server's word.
        self.both_ways(local, &pipe).await
    }

    /// Passes on in both directions until one end is closed.
    async fn both_ways(&self, local: &PipeConnection, pipe: &Pipe) -> Result<(), Broken> {
        let gone = CancellationToken::new();
        let to_remote = async {
            self.to_remote(local, pipe).await?;
            // It may still want to read.
            gone.cancelled().await;
            Ok(())
        };
        let to_local = async {
            self.to_local(pipe, local, &gone).await?;
            local.finish();
            Ok(())
        };
        let linger = async {
            local.hung_up().await.map_err(Broken::LocalRead)?;
            gone.cancel();
            tokio::time::sleep(self.options.linger).await;
            Err(Broken::Linger(self.options.linger))
        };
        tokio::select! {
            ended = to_remote => ended,
            ended = to_local => ended,
            ended = linger => ended,
        }
    }

    /// Passes on what the local program writes, until it writes no more.
    async fn to_remote(&self, local: &PipeConnection, pipe: &Pipe) -> Result<(), Broken> {
        let mut buffer = Vec::new();
        if local.mode() == Mode::Byte {
            buffer.resize(CHUNK, 0);
        }
        loop {
            let written = match local.mode() {
                Mode::Message if local.read_message_into(&mut buffer).await.map_err(Broken::LocalRead)? => {
                    buffer.as_slice()
                }
                Mode::Message => return Ok(()),
                Mode::Byte => match local.read_for_abort(&mut buffer).await.map_err(Broken::LocalRead)? {
                    0 => return Ok(()),
                    length => buffer.get(..length).unwrap_or_default(),
                },
            };
            pipe.write(written).await.map_err(Broken::Write)?;
        }
    }

    /// Passes on what the service writes, until it closes the pipe. When the local program is gone, the rest
    /// is dropped, so that a service that writes takes in what is still on its way there.
    async fn to_local(
        &self,
        pipe: &Pipe,
        local: &PipeConnection,
        gone: &CancellationToken,
    ) -> Result<(), Broken> {
        loop {
            let read = match local.mode() {
                Mode::Message => pipe.read_message(self.options.max_message).await,
                Mode::Byte => pipe.read(CHUNK).await,
            };
            let Some(bytes) = read.map_err(Broken::Read)? else {
                return Ok(());
            };
            let passed = match local.mode() {
                _ if gone.is_cancelled() => Ok(()),
                Mode::Message => local.write_message(&bytes).await,
                Mode::Byte => local.write_all(&bytes).await,
            };
            match passed {
                // Others see to it that it has gone.
                Ok(()) | Err(PipeError::Closed) => {}
                Err(error) => return Err(Broken::LocalWrite(error)),
            }
        }
    }
}
