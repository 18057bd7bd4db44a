//! Calls one pipe that several instances offer.
//!
//! Each instance is watched over the real protocol: logged on, and asked every second whether its pipe can be
//! opened. A call goes to a random one of those that are ready. If its open fails there, nothing was sent and
//! another instance gets it; once the request may have reached a service it is never sent again.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use standpipe_backoff::Backoff;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::{
    CallOptions, Client, ClientError, ConnectOptions, Credentials, DEFAULT_CONNECT_TIMEOUT, Encryption, Pipe,
    Pool, PoolOptions, ServerAddress,
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
    /// How often each instance is asked whether it is ready.
    pub check_interval: Duration,
    /// The longest pause after log-ons that failed: each makes it twice as long, as trying on locks accounts.
    pub longest_pause: Duration,
    /// How long an instance may take to answer that.
    pub check_timeout: Duration,
    /// How calls are made.
    pub call: CallOptions,
}

impl Default for Options {
    /// 10 s to connect, asked every second, but after failed log-ons only up to every minute, 3 s to answer;
    /// a busy pipe is not waited for, another instance is tried.
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            encryption: Encryption::default(),
            check_interval: Duration::from_secs(1),
            longest_pause: Duration::from_mins(1),
            check_timeout: Duration::from_secs(3),
            call: CallOptions { wait_for_pipe: Duration::ZERO, ..CallOptions::default() },
        }
    }
}

impl Options {
    /// How each instance's connection is made, and made again.
    fn of_pool(&self) -> PoolOptions {
        let Self { connect_timeout: timeout, encryption, check_interval, longest_pause, .. } = *self;
        PoolOptions {
            connect: ConnectOptions { timeout, encryption, ..ConnectOptions::default() },
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
    watched: Vec<Arc<Watched>>,
    pipe: PipeName,
    options: Options,
    /// Counts changes of any instance's state.
    changes: watch::Sender<u64>,
    _checks: JoinSet<()>,
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
        let changes = watch::Sender::new(0);
        let mut checks = JoinSet::new();
        let watched: Vec<_> = targets
            .into_iter()
            .map(|target| {
                let state =
                    State { condition: Condition::Unknown, since: SystemTime::now(), answered: 0, failed: 0 };
                let pool = Pool::new(target.server.clone(), credentials.clone(), options.of_pool());
                let watched = Arc::new(Watched { target, state: Mutex::new(state), check: Notify::new() });
                let check = Check {
                    watched: Arc::clone(&watched),
                    pipe: pipe.clone(),
                    pool,
                    options: options.clone(),
                    changes: changes.clone(),
                };
                checks.spawn(check.run());
                watched
            })
            .collect();
        Self { watched, pipe, options, changes, _checks: checks }
    }

    /// One request and its whole reply, from a random instance that is ready.
    ///
    /// Waits for the first answers of instances that were not asked yet, but not for instances to come back.
    pub async fn call(&self, request: &[u8]) -> Result<Answer, BalancerError> {
        let mut tried: Vec<(usize, Arc<ClientError>)> = Vec::new();
        while let Some((place, client)) = self.choose(&tried).await {
            let Some(watched) = self.watched.get(place) else {
                break;
            };
            match client.open_when_free(&self.pipe, self.options.call.wait_for_pipe).await {
                Ok(pipe) => return self.call_on(watched, pipe, request).await,
                Err(error) if error.is_of_this_instance() => {
                    let error = Arc::new(error);
                    watched.count_failure();
                    watched.set(Condition::Unready(Arc::clone(&error)), &self.changes);
                    watched.check.notify_one();
                    tried.push((place, error));
                }
                Err(source) => {
                    watched.count_failure();
                    return Err(BalancerError::Call { target: watched.target.clone(), source });
                }
            }
        }
        let error_of = |(place, watched): (usize, &Arc<Watched>)| {
            let tried = tried.iter().find(|(other, _)| *other == place).map(|(_, error)| Arc::clone(error));
            Some((watched.target.clone(), tried.or_else(|| watched.error())?))
        };
        Err(BalancerError::NoneReady {
            instances: self.watched.iter().enumerate().filter_map(error_of).collect(),
        })
    }

    async fn call_on(&self, watched: &Watched, pipe: Pipe, request: &[u8]) -> Result<Answer, BalancerError> {
        match pipe.exchange(request, &self.options.call).await {
            Ok(reply) => {
                watched.lock().answered += 1;
                Ok(Answer { reply, target: watched.target.clone() })
            }
            Err(source) => {
                watched.count_failure();
                // Whether it is still there is seen now and not a second later.
                watched.check.notify_one();
                Err(BalancerError::Call { target: watched.target.clone(), source })
            }
        }
    }

    /// What is known of each instance.
    pub fn snapshot(&self) -> Vec<TargetState> {
        self.watched.iter().map(|watched| watched.snapshot()).collect()
    }

    /// Tells of every change of what [`Self::snapshot`] says about readiness.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A random instance that is ready and was not tried; waits while there is none but some were never
    /// asked.
    async fn choose(&self, tried: &[(usize, Arc<ClientError>)]) -> Option<(usize, Client)> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            let untried = || {
                let all = self.watched.iter().enumerate();
                all.filter(|(place, _)| tried.iter().all(|(other, _)| other != place))
            };
            let mut ready: Vec<_> =
                untried().filter_map(|(place, watched)| Some((place, watched.client()?))).collect();
            if !ready.is_empty() {
                return Some(ready.swap_remove(random_below(ready.len())));
            }
            if !untried().any(|(_, watched)| watched.is_unknown()) || changes.changed().await.is_err() {
                return None;
            }
        }
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
        if let Condition::Unready(error) = &condition
            && (was_ready || was_unknown)
        {
            tracing::warn!(instance = %self.target.instance, server = %self.target.server, %error, "not ready");
        }
        state.condition = condition;
        if was_ready != is_ready {
            state.since = SystemTime::now();
        }
        drop(state);
        if was_unknown || was_ready != is_ready {
            changes.send_modify(|count| *count += 1);
        }
        if is_ready && !was_ready {
            tracing::info!(instance = %self.target.instance, server = %self.target.server, "ready");
        }
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

    fn count_failure(&self) {
        self.lock().failed += 1;
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

/// A number below `bound`, which is not 0; each is equally likely, but for a difference nobody can measure.
fn random_below(bound: usize) -> usize {
    // Without randomness the first instance gets the call, which is better than no call.
    let random = getrandom::u32().unwrap_or_default() as usize;
    random % bound.max(1)
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
