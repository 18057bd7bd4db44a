//! The manager itself: its requests, each in a thread of its own, since the service control manager lets a
//! caller wait for up to 30 seconds.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use standpipe_process::Exit;
use standpipe_system::time::Shown;
use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tracing::{info, warn};

use super::error::{Blocker, ScmError};
use super::follower::{Message, Shared, follow};
use super::options::ScmOptions;
use super::recovery::Recovery;
use super::{RecoveryActions, WindowsCode, environment};
use crate::manager::{Manager, StartError};
use crate::platform::scm::{Look, Scm, Service, Settled, kill_tree};
use crate::probe::{BoxFuture, NotReady, Probe};
use crate::state::{State, Status};

/// How often a request is tried again that the service is not ready for.
const AGAIN: Duration = Duration::from_millis(200);
/// How long the service control manager may take to notice that the process of an earlier run is dead.
const OLD_RUN: Duration = Duration::from_secs(2);
/// How long the service control manager may be locked. Wine's starts one service at a time, gives it ten
/// seconds, and refuses another start when it has waited for three.
const LOCKED: Duration = Duration::from_secs(15);
/// How much later than announced a restart by the service control manager may come.
const LATE_RESTART: Duration = Duration::from_secs(2);
/// How long a service that is on its way up may take to have a process that can be killed.
const NO_PROCESS: Duration = Duration::from_secs(2);

/// The control `SERVICE_CONTROL_STOP`.
const STOP: u32 = 1;

/// What is said when the registry key of the service cannot be written.
const SET_ENVIRONMENT: &str = "set the environment of";

/// Controls one installed service through the service control manager of this machine.
///
/// The service is `Running` from the moment it says so and its probe has succeeded once; until then it is
/// `StartPending`. One whose process is dead is `Stopped`, whatever the service control manager says.
/// All methods must be called within a runtime of tokio with its time and I/O.
#[derive(Clone)]
pub struct ScmManager {
    inner: Arc<Inner>,
}

struct Inner {
    name: String,
    options: ScmOptions,
    /// What the service is to find in its environment beside the variables of the machine.
    environment: Arc<[(String, String)]>,
    /// Whether it was looked at with which variables the service runs.
    is_environment_seen: AtomicBool,
    /// Whether it is being stopped for a start with another environment.
    is_on_its_way_down: Arc<AtomicBool>,
    probe: Arc<dyn Probe>,
    /// Made by the first request.
    shared: OnceLock<Result<Arc<Shared>, WindowsCode>>,
    /// What those see that look at the changes before the first request.
    status: watch::Sender<Status>,
    /// Counts the requests to start, to stop and to kill: a newer one ends the work of an older one.
    request: Arc<AtomicU64>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(Ok(shared)) = self.shared.get() {
            shared.close();
        }
    }
}

impl ScmManager {
    /// A manager for the installed service `name`, which `probe` knows to be usable. Nothing is looked at
    /// yet: a service that does not exist is an error of its start.
    pub fn new(name: impl Into<String>, options: ScmOptions, probe: impl Probe) -> Self {
        Self::with_environment(name, options, Vec::new(), probe)
    }

    /// The same, for a service that is to find these variables in its environment. They are written to the
    /// service's registry key before each start, and one that runs with others at the first look is started
    /// again. Wine ignores them there.
    pub fn with_environment(
        name: impl Into<String>,
        options: ScmOptions,
        environment: Vec<(String, String)>,
        probe: impl Probe,
    ) -> Self {
        let inner = Inner {
            name: name.into(),
            options,
            environment: environment.into(),
            is_environment_seen: AtomicBool::new(false),
            is_on_its_way_down: Arc::default(),
            probe: Arc::new(probe),
            shared: OnceLock::new(),
            status: watch::Sender::new(Status::of(State::Stopped)),
            request: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// What this shares with the follower, which the first call starts.
    fn shared(&self) -> Result<&Arc<Shared>, ScmError> {
        let inner = &*self.inner;
        let shared = inner.shared.get_or_init(|| {
            let status = inner.status.clone();
            let shared = Shared::new(inner.name.clone(), inner.options, Arc::clone(&inner.probe), status)?;
            let shared = Arc::new(shared.with_way_down(&inner.is_on_its_way_down));
            follow(Arc::clone(&shared), runtime::Handle::current())
                .map_err(|error| WindowsCode(error.raw_os_error().map_or(0, i32::cast_unsigned)))?;
            Ok(shared)
        });
        shared.as_ref().map_err(|code| self.refused("watch", *code))
    }

    fn refused(&self, what: &'static str, code: WindowsCode) -> ScmError {
        ScmError::Refused { what, name: self.inner.name.clone(), code }
    }

    /// A new request, which ends the work of those before.
    fn request(&self) -> Request {
        let number = self.inner.request.fetch_add(1, Ordering::SeqCst) + 1;
        Request { number, latest: Arc::clone(&self.inner.request) }
    }

    async fn look(&self) -> Status {
        match self.shared() {
            Ok(shared) => {
                let (answer, answered) = oneshot::channel();
                shared.send(Message::Look(answer));
                // The follower ends with the manager only.
                answered.await.unwrap_or_else(|_| shared.status.borrow().clone())
            }
            Err(error) => Status { detail: Some(error.to_string()), ..Status::of(State::Stopped) },
        }
    }

    /// Looks afresh. One that runs with another environment is asked to stop, and is seen on its way down
    /// from the first look on: whoever finds it stopped starts it again.
    async fn look_at_all(&self) -> Status {
        let is_seen = self.inner.is_environment_seen.swap(true, Ordering::SeqCst);
        if !is_seen && self.runs_with_others().await {
            info!(
                service = self.inner.name,
                "the service runs with another environment: it is started again"
            );
            // Before anything is published.
            self.inner.is_on_its_way_down.store(true, Ordering::SeqCst);
            self.begin_stop();
        }
        self.look().await
    }

    /// Writes the variables of a service that runs. Returns whether it runs with others.
    async fn runs_with_others(&self) -> bool {
        let (name, environment) = (self.inner.name.clone(), Arc::clone(&self.inner.environment));
        let set = move || {
            let settled = Service::open(&name, Look::Status).and_then(|service| service.status());
            let is_up =
                settled.is_ok_and(|settled| !matches!(settled.state, State::Stopped | State::StopPending));
            // One that is stopped gets them with its start.
            if is_up { environment::set(&name, &environment) } else { Ok(false) }
        };
        match in_thread(set).await {
            Some(Ok(changed)) => changed,
            // A service without variables of its own runs as it should.
            Some(Err(code)) if !self.inner.environment.is_empty() => {
                warn!("{}; it runs on without its variables", self.refused(SET_ENVIRONMENT, code));
                false
            }
            _ => false,
        }
    }

    async fn begin_start(&self) -> Result<(), StartError> {
        let shared = self.shared().map_err(refused)?;
        let status = self.look().await;
        match status.state {
            State::Stopped => {}
            // Somebody else has started it since: all is well.
            State::StartPending | State::Running | State::ContinuePending => return Ok(()),
            State::StopPending | State::PausePending | State::Paused => return Err(StartError::NotStopped),
        }
        let (request, shared) = (self.request(), Arc::clone(shared));
        let environment = Arc::clone(&self.inner.environment);
        self.inner.is_environment_seen.store(true, Ordering::SeqCst);
        shared.send(Message::StartBegins);
        let started = in_thread(move || {
            let started = set_environment(&shared.name, &environment).and_then(|()| start(&shared, &request));
            shared.send(Message::StartEnds);
            started
        });
        let started = started.await.unwrap_or_else(|| Err(self.refused("start", WindowsCode(8))));
        if started.is_err() {
            // The last thing published may be *on its way*, which was so while the start was asked for.
            // Whoever learns it after the refusal would take it for another start.
            self.look().await;
        }
        started.map_err(refused)
    }

    /// Begins to ask the service to stop, until it listens.
    fn begin_stop(&self) {
        if let Ok(shared) = self.shared() {
            let (request, shared) = (self.request(), Arc::clone(shared));
            in_background(move || stop(&shared, &request));
        }
    }

    async fn kill_now(&self) {
        if let Ok(shared) = self.shared() {
            let (request, shared) = (self.request(), Arc::clone(shared));
            in_thread(move || kill(&shared, &request)).await;
        }
    }
}

impl std::fmt::Debug for ScmManager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScmManager").field("name", &self.inner.name).finish_non_exhaustive()
    }
}

impl Manager for ScmManager {
    fn start(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(self.begin_start())
    }

    fn stop(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.begin_stop() })
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.kill_now())
    }

    fn query(&self) -> BoxFuture<'_, Status> {
        Box::pin(self.look_at_all())
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        self.inner.probe.check()
    }

    fn changes(&self) -> watch::Receiver<Status> {
        self.inner.status.subscribe()
    }
}

fn refused(error: ScmError) -> StartError {
    StartError::Refused(error.into())
}

/// A request, and whether it is still the latest one.
struct Request {
    number: u64,
    latest: Arc<AtomicU64>,
}

impl Request {
    fn is_latest(&self) -> bool {
        self.latest.load(Ordering::SeqCst) == self.number
    }
}

/// Runs something that blocks. `None` when the system makes no more threads.
async fn in_thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, result) = oneshot::channel();
    // The one that asked may have gone.
    in_background(move || drop(done.send(run())));
    result.await.ok()
}

/// Runs something that blocks and that nobody waits for. Not a thread of the runtime, whose end would wait
/// for it.
fn in_background(run: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name("service-request".into()).spawn(run) {
        warn!("the system makes no more threads: {error}");
    }
}

/// Writes the variables of a service that is about to be started.
fn set_environment(name: &str, environment: &[(String, String)]) -> Result<(), ScmError> {
    match environment::set(name, environment) {
        // Who may start a service may not always change it, and there is nothing to change.
        Err(_) if environment.is_empty() => Ok(()),
        Err(code) => Err(ScmError::Refused { what: SET_ENVIRONMENT, name: name.to_owned(), code }),
        Ok(_) => Ok(()),
    }
}

/// Starts the service, or waits until the service control manager has done so.
fn start(shared: &Shared, request: &Request) -> Result<(), ScmError> {
    let name = &shared.name;
    let refused = |code| ScmError::Refused { what: "start", name: name.clone(), code };
    // Who may start a service may not always see its settings; then nothing is known of recovery actions.
    let actions = Service::open(name, Look::Settings).and_then(|service| service.recovery_actions());
    if restarted_by_others(shared, request, &actions.unwrap_or_default())? {
        return Ok(());
    }
    let service = Service::open(name, Look::Start).map_err(refused)?;
    let since = Instant::now();
    loop {
        if !request.is_latest() {
            return Err(refused(WindowsCode::OPERATION_ABORTED));
        }
        let code = match service.start() {
            Ok(()) => return Ok(()),
            Err(code) => code,
        };
        if code == WindowsCode::SERVICE_DATABASE_LOCKED && since.elapsed() < LOCKED {
            thread::sleep(AGAIN);
            continue;
        }
        if code != WindowsCode::SERVICE_ALREADY_RUNNING {
            return Err(explained(name, code));
        }
        // It was seen stopped. Either somebody else has started it, or its process has just died and the
        // service control manager is about to notice.
        if is_alive(&service) || since.elapsed() > OLD_RUN {
            return Ok(());
        }
        thread::sleep(AGAIN);
    }
}

/// Whether the service runs, in a process that lives.
fn is_alive(service: &Service) -> bool {
    use crate::platform::scm::{Looked, ProcessHandle};
    let pid = service.status().ok().and_then(|settled| settled.pid);
    pid.is_some_and(|pid| !matches!(ProcessHandle::open(pid), Looked::Gone))
}

/// Heeds the recovery actions of the service: waits for a restart by the service control manager, if one is
/// due, and returns whether it came.
fn restarted_by_others(
    shared: &Shared,
    request: &Request,
    actions: &RecoveryActions,
) -> Result<bool, ScmError> {
    let Some(delay) = actions.restart_within() else { return Ok(false) };
    if shared.options.recovery == Recovery::Refuse {
        return Err(ScmError::OwnRecovery { name: shared.name.clone(), delay });
    }
    let Some(ended) = shared.ended() else { return Ok(false) };
    let Some(wait) = actions.wait_after(ended.died, ended.failed) else { return Ok(false) };
    let until = ended.at + wait + LATE_RESTART;
    if until > Instant::now() {
        info!(
            "the service control manager restarts the service by itself within {}: waiting for that",
            Shown(wait)
        );
    }
    while request.is_latest() && Instant::now() < until {
        let settled = Service::open(&shared.name, Look::Status).and_then(|service| service.status());
        if settled.is_ok_and(|settled| settled.state != State::Stopped) {
            return Ok(true);
        }
        thread::sleep(AGAIN);
    }
    Ok(false)
}

/// The error of a start, with what the service and those that it depends on say.
pub(super) fn explained(name: &str, code: WindowsCode) -> ScmError {
    let name = name.to_owned();
    if code == WindowsCode::SERVICE_DEPENDENCY_FAIL {
        let blockers = blockers(&name);
        return ScmError::Dependency { name, code, blockers };
    }
    let settled = Service::open(&name, Look::Status).and_then(|service| service.status()).ok();
    let said = settled.filter(|settled| settled.state == State::Stopped).map(|settled| settled.exit);
    match said {
        Some(exit @ (Exit::ServiceCode(_) | Exit::WindowsError(1..)))
            if exit != Exit::WindowsError(code.0)
                && exit != Exit::WindowsError(WindowsCode::SERVICE_NEVER_STARTED.0) =>
        {
            ScmError::Ended { name, code, exit }
        }
        _ => ScmError::Refused { what: "start", name, code },
    }
}

/// The services that `name` depends on and that do not run.
fn blockers(name: &str) -> Vec<Blocker> {
    let settings = Service::open(name, Look::Settings).and_then(|service| service.settings());
    let dependencies = settings.map(|settings| settings.dependencies).unwrap_or_default();
    let looked = |dependency: String| {
        let settled = Service::open(&dependency, Look::Status).and_then(|service| service.status());
        let exit = settled.as_ref().ok().map(|settled| settled.exit).filter(|exit| !exit.is_success());
        Blocker { name: dependency, state: settled.map(|settled| settled.state), exit }
    };
    dependencies
        .into_iter()
        // A group of services is not a service that could be asked.
        .filter(|dependency| !dependency.starts_with('+'))
        .map(looked)
        .filter(|blocker| blocker.state != Ok(State::Running))
        .collect()
}

/// Asks the service to stop until it has taken it, has ended, or something newer was asked for.
fn stop(shared: &Shared, request: &Request) {
    let mut warned = false;
    while request.is_latest() && !shared.is_closed() {
        let code = match settled(shared) {
            Ok(Settled { state: State::Stopped, .. }) if !shared.is_starting() => break,
            Ok(Settled { state: State::StopPending, .. }) => break,
            // It is not ready for controls yet, though it may call itself running.
            Ok(settled) if !settled.takes_stop => WindowsCode::SERVICE_CANNOT_ACCEPT_CTRL,
            Ok(_) => {
                match Service::open(&shared.name, Look::Stop).and_then(|service| service.control(STOP)) {
                    Ok(()) => break,
                    Err(code) => code,
                }
            }
            Err(code) => code,
        };
        if !code.is_control_refused_for_now() && !warned {
            if code.is_dead_process() {
                break;
            }
            let error = ScmError::Refused { what: "stop", name: shared.name.clone(), code };
            warn!("{error}");
            warned = true;
        }
        if code == WindowsCode::DEPENDENT_SERVICES_RUNNING && !warned {
            warn!(
                "the service `{}` cannot stop while others run that depend on it: {}",
                shared.name,
                dependents(shared)
            );
            warned = true;
        }
        if code == WindowsCode::SERVICE_DOES_NOT_EXIST || code == WindowsCode::ACCESS_DENIED {
            break;
        }
        thread::sleep(AGAIN);
    }
    shared.send(Message::Stirred);
}

fn settled(shared: &Shared) -> Result<Settled, WindowsCode> {
    Service::open(&shared.name, Look::Status)?.status()
}

/// The names of the active services that depend on it.
fn dependents(shared: &Shared) -> String {
    let names = Service::open(&shared.name, Look::Stop).and_then(|service| service.active_dependents());
    names.map_or_else(|code| code.to_string(), |names| names.join(", "))
}

/// Ends the service's process and all that it has started.
fn kill(shared: &Shared, request: &Request) {
    let since = Instant::now();
    while request.is_latest() {
        match settled(shared) {
            Ok(Settled { pid: Some(pid), state, .. }) if state != State::Stopped => {
                match Scm::shares_process(&shared.name, pid) {
                    Ok(true) => warn!(
                        "the service `{}` is not killed: its process {pid} is that of others too",
                        shared.name
                    ),
                    _ => kill_tree(pid),
                }
                break;
            }
            // A start that is under way has no process yet.
            Ok(_) if shared.is_starting() && since.elapsed() < NO_PROCESS => thread::sleep(AGAIN),
            _ => break,
        }
    }
    shared.send(Message::Stirred);
}
