//! Calls one pipe that several instances offer.
//!
//! Each instance is watched over the real protocol: logged on, and asked every second whether its pipe can be
//! opened. A call goes to a random one of those that are ready. If its open fails there, nothing was sent and
//! another instance gets it; once the request may have reached a service it is never sent again.
//!
//! An instance that failed an open or a call is trusted less, although it says that it is ready: it gets one
//! call at a time, after a pause that grows with each failure, and meanwhile only what no other instance can
//! take. The first reply makes up for it.
//!
//! The instances may come and go. One that is no longer among them gets no new calls; those under way there
//! end as they would have, and then its connection closes.

mod calls;

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use standpipe_backoff::Backoff;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::{
    CallOptions, Client, ClientError, ConnectOptions, Credentials, DEFAULT_CONNECT_TIMEOUT, Encryption, Pool,
    PoolOptions, ServerAddress, crypto,
};
use standpipe_pipe::PipeName;

/// One instance and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is called, for people: `ServiceWatcher/1`.
    pub instance: String,
    /// Where it is.
    pub server: ServerAddress,
}

/// How a balancer works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long connecting to an instance and logging on may take.
    pub connect_timeout: Duration,
    /// Whether what goes to an instance is encrypted.
    pub encryption: Encryption,
    /// What signs and encrypts.
    pub crypto: &'static dyn crypto::Provider,
    /// How often each instance is asked whether it is ready.
    pub check_interval: Duration,
    /// The longest pause after log-ons that failed: each makes it twice as long, as trying on locks accounts.
    pub longest_pause: Duration,
    /// How long an instance may take to answer that.
    pub check_timeout: Duration,
    /// For how long an instance gets no call after one that failed there, as long as others are ready: twice
    /// as long with each further failure, up to `longest_pause`. After a reply that was too late it is at
    /// least as long as a reply may take.
    pub pause: Duration,
    /// How calls are made.
    pub call: CallOptions,
}

impl Default for Options {
    /// 10 s to connect, asked every second, but after failed log-ons only up to every minute, 3 s to answer;
    /// 100 ms without a call after one that failed; a busy pipe is not waited for, another instance is tried.
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            encryption: Encryption::default(),
            crypto: crypto::RUST_CRYPTO,
            check_interval: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            check_timeout: Duration::from_secs(3),
            pause: Duration::from_millis(100),
            call: CallOptions { wait_for_pipe: Duration::ZERO, ..CallOptions::default() },
        }
    }
}

impl Options {
    /// For how long an instance is avoided that has failed.
    fn wariness(&self, error: &ClientError) -> Backoff {
        let is_late = matches!(error, ClientError::ReplyTimeout { .. });
        let first = if is_late { self.pause.max(self.call.reply_timeout) } else { self.pause };
        Backoff { first, longest: self.longest_pause }
    }

    /// How each instance's connection is made, and made again.
    fn of_pool(&self) -> PoolOptions {
        let Self { connect_timeout: timeout, encryption, crypto, check_interval, longest_pause, .. } = *self;
        PoolOptions {
            connect: ConnectOptions { timeout, encryption, crypto, ..ConnectOptions::default() },
            connections: 1,
            // An instance that is being replaced needs a moment; hammering does not shorten it.
            reconnect: Backoff { first: check_interval / 10, longest: check_interval },
            refusal: Backoff { first: check_interval.saturating_mul(2), longest: longest_pause },
        }
    }
}

/// A reply and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The reply.
    pub reply: Vec<u8>,
    /// The instance it came from.
    pub target: Target,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BalancerError {
    /// No instance could take it. Nothing was sent.
    #[error("no instance is ready")]
    NoneReady {
        /// Why, for each instance that was asked.
        instances: Vec<(Target, Arc<ClientError>)>,
    },
    /// The call failed at one instance.
    #[error("the call failed at {} ({})", target.instance, target.server)]
    Call {
        /// The instance.
        target: Target,
        /// Why.
        source: ClientError,
    },
}

impl BalancerError {
    /// The failure to show when there is room for one: that of the call, or one that all instances have in
    /// common, such as a log-on that fails.
    pub fn cause(&self) -> Option<&ClientError> {
        match self {
            Self::Call { source, .. } => Some(source),
            Self::NoneReady { instances } => {
                let (_, first) = instances.first()?;
                let same = |(_, error): &(Target, Arc<ClientError>)| {
                    std::mem::discriminant(&**error) == std::mem::discriminant(&**first)
                };
                instances.iter().all(same).then_some(&**first)
            }
        }
    }
}

/// What a balancer knows of one instance.
#[derive(Debug, Clone)]
pub struct TargetState {
    /// The instance.
    pub target: Target,
    /// Whether calls go there.
    pub ready: bool,
    /// Since when that is so.
    pub since: SystemTime,
    /// Why it is not ready, when that is known.
    pub error: Option<Arc<ClientError>>,
    /// Calls that it answered.
    pub answered: u64,
    /// Calls that failed there, those included that went on to another instance.
    pub failed: u64,
}

/// Calls one pipe over several instances. Dropping it ends its connections.
#[derive(Debug)]
pub struct Balancer {
    shared: Arc<Shared>,
    /// The task that keeps the instances under watch.
    _keeping: JoinSet<()>,
}

/// What the balancer and the task that keeps its instances have in common.
#[derive(Debug)]
struct Shared {
    watched: Mutex<Arc<[Arc<Watched>]>>,
    pipe: PipeName,
    credentials: Credentials,
    options: Options,
    /// Counts changes of any instance's state, and of the instances themselves.
    changes: watch::Sender<u64>,
}

/// An instance under watch.
#[derive(Debug)]
struct Watched {
    target: Target,
    state: Mutex<State>,
    /// Asks for a check now.
    check: Notify,
}

#[derive(Debug)]
struct State {
    condition: Condition,
    since: SystemTime,
    answered: u64,
    failed: u64,
    /// Opens and calls that failed since the last one that did not.
    in_a_row: u32,
    /// Until when it gets only what no other instance can take.
    wary_until: Option<Instant>,
    /// Whether the log says that it is ready, or why not.
    logged: Option<bool>,
}

impl State {
    fn be_wary(&mut self, wariness: Backoff) {
        let pause = wariness.jittered(self.in_a_row, getrandom::u64().unwrap_or_default());
        self.wary_until = Instant::now().checked_add(pause);
    }

    /// Whether it is news for the log that it is ready, or that it is not.
    fn log(&mut self, ready: bool) -> bool {
        self.logged.replace(ready) != Some(ready)
    }
}

#[derive(Debug, Clone)]
enum Condition {
    /// Not asked yet.
    Unknown,
    Ready(Client),
    Unready(Arc<ClientError>),
}

impl Balancer {
    /// Watches `targets` from now on. Must be called on a tokio runtime.
    pub fn new(targets: Vec<Target>, pipe: PipeName, credentials: &Credentials, options: Options) -> Self {
        Self::following(watch::Sender::new(targets).subscribe(), pipe, credentials, options)
    }

    /// Watches the latest `targets` from now on, and follows what becomes of them. Must be called on a tokio
    /// runtime.
    pub fn following(
        mut targets: watch::Receiver<Vec<Target>>,
        pipe: PipeName,
        credentials: &Credentials,
        options: Options,
    ) -> Self {
        let shared = Arc::new(Shared {
            watched: Mutex::new(Arc::new([])),
            pipe,
            credentials: credentials.clone(),
            options,
            changes: watch::Sender::new(0),
        });
        let mut checks = Vec::new();
        shared.follow(&targets.borrow_and_update().clone(), &mut checks);
        let mut keeping = JoinSet::new();
        let kept = Arc::clone(&shared);
        keeping.spawn(async move {
            while targets.changed().await.is_ok() {
                let latest = targets.borrow_and_update().clone();
                kept.follow(&latest, &mut checks);
            }
            // They stay as they are, and their checks with them.
            pending::<()>().await;
        });
        Self { shared, _keeping: keeping }
    }

    /// What is known of each instance.
    pub fn snapshot(&self) -> Vec<TargetState> {
        self.shared.watched().iter().map(|watched| watched.snapshot()).collect()
    }

    /// Tells of every change of what [`Self::snapshot`] says about readiness, and of the instances in it.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }
}

/// An instance under watch, and its check, which ends with this.
#[derive(Debug)]
struct Checked {
    watched: Arc<Watched>,
    _check: JoinSet<()>,
}

impl Shared {
    fn watched(&self) -> Arc<[Arc<Watched>]> {
        Arc::clone(&self.watched.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Watches these from now on, and no others. An instance that was there before keeps its connection.
    fn follow(&self, targets: &[Target], checks: &mut Vec<Checked>) {
        let before = checks.len();
        checks.retain(|check| {
            let stays = targets.contains(&check.watched.target);
            if !stays {
                let Target { instance, server } = &check.watched.target;
                tracing::info!(%instance, %server, "no longer there");
            }
            stays
        });
        let mut changed = checks.len() != before;
        for (place, target) in targets.iter().enumerate() {
            let is_known = checks.iter().any(|check| check.watched.target == *target);
            if !is_known && !targets.iter().take(place).any(|earlier| earlier == target) {
                checks.push(self.watch(target));
                changed = true;
            }
        }
        let place = |check: &Checked| targets.iter().position(|target| *target == check.watched.target);
        checks.sort_by_key(place);
        let watched = checks.iter().map(|check| Arc::clone(&check.watched)).collect();
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = watched;
        if changed {
            self.changes.send_modify(|count| *count += 1);
        }
    }

    fn watch(&self, target: &Target) -> Checked {
        let state = State {
            condition: Condition::Unknown,
            since: SystemTime::now(),
            answered: 0,
            failed: 0,
            in_a_row: 0,
            wary_until: None,
            logged: None,
        };
        let watched =
            Arc::new(Watched { target: target.clone(), state: Mutex::new(state), check: Notify::new() });
        let check = Check {
            watched: Arc::clone(&watched),
            pipe: self.pipe.clone(),
            pool: Pool::new(target.server.clone(), self.credentials.clone(), self.options.of_pool()),
            options: self.options.clone(),
            changes: self.changes.clone(),
        };
        let mut checking = JoinSet::new();
        checking.spawn(check.run());
        Checked { watched, _check: checking }
    }
}

impl Watched {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, condition: Condition, changes: &watch::Sender<u64>) {
        let mut state = self.lock();
        let was_ready = matches!(state.condition, Condition::Ready(_));
        let was_unknown = matches!(state.condition, Condition::Unknown);
        let is_ready = matches!(condition, Condition::Ready(_));
        let log = match &condition {
            // What it says itself is believed once it has answered again.
            Condition::Ready(_) if state.in_a_row == 0 => state.log(true),
            Condition::Unready(_) => state.log(false),
            Condition::Ready(_) | Condition::Unknown => false,
        };
        let error = match &condition {
            Condition::Unready(error) => Some(Arc::clone(error)),
            Condition::Ready(_) | Condition::Unknown => None,
        };
        state.condition = condition;
        if was_ready != is_ready {
            state.since = SystemTime::now();
        }
        drop(state);
        if was_unknown || was_ready != is_ready {
            changes.send_modify(|count| *count += 1);
        }
        if log {
            self.log(error.as_deref(), was_unknown);
        }
    }

    fn log(&self, error: Option<&ClientError>, is_new: bool) {
        let Target { instance, server } = &self.target;
        match error {
            None => tracing::info!(%instance, %server, "ready"),
            Some(error) if is_new => tracing::info!(%instance, %server, %error, "not ready yet"),
            Some(error) => tracing::warn!(%instance, %server, %error, "not ready"),
        }
    }

    /// An open or a call failed there. Others come first for a while, the longer the more have failed.
    fn failed(&self, wariness: Backoff) {
        let mut state = self.lock();
        state.failed += 1;
        state.in_a_row = state.in_a_row.saturating_add(1);
        state.be_wary(wariness);
    }

    /// A call was answered there.
    fn answered(&self) {
        let mut state = self.lock();
        state.answered += 1;
        state.in_a_row = 0;
        state.wary_until = None;
        let log = matches!(state.condition, Condition::Ready(_)) && state.log(true);
        drop(state);
        if log {
            self.log(None, false);
        }
    }

    fn is_wary(&self, now: Instant) -> bool {
        self.lock().wary_until.is_some_and(|until| now < until)
    }

    /// One call shows whether an instance that failed does better now; others wait for what comes of it.
    fn begin_trial(&self, now: Instant, takes: Duration) {
        let mut state = self.lock();
        if state.in_a_row > 0 {
            state.wary_until = now.checked_add(takes);
        }
    }

    /// Until when an instance whose open failed is not believed that it is ready.
    fn doubted_until(&self) -> Option<Instant> {
        let state = self.lock();
        let is_ready = matches!(state.condition, Condition::Ready(_));
        state.wary_until.filter(|until| !is_ready && *until > Instant::now())
    }

    fn client(&self) -> Option<Client> {
        match &self.lock().condition {
            Condition::Ready(client) if !client.is_closed() => Some(client.clone()),
            _ => None,
        }
    }

    fn is_unknown(&self) -> bool {
        matches!(self.lock().condition, Condition::Unknown)
    }

    fn error(&self) -> Option<Arc<ClientError>> {
        match &self.lock().condition {
            Condition::Unready(error) => Some(Arc::clone(error)),
            Condition::Unknown | Condition::Ready(_) => None,
        }
    }

    fn snapshot(&self) -> TargetState {
        let state = self.lock();
        TargetState {
            target: self.target.clone(),
            ready: matches!(&state.condition, Condition::Ready(client) if !client.is_closed()),
            since: state.since,
            error: match &state.condition {
                Condition::Unready(error) => Some(Arc::clone(error)),
                _ => None,
            },
            answered: state.answered,
            failed: state.failed,
        }
    }
}

/// The task that watches one instance.
struct Check {
    watched: Arc<Watched>,
    pipe: PipeName,
    /// The instance's one connection.
    pool: Pool,
    options: Options,
    changes: watch::Sender<u64>,
}

impl Check {
    async fn run(self) {
        loop {
            let condition = match self.check().await {
                Ok(_) if let Some(until) = self.watched.doubted_until() => {
                    tokio::time::sleep_until(until).await;
                    continue;
                }
                Ok(client) => Condition::Ready(client),
                Err(error) => Condition::Unready(Arc::new(error)),
            };
            let lost = match &condition {
                Condition::Ready(client) => Some(client.clone()),
                Condition::Unknown | Condition::Unready(_) => None,
            };
            self.watched.set(condition, &self.changes);
            let lost = async {
                match lost {
                    Some(client) => client.closed().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = tokio::time::sleep(self.options.check_interval) => {}
                () = self.watched.check.notified() => {}
                _ = lost => {
                    let server = self.watched.target.server.clone();
                    let error = ClientError::Disconnected { server, may_have_arrived: false };
                    self.watched.set(Condition::Unready(Arc::new(error)), &self.changes);
                }
            }
        }
    }

    /// Whether the instance's pipe can be opened now.
    async fn check(&self) -> Result<Client, ClientError> {
        let client = self.pool.client().await?;
        let timeout = self.options.check_timeout;
        // A pipe that is there is reported at once; the server need not wait for one that is not.
        let answer = tokio::time::timeout(timeout, client.wait(&self.pipe, Duration::from_millis(1))).await;
        let Ok(answer) = answer else {
            // A connection that does not answer is given up; a new one may fare better.
            self.pool.forget(&client);
            return Err(ClientError::ConnectTimeout { server: self.watched.target.server.clone(), timeout });
        };
        if answer? { Ok(client) } else { Err(client.busy(&self.pipe)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_ons_that_fail_are_tried_ever_less_often() {
        let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
        let options = Options { check_interval: second, longest_pause: minute, ..Options::default() };
        let refusal = options.of_pool().refusal;
        let pauses = [1, 2, 3, 4, 5, 6, 7].map(|failures| refusal.full(failures).as_secs());
        assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
    }
}
