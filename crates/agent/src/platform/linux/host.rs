//! The agent's life: it is started, started again when it dies, and ended.

use std::os::unix::net::UnixStream as StdStream;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use standpipe_backoff::Backoff;
use standpipe_process::{Process, ProcessSpec, SpawnError, Tree, user_ids};
use standpipe_service::Probe;
use standpipe_service::scm::ScmOptions;
use standpipe_system::time::Shown;
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, warn};

use super::output::{self, LastLines};
use super::prefix::Prefix;
use super::wine::Wine;
use crate::host::link::Link;
use crate::host::state::{AgentState, Shared};
use crate::host::{AgentConnector, AgentManager, HostError, HostOptions};
use crate::wire::{Reply, Request};

/// The waits before an agent that died is started again.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };

/// An agent that lived so long was a good one.
const STABLE: Duration = Duration::from_mins(1);

/// How long the agent has to stop what it started, and to end.
const AGENT_END_TIME: Duration = Duration::from_secs(40);

/// How often progress is shown while the prefix is made.
const PROGRESS: Duration = Duration::from_secs(3);

/// An agent inside of Wine, which is started again when it dies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Host {
    options: Arc<HostOptions>,
    shared: Arc<Shared>,
    tree: Tree,
    /// Set once Wine is found.
    runner: Arc<OnceLock<Arc<Runner>>>,
    supervising: Arc<Mutex<Option<JoinHandle<()>>>>,
    ending: CancellationToken,
}

/// What starting an agent takes.
#[derive(Debug)]
struct Runner {
    wine: Wine,
    lines: LastLines,
    agent: PathBuf,
    startup_timeout: Duration,
    environment: Vec<(String, String)>,
    /// Held as long as anything may run in the prefix.
    prefix: Mutex<Prefix>,
}

/// What runs while an agent does.
#[derive(Debug)]
struct Running {
    server: Process,
    agent: Process,
    link: Arc<Link>,
}

impl Host {
    /// An agent that is not started yet.
    pub fn new(options: HostOptions) -> Self {
        Self {
            options: Arc::new(options),
            shared: Arc::new(Shared::new()),
            tree: Tree::new(),
            runner: Arc::default(),
            supervising: Arc::default(),
            ending: CancellationToken::new(),
        }
    }

    /// Makes the prefix if there is none yet, and starts the agent in it. To be called once. When it fails or
    /// its future is dropped, [`Self::kill`] ends what is left of it.
    ///
    /// # Errors
    /// See [`HostError`].
    pub async fn start(&self) -> Result<(), HostError> {
        let options = &*self.options;
        let agent = options.agent_program();
        if !agent.is_file() {
            return Err(HostError::NoAgent { path: agent });
        }
        let user = match options.user.as_deref().map(user_ids) {
            Some(Ok(Some(user))) => user,
            Some(Err(source)) => return Err(HostError::Spawn { program: "Wine", source }),
            Some(Ok(None)) | None => {
                (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
            }
        };
        let io = |source| HostError::Io {
            action: "read the standard error of",
            path: options.prefix.clone(),
            source,
        };
        let (error, lines) = output::open(options.only_service.clone()).map_err(io)?;
        let wine = Wine::new(options, self.tree.clone(), error)?;
        let prefix = Prefix::take(&options.prefix, user).await?;
        let runner = Runner {
            wine,
            lines,
            agent,
            startup_timeout: options.startup_timeout,
            environment: options.environment.clone(),
            prefix: Mutex::new(prefix),
        };
        let runner = Arc::new(runner);
        let _ = self.runner.set(Arc::clone(&runner));
        let running = runner.begin(&self.shared).await?;
        let supervising = supervise(runner, Arc::clone(&self.shared), running, self.ending.clone());
        *self.supervising.lock().await = Some(tokio::spawn(supervising.in_current_span()));
        Ok(())
    }

    /// What starts, stops and queries a service inside of Wine, which `probe` knows to be usable.
    pub fn manager(&self, service: &str, options: ScmOptions, probe: impl Probe) -> AgentManager {
        AgentManager::new(service, options, Arc::clone(&self.shared), probe)
    }

    /// What opens a pipe inside of Wine by its bare name; waits up to `timeout` while every end of it is in
    /// use.
    pub fn connector(&self, pipe: &str, timeout: Duration) -> AgentConnector {
        AgentConnector::new(pipe, timeout, Arc::clone(&self.shared))
    }

    /// How `spec`, whose program is one of Windows, is run inside of the prefix; once the agent is started.
    ///
    /// # Errors
    /// When this Wine cannot run the program.
    pub fn inside(&self, spec: ProcessSpec) -> Result<ProcessSpec, SpawnError> {
        match self.runner.get() {
            Some(runner) => runner.wine.inside(spec),
            None => Ok(spec),
        }
    }

    /// Ends the agent, which stops every service that it has started, and then everything inside of Wine.
    pub async fn stop(&self) {
        self.ending.cancel();
        if let Some(supervising) = self.supervising.lock().await.take() {
            let _ = supervising.await;
        }
        self.kill().await;
    }

    /// Ends everything inside of Wine without asking.
    pub async fn kill(&self) {
        self.ending.cancel();
        self.shared.agent.send_replace(AgentState::Over("it was ended".into()));
        self.tree.kill().await;
    }
}

/// Lets an agent be used, once it watches the services that somebody manages.
async fn announce(shared: &Shared, link: &Arc<Link>) {
    for (service, options) in shared.services() {
        let watched = link.request(Request::Watch { service: service.clone(), options }).await;
        if let Ok(Reply::Status(status)) = watched {
            shared.statuses.set(&service, status);
        }
    }
    shared.agent.send_replace(AgentState::Up(Arc::clone(link)));
}

impl Runner {
    /// Starts everything for the first time.
    async fn begin(&self, shared: &Arc<Shared>) -> Result<Running, HostError> {
        // A server of an earlier run would know nothing of what it should pass on.
        self.wine.end_server().await?;
        self.make_prefix().await?;
        let mut running = self.run(shared, None).await?;
        if self.set_environment(&running.link).await? {
            info!("the environment of services inside Wine has changed: Wine is started again");
            self.end(running).await;
            running = self.run(shared, None).await?;
        }
        announce(shared, &running.link).await;
        Ok(running)
    }

    async fn make_prefix(&self) -> Result<(), HostError> {
        let mut prefix = self.prefix.lock().await;
        if prefix.is_complete() {
            return Ok(());
        }
        let path = prefix.path().to_path_buf();
        info!(prefix = %path.display(), "making the Wine prefix, which takes a while the first time");
        let began = Instant::now();
        let mut process = self.wine.make_prefix().await?;
        let exit = loop {
            if let Ok(exit) = tokio::time::timeout(PROGRESS, process.wait()).await {
                break exit;
            }
            let after = Shown(began.elapsed());
            info!(%after, "still making the Wine prefix");
            if began.elapsed() > self.startup_timeout {
                let (after, reason) = (self.startup_timeout, self.lines.last());
                return Err(HostError::TimedOut { after, reason });
            }
        };
        // It has written its registry once it is gone.
        self.wine.end_server().await?;
        if !exit.is_success() {
            let reason = format!("wineboot ended with {exit}: {}", self.lines.last());
            return Err(HostError::NotMade { path, reason });
        }
        prefix.finish()?;
        let took = Shown(began.elapsed());
        info!(%took, "the Wine prefix is made");
        Ok(())
    }

    /// Starts the server, unless one is there, and the agent, and waits for its hello.
    async fn run(&self, shared: &Arc<Shared>, server: Option<Process>) -> Result<Running, HostError> {
        let server = match server {
            Some(server) => server,
            None => self.wine.serve().await?,
        };
        let io = |source| HostError::Io { action: "make a channel to", path: self.agent.clone(), source };
        let (ours, theirs) = StdStream::pair().map_err(io)?;
        ours.set_nonblocking(true).map_err(io)?;
        let ours = UnixStream::from_std(ours).map_err(io)?;
        let agent = self.wine.agent(&self.agent, theirs.into()).await?;
        let hello = Link::begin(ours, Arc::clone(&shared.statuses));
        match tokio::time::timeout(self.startup_timeout, hello).await {
            Ok(Ok(link)) => Ok(Running { server, agent, link }),
            Ok(Err(reason)) => {
                Err(HostError::Agent { reason: format!("{reason}; Wine: {}", self.lines.last()) })
            }
            Err(_) => Err(HostError::TimedOut { after: self.startup_timeout, reason: self.lines.last() }),
        }
    }

    /// Gives services their variables. Returns whether that takes a new start of Wine.
    async fn set_environment(&self, link: &Link) -> Result<bool, HostError> {
        let variables = self.environment.clone();
        match link.request(Request::SetEnvironment { variables }).await {
            Ok(Reply::Answer(changed)) => Ok(changed),
            Ok(Reply::Failed(failure)) => Err(HostError::Agent { reason: failure.text }),
            Ok(_) => Err(HostError::Agent { reason: "it did not answer what it was asked".into() }),
            Err(gone) => Err(HostError::Agent { reason: gone.to_string() }),
        }
    }

    /// Ends the agent and the server in their own way, and waits for both.
    async fn end(&self, running: Running) {
        let Running { mut server, mut agent, link } = running;
        link.close();
        if tokio::time::timeout(AGENT_END_TIME, agent.wait()).await.is_err() {
            warn!("the agent inside Wine did not end in time");
        }
        if let Err(error) = self.wine.end_server().await {
            warn!("{error}");
        }
        let _ = tokio::time::timeout(Duration::from_secs(5), server.wait()).await;
    }
}

/// Ends an agent whose channel is over, and leaves what it has started: the service manager may be among
/// that, and services go on.
async fn end_alone(agent: &mut Process) {
    if tokio::time::timeout(Duration::from_millis(500), agent.wait()).await.is_ok() {
        return;
    }
    debug!("the agent inside Wine has lost its channel and does not end");
    if let Some(pid) = Pid::from_raw(agent.pid().cast_signed()) {
        let _ = kill_process(pid, Signal::KILL);
    }
    agent.wait().await;
}

/// Starts the agent again whenever it dies, until the end is asked for.
async fn supervise(
    runner: Arc<Runner>,
    shared: Arc<Shared>,
    mut running: Running,
    ending: CancellationToken,
) {
    let mut failures = 0;
    loop {
        let began = Instant::now();
        tokio::select! {
            () = ending.cancelled() => {
                shared.agent.send_replace(AgentState::Over("it is being ended".into()));
                return runner.end(running).await;
            }
            reason = running.link.over() => {
                shared.agent.send_replace(AgentState::Down(Arc::clone(&reason)));
                warn!(%reason, "the agent inside Wine is gone, and is started again");
            }
        }
        if began.elapsed() > STABLE {
            failures = 0;
        }
        let Running { server, mut agent, .. } = running;
        end_alone(&mut agent).await;
        let mut server = Some(server);
        running = loop {
            failures += 1;
            tokio::select! {
                () = ending.cancelled() => {
                    shared.agent.send_replace(AgentState::Over("it is being ended".into()));
                    return;
                }
                () = tokio::time::sleep(BACKOFF.full(failures)) => {}
            }
            // A server that is gone has taken everything in the prefix with it.
            if let Some(process) = &mut server
                && tokio::time::timeout(Duration::ZERO, process.wait()).await.is_ok()
            {
                server = None;
            }
            match runner.run(&shared, server.take()).await {
                Ok(next) => break next,
                Err(error) => warn!("the agent inside Wine cannot be started: {error}"),
            }
        };
        announce(&shared, &running.link).await;
    }
}
