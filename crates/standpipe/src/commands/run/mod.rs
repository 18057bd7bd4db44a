//! `standpipe run`

mod document;
mod last_words;
mod limits;
mod metrics;
mod serve;
mod settings;
mod targets;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Args;
use standpipe_deployment::{
    Backend, Call, Deployment, Look, ProcessEnvironment, Role, Target, TargetAddresses, local_address,
};
use standpipe_pack::Sha256Sum;
use standpipe_runtime::facts::Own;
use standpipe_runtime::instance::{Instance, InstanceOptions, forward_signals};
use standpipe_runtime::state::EndpointRecord;
use standpipe_runtime::{Stop, state};
use standpipe_service::Forwarded;
use tokio::task::JoinSet;
use tracing::{Instrument, info, warn};

use self::document::{Found, Shown};
use self::limits::RoleLimits;
use self::serve::{Endpoints, HealthPort, Sockets};
use self::settings::FollowedSettings;
use self::targets::{Targets, VARIABLE};
use super::instances::parse_number;
use super::packed::{self, GivenFile};
use super::{confine, parse_timeout, runtime_within};
use crate::failure::{Exit, Failure};

const EXAMPLES: &str = "Examples:\n  \
    standpipe run --role ServiceWatcher\n  \
    standpipe run --role ServiceWatcher --instance 1 --address 10.0.0.5\n  \
    standpipe run -f /etc/standpipe.toml --role Web --address 0.0.0.0\n  \
    standpipe run -f demo.pack --role ServiceWatcher\n  \
    standpipe run --role ServiceWatcher --instance \"$HOSTNAME\" --address \"$POD_IP\"\n  \
    standpipe run --role Web --target ServiceWatcher/NamedPipes=dns:watchers.example:445";

/// The headings of the options.
const WHICH: &str = "Which instance";
const NETWORK: &str = "Network";
const TELLING: &str = "Platform and state";

/// Run one instance of a role: its startup tasks, its service, its endpoints
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Run {
    /// The deployment file, or a pack that has one
    #[arg(short, long, env = "STANDPIPE_FILE", value_name = "PATH", default_value = "standpipe.toml", help_heading = WHICH)]
    file: PathBuf,

    /// The SHA-256 that the pack must have, as `standpipe pack` and `sha256sum` print it
    #[arg(long, value_name = "HEX")]
    sha256: Option<Sha256Sum>,

    /// The role; not needed when the deployment has only one
    #[arg(long, env = "STANDPIPE_ROLE", value_name = "NAME", help_heading = WHICH)]
    role: Option<String>,

    /// Which instance of the role this is, from 0; or a name that ends with `-` and that number, as pods of a
    /// StatefulSet have it
    #[arg(long, env = "STANDPIPE_INSTANCE", value_name = "N", default_value = "0", value_parser = parse_number, help_heading = WHICH)]
    instance: u32,

    /// The address to listen on; without it, every address of a container whose first process this is, and
    /// otherwise the loopback address of the instance: 127.0.0.1 for 0, 127.0.0.2 for 1
    #[arg(long, env = "STANDPIPE_ADDRESS", value_name = "IP", help_heading = NETWORK)]
    address: Option<IpAddr>,

    /// The folder that paths in the file start from, when the file is in another one
    #[arg(long, env = "STANDPIPE_FOLDER", value_name = "DIR", help_heading = WHICH)]
    folder: Option<PathBuf>,

    /// Where a target's instances are, instead of what the deployment file says: HOST:PORT, dns:NAME:PORT,
    /// srv:_SERVICE._tcp.NAME or file:PATH. May be given several times. Without it, what STANDPIPE_TARGETS
    /// says
    #[arg(long = "target", value_name = "ROLE/ENDPOINT=ADDRESS", value_parser = TargetAddresses::parse, help_heading = NETWORK)]
    targets: Vec<TargetAddresses>,

    /// Where to answer /livez, /readyz, /startz, /metrics and /role, instead of what the deployment file says
    #[arg(long, env = "STANDPIPE_HEALTH", value_name = "IP:PORT", help_heading = NETWORK)]
    health: Option<SocketAddr>,

    /// How long the platform waits for the end once it has asked for it, such as
    /// `terminationGracePeriodSeconds` of a pod: a time too short for what the file asks for is warned of
    #[arg(long, env = "STANDPIPE_STOP_LIMIT", value_name = "TIME", value_parser = parse_timeout, help_heading = TELLING)]
    stop_limit: Option<Duration>,

    /// The file that gets the reason when the instance fails, as Kubernetes shows it; without it,
    /// /dev/termination-log where there is one
    #[arg(long, env = "STANDPIPE_TERMINATION_LOG", value_name = "PATH", help_heading = TELLING)]
    termination_log: Option<PathBuf>,

    /// The folder to keep state in; without it, one with the deployment's name in /run/standpipe for root, in
    /// $XDG_RUNTIME_DIR/standpipe or /tmp/standpipe-UID for others, and in %LOCALAPPDATA%\\standpipe on
    /// Windows
    #[arg(long, env = "STANDPIPE_STATE_DIR", value_name = "DIR", help_heading = TELLING)]
    state_dir: Option<PathBuf>,

    /// A file to keep the last log lines in; for `up`
    #[arg(long, value_name = "PATH", hide = true)]
    log_to: Option<PathBuf>,
}

impl Run {
    /// The file to keep the last log lines in.
    pub(super) fn log_to(&self) -> Option<&Path> {
        self.log_to.as_deref()
    }
}

pub(super) fn run(run: &Run) -> Result<Exit, Failure> {
    // For log lines as JSON: those of several instances may end up in one place.
    let span = tracing::error_span!("instance", role = run.role, number = run.instance);
    runtime_within(&span)?.block_on(run_instance(run).instrument(span))
}

async fn run_instance(run: &Run) -> Result<Exit, Failure> {
    let ended = match begin_and_run(run).await {
        Ok(ended) => ended,
        Err(failure) => {
            say_why(run, &failure);
            Err(failure)
        }
    };
    if let Err(failure) = &ended {
        last_words::write(run.termination_log.as_deref(), failure);
    }
    ended
}

/// Leaves the reason for `ps` and for whoever started this process.
fn say_why(run: &Run, failure: &Failure) {
    let (Some(role), Some(dir)) = (&run.role, &run.state_dir) else { return };
    if failure.exit() == Exit::Usage {
        return;
    }
    if let Err(error) = state::write_last_words(dir, role, run.instance, &failure.in_one_line()) {
        warn!("{error}");
    }
}

/// How the instance ended, or why it could not begin.
async fn begin_and_run(run: &Run) -> Result<Result<Exit, Failure>, Failure> {
    let address = run.address.unwrap_or_else(|| usual_address(std::process::id(), run.instance));
    let look = Look::Instance { role: run.role.as_deref(), number: run.instance, address };
    if let Some(folder) = run.folder.as_deref().filter(|_| packed::names_pack(&run.file)) {
        let error =
            format!("paths in a pack start from where it is unpacked, and not from {}", folder.display());
        return Err(Failure::new(Exit::Usage, error).hint("leave out --folder"));
    }
    let given = GivenFile { path: run.file.clone(), sha256: run.sha256, state_dir: run.state_dir.clone() };
    // Held to the end: this instance runs from it.
    let given = given.deployment()?;
    given.remove_others();
    let file = given.path().to_path_buf();
    let deployment = match &run.folder {
        Some(folder) => Deployment::load_in(folder, &file, &ProcessEnvironment, look)?,
        None => Deployment::load(&file, &ProcessEnvironment, look)?,
    };
    let role = choose_role(&deployment, run.role.as_deref())?;
    let targets = Targets::new(&run.targets, std::env::var_os(VARIABLE).as_deref(), &deployment)?;
    let stop = Stop::of_an_instance().map_err(Failure::signals)?;
    let forwarded = Forwarded::listen().map_err(Failure::signals)?;
    let state_dir = state::locate(deployment.name(), run.state_dir.as_deref(), |name| std::env::var_os(name));
    state::check_sockets(&state_dir, [(role, run.instance)])?;
    // Everything that can fail does so before the first startup task runs.
    let limits = RoleLimits::of(role);
    let sockets = Sockets::bind(role, (run.instance, address), &limits).await?;
    let health = HealthPort::bind(role, run.health, address).await?;
    let own =
        Own { endpoints: sockets.records().to_vec(), document: health.as_ref().map(HealthPort::document) };
    let options = InstanceOptions {
        deployment: &deployment,
        role,
        number: run.instance,
        state_dir: &state_dir,
        drain_timeout: role.drain_timeout,
    };
    say_where_it_listens(&own.endpoints, health.as_ref(), &state_dir);
    say_how_long_a_stop_takes(role, run.stop_limit);
    let instance = Instance::prepare_with(options, &own)?;
    let endpoints = Endpoints::new(&deployment, role, sockets, &instance, &targets)?;
    let settings = Arc::new(Mutex::new(role.settings.clone()));
    // These end with the instance.
    let mut beside = JoinSet::new();
    beside.spawn(forward_signals(forwarded, instance.record()));
    beside.spawn(
        FollowedSettings {
            file,
            folder: run.folder.clone(),
            role: role.name.clone(),
            number: run.instance,
            settings: Arc::clone(&settings),
            record: instance.record(),
            recycle: instance.recycle(),
        }
        .follow(),
    );
    if let Some(health) = health {
        let storage = instance.local_storage().map(Path::to_path_buf);
        let which = (&deployment, role, run.instance);
        let found = found(&deployment, &targets);
        let shown = Shown::new(which, instance.record(), &own.endpoints, storage, settings, found);
        beside.spawn(health.serve(Arc::new(shown.with_counted(endpoints.counted()))));
    }
    if starts_nothing(role) {
        confine();
    }
    let outcome = instance.run(own.endpoints, stop, |serving| endpoints.serve(serving)).await;
    beside.shutdown().await;
    Ok(Failure::of_outcome(&outcome))
}

/// Whether the instance is this process alone: what starts others cannot do without the rights for it.
fn starts_nothing(role: &Role) -> bool {
    let runs_commands = role.pipes.iter().any(|pipe| matches!(pipe.backend, Backend::Command(_)));
    role.startup.is_empty() && role.services.is_empty() && role.wine.is_none() && !runs_commands
}

/// The instances of every endpoint of the deployment. Where a call says where they are, that counts.
fn found(deployment: &Deployment, targets: &Targets) -> Vec<Found> {
    let mut found = Vec::new();
    let calls: Vec<&Call> = deployment.roles().iter().flat_map(|role| &role.calls).collect();
    for role in deployment.roles() {
        for endpoint in &role.endpoints {
            let target = Target { role: role.name.clone(), endpoint: endpoint.name.clone() };
            let addresses =
                calls.iter().filter(|call| call.target == target).find_map(|call| call.addresses.as_deref());
            let targets = targets.follow(deployment, &target, addresses);
            found.push(Found { role: target.role, endpoint: target.endpoint, targets });
        }
    }
    found
}

/// The first process of a container is reached from outside of it only where it listens on the container's
/// own addresses. Elsewhere nobody is let in from the network before somebody asks for it.
fn usual_address(own_process: u32, instance: u32) -> IpAddr {
    if own_process == 1 && cfg!(unix) { Ipv4Addr::UNSPECIFIED.into() } else { local_address(instance) }
}

/// Where clients find the instance, and people what it says of itself.
fn say_where_it_listens(endpoints: &[EndpointRecord], health: Option<&HealthPort>, state_dir: &Path) {
    for EndpointRecord { name, protocol, address } in endpoints {
        info!("endpoint {name} is at {protocol}://{address}");
    }
    if let Some(health) = health {
        info!("health is at {}", health.document().replace("/role", "/readyz"));
    }
    info!("state is kept in {}", state_dir.display());
}

/// Platforms kill what has not ended in the time that they grant, and nobody sees what was lost by it.
fn say_how_long_a_stop_takes(role: &Role, granted: Option<Duration>) {
    let (most, parts) = (humantime::format_duration(role.stop_limit()), role.stop_parts());
    info!("a stop takes {most} at most: {parts}");
    if let Some(granted) = granted.filter(|&granted| granted < role.stop_limit()) {
        let granted = humantime::format_duration(granted);
        warn!(
            "the platform kills this instance {granted} after it asks for the end, and a stop may take {most}"
        );
    }
}

fn choose_role<'d>(deployment: &'d Deployment, name: Option<&str>) -> Result<&'d Role, Failure> {
    let names = || deployment.roles().iter().map(|role| role.name.as_str()).collect::<Vec<_>>().join(", ");
    match (name, deployment.roles()) {
        (Some(name), _) => deployment.role(name).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("the deployment has no role `{name}`"))
                .hint(format!("its roles are {}", names()))
        }),
        (None, [only]) => Ok(only),
        (None, _) => Err(Failure::new(Exit::Usage, "the deployment has more than one role")
            .hint(format!("say which one with --role: {}", names()))),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_of_a_container_is_reached_from_outside() {
        assert_eq!(usual_address(1, 3), IpAddr::from([0, 0, 0, 0]));
        assert_eq!(usual_address(7, 3), IpAddr::from([127, 0, 0, 4]));
    }
}
