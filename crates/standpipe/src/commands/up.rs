//! `standpipe up`

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Args;
use standpipe_deployment::{Deployment, Look, Problems, ProcessEnvironment};
use standpipe_pack::Sha256Sum;
use standpipe_process::Output as ProcessOutput;
use standpipe_runtime::local::control::Refusal;
use standpipe_runtime::local::{
    Host, LocalInstance, LocalOptions, LocalOutcome, LocalRuntime, RecyclePolicy, WalkPace,
};
use standpipe_runtime::state::InstanceRecord;
use standpipe_runtime::{Stop, state};
use standpipe_service::Forwarded;
use tokio::sync::watch;
use tracing::{info, warn};

use super::packed::{DeploymentFile, GivenFile};
use super::{instances, runtime};
use crate::failure::{Caused, Exit, Failure};
use crate::logging::{self, LiveView, LogFormat, LogOptions};
use crate::output::{Output, columns};

const EXAMPLES: &str = "Examples:\n  \
    standpipe up\n  \
    standpipe up -f deploy/standpipe.toml --state-dir /run/standpipe/demo\n  \
    standpipe up -f demo.pack\n\n\
    Ctrl-C stops everything; a second Ctrl-C stops it at once.";

/// How much longer than its service an instance may take to stop: it drains its clients first.
const STOP_SLACK: Duration = Duration::from_secs(20);

/// How often times in the live view move on.
const REDRAW: Duration = Duration::from_secs(1);

/// Run a whole deployment on this machine, and start again what fails
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Up {
    /// The deployment file, or a pack that has one
    #[arg(short, long, value_name = "PATH", default_value = "standpipe.toml")]
    file: PathBuf,

    /// The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it
    #[arg(long, value_name = "HEX")]
    sha256: Option<Sha256Sum>,

    /// The folder to keep state in; without it, one for the deployment where this user keeps such things
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// The longest that a stop may take: whatever has not ended by then is killed; without it, each instance
    /// has what its role's stop may take
    #[arg(long, value_name = "TIME", value_parser = super::parse_timeout)]
    stop_limit: Option<Duration>,

    /// Only log lines, also on a terminal
    #[arg(long)]
    no_view: bool,
}

pub(super) fn run(up: &Up, log: &LogOptions, output: &mut Output) -> Result<Exit, Failure> {
    let given = GivenFile { path: up.file.clone(), sha256: up.sha256, state_dir: up.state_dir.clone() };
    let file = given.deployment()?;
    let load = |look| Deployment::load(file.path(), &ProcessEnvironment, look);
    // Without this machine at first: a deployment that runs already holds its own ports. But all mistakes in
    // one go.
    let deployment = load(Look::Files).map_err(|found| load(Look::Machine).err().unwrap_or(found))?;
    let deployment = Arc::new(deployment);
    let live = !up.no_view && log.format == LogFormat::Human && is_live_terminal();
    let view = live.then(|| output.live_view());
    let outcome = runtime()?.block_on(run_deployment(up, log, (&given, file), &deployment, view))?;
    let exit = outcome.exit_code();
    match outcome.failed.split_first() {
        Some((first, others)) if exit != Exit::Ok => {
            for failed in others {
                output.note(format_args!("error: {failed}"));
            }
            Err(Failure::new(exit, first.to_string()))
        }
        _ => Ok(exit),
    }
}

/// Whether lines can be drawn over.
fn is_live_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

async fn run_deployment(
    up: &Up,
    log: &LogOptions,
    (given, file): (&GivenFile, DeploymentFile),
    deployment: &Arc<Deployment>,
    view: Option<LiveView>,
) -> Result<LocalOutcome, Failure> {
    let here = |what: &'static str| {
        move |error: io::Error| {
            Failure::new(Exit::Temporary, Caused { what: what.into(), source: error.into() })
        }
    };
    let program = std::env::current_exe().map_err(here("could not find this program's own file"))?;
    let folder = std::env::current_dir().map_err(here("could not find the current folder"))?;
    let absolute = std::path::absolute(file.path()).map_err(here("could not find the deployment file"))?;
    let stop = Stop::of_an_instance().map_err(Failure::signals)?;
    let forwarded = Forwarded::listen().map_err(Failure::signals)?;
    if let Some(limit) = up.stop_limit {
        tokio::spawn(stop.clone().forced_after(limit));
    }
    let state_dir = state::locate(deployment.name(), up.state_dir.as_deref(), |name| std::env::var_os(name));
    let runtime = LocalRuntime::prepare(LocalOptions {
        deployment: Arc::clone(deployment),
        state_dir: &state_dir,
        folder: &folder,
        // Lines of JSON are whole by themselves; others need the instance's name, and room above the live
        // view.
        output: if log.format == LogFormat::Json { ProcessOutput::Inherit } else { ProcessOutput::Log },
        stop_slack: STOP_SLACK,
        recycle: RecyclePolicy::default(),
        pace: WalkPace::default(),
    })
    .await?;
    if let Err(problems) = Deployment::load(file.path(), &ProcessEnvironment, Look::Machine) {
        if let Err(error) = runtime.abandon() {
            warn!("{error}");
        }
        return Err(problems.into());
    }
    if let Err(error) = logging::keep_in(&state::own_log(runtime.state_dir()), log.format == LogFormat::Json)
    {
        warn!("the log is not kept: {error}");
    }
    info!("deployment {} keeps its state in {}", deployment.name(), runtime.state_dir().display());
    let (sender, views) = watch::channel(Vec::new());
    let forwarding = tokio::spawn(forward_signals(forwarded, sender.subscribe()));
    let shown = tokio::spawn(show(deployment.name().to_owned(), views, view));
    // Instances of a runtime that was killed have gone.
    file.remove_others();
    let file = Mutex::new(CurrentFile { absolute, file, former: Vec::new() });
    let host = ThisProgram { program, given, file, log };
    let outcome = runtime.run(&host, stop, &sender).await;
    drop(sender);
    forwarding.abort();
    // It ends with the sender.
    let _ = shown.await;
    Ok(outcome)
}

/// Passes the signals that are for services on to the instances, which pass them on to their services.
async fn forward_signals(mut signals: Forwarded, views: watch::Receiver<Vec<InstanceRecord>>) {
    loop {
        let signal = signals.next().await;
        let records = views.borrow().clone();
        if records.iter().all(|record| record.pid.is_none()) {
            warn!("{}: no instance runs that could get it", signal.name);
        }
        for record in records {
            let Some(process) = record.pid else { continue };
            let instance = format!("{}/{}", record.role, record.instance);
            match signal.send_to(process) {
                Ok(()) => info!("{}: passed on to {instance}", signal.name),
                Err(error) => warn!("{}: {instance} cannot get it: {error}", signal.name),
            }
        }
    }
}

/// What the local runtime asks of this program.
struct ThisProgram<'a> {
    program: PathBuf,
    /// What the user gave.
    given: &'a GivenFile,
    file: Mutex<CurrentFile>,
    log: &'a LogOptions,
}

/// The deployment file: another one when another pack was put in the place of the first.
#[derive(Debug)]
struct CurrentFile {
    absolute: PathBuf,
    /// The same for messages.
    file: DeploymentFile,
    /// Those before it, from which instances may still run.
    former: Vec<DeploymentFile>,
}

impl ThisProgram<'_> {
    fn file(&self) -> MutexGuard<'_, CurrentFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for ThisProgram<'_> {
    fn command(&self, instance: LocalInstance<'_>) -> Vec<OsString> {
        command(&self.program, &self.file().absolute, &instance, self.log)
    }

    fn reload(&self) -> Result<Deployment, Refusal> {
        let whole = |failure: &Failure| Refusal::new(failure.exit(), failure.in_one_line());
        let file = self.given.deployment().map_err(|failure| whole(&failure))?;
        // The deployment itself holds its ports.
        let deployment = Deployment::load(file.path(), &ProcessEnvironment, Look::Files)
            .map_err(|problems| refusal(&problems))?;
        if let Ok(absolute) = std::path::absolute(file.path()) {
            let mut current = self.file();
            current.absolute = absolute;
            let former = std::mem::replace(&mut current.file, file);
            current.former.push(former);
        }
        Ok(deployment)
    }

    fn updated(&self) {
        let mut current = self.file();
        current.former.clear();
        current.file.remove_others();
    }

    fn check(&self, instances: &BTreeMap<String, u32>) -> Result<(), Refusal> {
        Deployment::load_scaled(self.file().file.path(), &ProcessEnvironment, Look::Files, instances)
            .map(drop)
            .map_err(|problems| refusal(&problems))
    }
}

fn refusal(problems: &Problems) -> Refusal {
    let count = match problems.count() {
        1 => "a mistake".to_owned(),
        several => format!("{several} mistakes"),
    };
    let error =
        format!("the deployment file has {count}, and nothing was changed\n{}", problems.render(false));
    Refusal::new(Exit::Config, error.trim_end())
}

/// The command line of one instance's process.
fn command(program: &Path, file: &Path, instance: &LocalInstance<'_>, log: &LogOptions) -> Vec<OsString> {
    let format = if log.format == LogFormat::Json { "json" } else { "human" };
    vec![
        program.into(),
        "run".into(),
        "--file".into(),
        file.into(),
        "--role".into(),
        instance.role.name.clone().into(),
        "--instance".into(),
        instance.number.to_string().into(),
        "--address".into(),
        instance.address.to_string().into(),
        "--state-dir".into(),
        instance.state_dir.into(),
        "--log-to".into(),
        state::log_of(instance.state_dir, &instance.role.name, instance.number).into(),
        "--log".into(),
        log.filter.clone().into(),
        "--log-format".into(),
        format.into(),
        "--color".into(),
        "never".into(),
    ]
}

/// Shows the instances until there is nothing more to show: in the live view, or the pages' addresses in the
/// log.
async fn show(deployment: String, mut views: watch::Receiver<Vec<InstanceRecord>>, view: Option<LiveView>) {
    let mut announced = Vec::new();
    loop {
        let records = views.borrow_and_update().clone();
        match &view {
            Some(view) => draw(view, &deployment, &records),
            None => announce(&records, &mut announced),
        }
        tokio::select! {
            changed = views.changed() => if changed.is_err() {
                break;
            },
            () = tokio::time::sleep(REDRAW), if view.is_some() => {}
        }
    }
    if let Some(view) = view {
        view.clear();
    }
}

/// Says once for each page where it is, when it can be called.
fn announce(records: &[InstanceRecord], announced: &mut Vec<String>) {
    for page in pages(records) {
        if !announced.contains(&page) {
            info!("the page is at {page}");
            announced.push(page);
        }
    }
}

fn pages(records: &[InstanceRecord]) -> Vec<String> {
    let ready = records.iter().filter(|record| record.ready).flat_map(|record| &record.endpoints);
    ready.filter(|at| at.protocol == "http").map(|at| format!("http://{}/", at.address)).collect()
}

fn draw(view: &LiveView, deployment: &str, records: &[InstanceRecord]) {
    if records.is_empty() {
        return;
    }
    let (width, height) = terminal_size::terminal_size_of(io::stderr())
        .map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)));
    let ready = records.iter().filter(|record| record.ready).count();
    let mut lines = vec![String::new()];
    lines.push(format!("{deployment}: {ready} of {} instances ready; Ctrl-C stops", records.len()));
    lines.extend(columns(&instances::rows(records)));
    lines.extend(instances::errors(records).into_iter().map(|error| format!("last error of {error}")));
    lines.extend(pages(records).into_iter().map(|page| format!("page: {page}")));
    // What does not fit could not be drawn over.
    lines.truncate(height.saturating_sub(1));
    view.show(&lines, width);
}
