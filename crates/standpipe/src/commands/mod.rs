//! The commands, one file each.

pub(crate) mod account;
mod agent;
pub(crate) mod bench;
pub(crate) mod call;
mod check;
mod connect;
pub(crate) mod doctor;
mod down;
mod export;
mod health;
pub(crate) mod import;
mod instances;
mod logs;
pub(crate) mod pack;
mod packed;
mod ps;
mod restart;
mod run;
mod scale;
mod sddl;
pub(crate) mod service;
mod unpack;
mod up;
mod update;
mod which;

use std::path::Path;
use std::time::Duration;

use clap::Subcommand;
use standpipe_client::Client;
use tokio::runtime::Runtime;
use tracing::Span;

use crate::failure::{Caused, Exit, Failure};
use crate::logging::{LogFormat, LogOptions};
use crate::output::Output;

/// How long a server has to answer a good-bye: what was wanted of it is there already.
const LOG_OFF_TIMEOUT: Duration = Duration::from_secs(1);

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole deployment on this machine, and start again what fails
    Up(up::Up),
    /// Run one instance of a role: its startup tasks, its service, its endpoints
    Run(run::Run),
    /// Show the instances of a deployment that runs on this machine
    Ps(ps::Ps),
    /// Show the last log lines of instances, and those that come
    Logs(logs::Logs),
    /// Run more or fewer instances of a role
    Scale(scale::Scale),
    /// Start instances again, one update domain after the other
    Restart(restart::Restart),
    /// Read the deployment file again, and bring instances to what it says, one update domain after the other
    Update(update::Update),
    /// Stop a deployment that runs on this machine
    #[command(visible_alias = "stop")]
    Down(down::Down),
    /// Say by the exit code whether instances on this machine are ready: 0 when all are, 75 otherwise
    Health(health::Health),
    /// Send one request to a pipe and print its reply
    Call(call::Call),
    /// Offer a pipe of another machine as a local one, for programs that know nothing of the network
    Connect(connect::Connect),
    /// Call a pipe as fast as it answers, and say how fast that is
    Bench(bench::Bench),
    /// Manage the accounts that may log on
    #[command(subcommand)]
    Account(account::Account),
    /// Say what an access-control list means, and whom it lets in
    #[command(subcommand)]
    Sddl(sddl::Sddl),
    /// Install, start and stop services in the service control manager of Windows
    #[command(subcommand)]
    Service(service::Service),
    /// Check a deployment file: every mistake, with its line
    Check(check::Check),
    /// Say what would go wrong on this machine, and what to do about it
    Doctor(doctor::Doctor),
    /// Put a deployment file and the files of its roles into one file, with checksums
    Pack(pack::PackCommand),
    /// Check a pack, and put its files into a folder
    Unpack(unpack::Unpack),
    /// Make a deployment file of an Azure Cloud Service: its definition and configurations
    Import(import::Import),
    /// Write files that run a deployment on Kubernetes, with compose or with systemd
    #[command(subcommand)]
    Export(export::Export),
    /// Control Windows services and open their pipes inside Wine, for a Standpipe outside of it
    #[command(hide = true)]
    Agent(agent::Agent),
}

impl Command {
    /// The file that this command's log lines are kept in, as far as its arguments name one.
    pub(crate) fn log_file(&self) -> Option<&Path> {
        match self {
            Self::Run(run) => run.log_to(),
            _ => None,
        }
    }

    /// Whether it serves others until somebody stops it, and so must not wait for the reader of its log.
    pub(crate) fn serves(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Run(_) | Self::Connect(_) | Self::Agent(_))
    }

    /// How this command's log lines are written when the user asks for `wanted`.
    pub(crate) fn log_format(&self, wanted: LogFormat) -> LogFormat {
        match (self, wanted) {
            (Self::Up(_), LogFormat::Human) => LogFormat::Relay,
            _ => wanted,
        }
    }
}

/// Gives up rights that a process which starts nothing does not need. A system that refuses is no reason not
/// to serve.
fn confine() {
    match standpipe_system::confine() {
        Ok(true) => tracing::debug!("this process can start no program any more"),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "this process keeps rights that it does not need"),
    }
}

/// Runs a command.
pub(crate) fn run(command: Command, log: &LogOptions, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Up(up) => up::run(&up, log, output),
        Command::Run(run) => run::run(&run),
        Command::Ps(ps) => ps::run(&ps, output),
        Command::Logs(logs) => logs::run(logs, output),
        Command::Scale(scale) => scale::run(scale, output),
        Command::Restart(restart) => restart::run(restart, output),
        Command::Update(update) => update::run(update, output),
        Command::Down(down) => down::run(&down, output),
        Command::Health(health) => health::run(&health, output),
        Command::Call(call) => call::run(&call, output),
        Command::Connect(connect) => connect::run(&connect),
        Command::Bench(bench) => bench::run(&bench, output),
        Command::Account(account) => account::run(account, output),
        Command::Sddl(sddl) => sddl::run(sddl, output),
        Command::Service(service) => service::run(service, output),
        Command::Check(check) => check::run(&check, output),
        Command::Doctor(doctor) => doctor::run(&doctor, output),
        Command::Pack(pack) => pack::run(&pack, output),
        Command::Unpack(unpack) => unpack::run(&unpack, output),
        Command::Import(import) => import::run(&import, output),
        Command::Export(export) => export::run(&export, output),
        Command::Agent(_) => agent::run(),
    }
}

/// What runs the commands that wait for something.
fn runtime() -> Result<Runtime, Failure> {
    started(tokio::runtime::Builder::new_multi_thread().enable_all())
}

/// The same; every log line of its threads is said to be within `span`.
fn runtime_within(span: &Span) -> Result<Runtime, Failure> {
    let span = span.clone();
    // Entered for as long as the thread lives, as tasks that know nothing of it run there.
    let enter = move || std::mem::forget(span.clone().entered());
    started(tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(enter))
}

fn started(builder: &mut tokio::runtime::Builder) -> Result<Runtime, Failure> {
    builder.build().map_err(|error| {
        Failure::new(Exit::Temporary, Caused { what: "could not start threads".into(), source: error.into() })
    })
}

/// Logs off. The server has a moment to say so too; how it ends is of no interest.
async fn log_off(client: &Client) {
    let _ = tokio::time::timeout(LOG_OFF_TIMEOUT, client.log_off()).await;
}

/// A length of time in whole seconds, rounded up.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// A length of time for waiting, as options give it.
fn parse_timeout(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(timeout) if timeout.is_zero() => Err("expected more than zero".to_owned()),
        Ok(timeout) => Ok(timeout),
        Err(error) => Err(format!("{error}; expected a number with its unit, such as 500ms or 10s")),
    }
}
