//! Connections that are made again when they are lost.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use standpipe_backoff::Backoff;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{CallOptions, Client, ClientError, ConnectOptions, Credentials, Pipe, ServerAddress};
use standpipe_pipe::PipeName;
use standpipe_transport::deadline::after;

/// How often an open is tried on connections that were kept and turn out to be lost.
const KEPT_TRIES: u32 = 3;

/// How long a server may take to answer the log-off.
const LOG_OFF_TIMEOUT: Duration = Duration::from_secs(1);

/// How a pool works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOptions {
    /// How each connection is made.
    pub connect: ConnectOptions,
    /// How many connections are kept at most; at least one is. Pipes are opened on them in turn.
    pub connections: usize,
    /// How long connecting again waits after a failure. A random part of up to half is left out, so that
    /// clients which lost the same server do not come back all at once.
    pub reconnect: Backoff,
    /// How long nothing is tried, on any connection, after log-ons that failed: a caller that needs a new
    /// connection meanwhile fails at once, since more attempts lock accounts. A server that has too much to
    /// do is no such failure.
    pub refusal: Backoff,
}

impl Default for PoolOptions {
    /// One connection; pauses from 100 ms to 5 s, and a minute after a log-on that failed.
    fn default() -> Self {
        Self {
            connect: ConnectOptions::default(),
            connections: 1,
            reconnect: Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) },
            refusal: Backoff { first: Duration::from_mins(1), longest: Duration::from_mins(1) },
        }
    }
}

/// One user's connections to one server, made when they are needed and made again when they were lost. Clones
/// are handles to the same pool; with the last one the connections end.
///
/// What may have reached the service is never sent again. An open carries no request, so one that was lost
/// together with a connection from before is tried on a new one; a call is repeated only when nothing of its
/// request was handed to the network. Everything else ends in its error, and
/// [`ClientError::may_have_arrived`] says which it was.
///
/// All who need a connection at the same time wait for the same attempt to make it.
#[derive(Debug, Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Arc<Target>,
    slots: Vec<Arc<Slot>>,
    next: AtomicUsize,
}

/// Where the connections lead.
#[derive(Debug)]
struct Target {
    server: ServerAddress,
    credentials: Credentials,
    options: PoolOptions,
    /// The last log-on that failed, on whichever connection.
    refusal: Mutex<Option<Refusal>>,
}

/// A log-on that failed.
#[derive(Debug)]
struct Refusal {
    error: ClientError,
    /// Until when it is the answer.
    until: Instant,
    /// How many log-ons in a row have failed.
    count: u32,
}

/// A place for one connection.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Attempts that failed, and connections that did not last, since one did.
    failures: u32,
    /// When the next attempt may begin.
    not_before: Option<Instant>,
}

type Attempt = watch::Receiver<Option<Result<Client, ClientError>>>;

#[derive(Debug, Default)]
enum Phase {
    /// There is no connection until somebody needs one.
    #[default]
    Idle,
    Connecting(Attempt),
    Connected {
        client: Client,
        since: Instant,
    },
}

/// A connection for a caller.
struct Lent<'a> {
    slot: &'a Slot,
    client: Client,
    /// Whether it is from before, so that its loss may have gone unnoticed.
    kept: bool,
}

impl Pool {
    /// A pool of connections to `server`. None is made yet.
    pub fn new(server: ServerAddress, credentials: Credentials, options: PoolOptions) -> Self {
        let slots = (0..options.connections.max(1)).map(|_| Arc::default()).collect();
        let target = Arc::new(Target { server, credentials, options, refusal: Mutex::default() });
        Self { shared: Arc::new(Shared { target, slots, next: AtomicUsize::new(0) }) }
    }

    /// The server.
    pub fn server(&self) -> &ServerAddress {
        &self.shared.target.server
    }

    /// A connection that is there, as far as is known, or a new one. Must be called on a tokio runtime.
    pub async fn client(&self) -> Result<Client, ClientError> {
        Ok(self.lend().await?.client)
    }

    /// Makes no further use of a connection that does not answer: the next caller gets a new one.
    pub(crate) fn forget(&self, lost: &Client) {
        for slot in &self.shared.slots {
            slot.forget(lost, &self.shared.target);
        }
    }

    /// Opens a pipe, and waits up to `wait` for one that is busy.
    pub async fn open(&self, name: &PipeName, wait: Duration) -> Result<Pipe, ClientError> {
        let mut kept_tries = 0;
        loop {
            let lent = self.lend().await?;
            match lent.client.open_when_free(name, wait).await {
                Err(error) if error.is_of_the_connection() => {
                    lent.slot.forget(&lent.client, &self.shared.target);
                    kept_tries += 1;
                    if !lent.kept || kept_tries == KEPT_TRIES {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// One request and its whole reply on a pipe of its own. If its connection is lost before anything of the
    /// request was handed to the network, another gets it, once.
    pub async fn call(
        &self,
        name: &PipeName,
        request: &[u8],
        options: &CallOptions,
    ) -> Result<Vec<u8>, ClientError> {
        let pipe = self.open(name, options.wait_for_pipe).await?;
        match pipe.exchange(request, options).await {
            Err(ClientError::Disconnected { may_have_arrived: false, .. }) => {
                let pipe = self.open(name, options.wait_for_pipe).await?;
                pipe.exchange(request, options).await
            }
            done => done,
        }
    }

    /// Logs off and closes the connections there are, which ends whatever is under way on them. Waits a
    /// moment for the server's word.
    pub async fn log_off(&self) {
        let clients = self.shared.slots.iter().filter_map(|slot| slot.connected());
        let mut leaving: JoinSet<()> = clients.map(|client| async move { client.log_off().await }).collect();
        let all = async { while leaving.join_next().await.is_some() {} };
        // Whoever does not answer is left without a word.
        let _ = tokio::time::timeout(LOG_OFF_TIMEOUT, all).await;
    }

    async fn lend(&self) -> Result<Lent<'_>, ClientError> {
        let Shared { target, slots, next } = &*self.shared;
        let turn = next.fetch_add(1, Ordering::Relaxed) % slots.len().max(1);
        // While nobody is let in, one finds out for all: a password that is wrong is then tried once, and not
        // once for each connection.
        let turn = if slots.iter().any(|slot| slot.is_connected()) { turn } else { 0 };
        let Some(slot) = slots.get(turn) else {
            return Err(target.lost()); // a pool has at least one slot
        };
        let mut attempt = match slot.find(target) {
            Found::Kept(client) => return Ok(Lent { slot, client, kept: true }),
            Found::Refused(error) => return Err(error),
            Found::Attempt(attempt) => attempt,
        };
        let client = match attempt.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or_else(|| Err(target.lost()))?,
            // Its task was killed together with the runtime.
            Err(_) => return Err(target.lost()),
        };
        Ok(Lent { slot, client, kept: false })
    }
}

impl Target {
    fn lost(&self) -> ClientError {
        ClientError::Disconnected { server: self.server.clone(), may_have_arrived: false }
    }

    fn refusal(&self) -> MutexGuard<'_, Option<Refusal>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long to wait after this many failures in a row.
    fn pause(&self, failures: u32) -> Duration {
        // Without randomness the pauses are the longest that they may be.
        self.options.reconnect.jittered(failures, getrandom::u64().unwrap_or(u64::MAX))
    }
}

/// What a slot has for a caller.
enum Found {
    Kept(Client),
    Attempt(Attempt),
    Refused(ClientError),
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connected(&self) -> Option<Client> {
        match &self.lock().phase {
            Phase::Connected { client, .. } => Some(client.clone()),
            Phase::Idle | Phase::Connecting(_) => None,
        }
    }

    fn is_connected(&self) -> bool {
        matches!(&self.lock().phase, Phase::Connected { client, .. } if !client.is_closed())
    }

    /// A connection, or the attempt to make one, which begins now if there is none.
    fn find(self: &Arc<Self>, target: &Arc<Target>) -> Found {
        let mut state = self.lock();
        match &state.phase {
            Phase::Connected { client, .. } if !client.is_closed() => return Found::Kept(client.clone()),
            Phase::Connected { .. } => state.lost(target),
            // One whose task was killed has no sender any more.
            Phase::Connecting(attempt) if attempt.has_changed().is_ok() => {
                return Found::Attempt(attempt.clone());
            }
            Phase::Idle | Phase::Connecting(_) => {}
        }
        if let Some(refusal) = target.refusal().as_ref().filter(|refusal| Instant::now() < refusal.until) {
            return Found::Refused(refusal.error.clone());
        }
        let (sender, attempt) = watch::channel(None);
        state.phase = Phase::Connecting(attempt.clone());
        let (slot, target, not_before) = (Arc::clone(self), Arc::clone(target), state.not_before);
        // A task of its own, so that the attempt goes on for the others when one caller gives up.
        tokio::spawn(async move {
            if let Some(not_before) = not_before {
                tokio::time::sleep_until(not_before).await;
            }
            let Target { server, credentials, options, .. } = &*target;
            let result = Client::connect(server, credentials, &options.connect).await;
            slot.lock().attempted(&result, &target);
            sender.send_replace(Some(result));
        });
        Found::Attempt(attempt)
    }

    /// Makes no further use of a connection that does not answer.
    fn forget(&self, lost: &Client, target: &Target) {
        let mut state = self.lock();
        if matches!(&state.phase, Phase::Connected { client, .. } if client.is_same(lost)) {
            state.lost(target);
        }
    }
}

impl State {
    /// The connection is over.
    fn lost(&mut self, target: &Target) {
        if let Phase::Connected { since, .. } = self.phase {
            // One that did not last is no success: a server that only ever accepts must not be hammered
            // either.
            let lasted = since.elapsed() >= target.options.reconnect.longest;
            self.failures = if lasted { 0 } else { self.failures.saturating_add(1) };
            self.not_before = Some(after(Instant::now(), target.pause(self.failures)));
        }
        self.phase = Phase::Idle;
    }

    /// An attempt has ended.
    fn attempted(&mut self, result: &Result<Client, ClientError>, target: &Target) {
        let now = Instant::now();
        match result {
            Ok(client) => {
                self.phase = Phase::Connected { client: client.clone(), since: now };
                self.not_before = None;
                *target.refusal() = None;
            }
            // For all connections, as the next one would fail like this one.
            Err(error) if error.is_of_the_credentials() => {
                self.phase = Phase::Idle;
                let mut refusal = target.refusal();
                let count = refusal.as_ref().map_or(0, |refusal| refusal.count).saturating_add(1);
                let until = after(now, target.options.refusal.full(count));
                *refusal = Some(Refusal { error: error.clone(), until, count });
            }
            Err(_) => {
                self.phase = Phase::Idle;
                self.failures = self.failures.saturating_add(1);
                self.not_before = Some(after(now, target.pause(self.failures)));
            }
        }
    }
}
