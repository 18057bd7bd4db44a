//! `standpipe service …`

use std::env;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use standpipe_deployment::Password;
use standpipe_process::{SpawnError, command_line, program};
use standpipe_service::scm::{self, Description, Installation, LOCAL_SYSTEM, ScmError, StartType};
use standpipe_service::{Exit as ServiceExit, State, Status};

use super::parse_timeout;
use crate::failure::{Caused, Exit, Failure};
use crate::output::Output;

const INSTALL_EXAMPLES: &str = "Examples:\n  \
    standpipe service install SimpleService -- C:\\service\\SimpleService.exe\n  \
    standpipe service install Worker --start auto --depends-on SimpleService -- worker.exe --level 3\n  \
    standpipe service install Worker --user CORP\\svc --password-file secrets\\svc -- worker.exe\n\n\
    Installing a service again with the same settings changes nothing, and with others changes them. A password\n\
    cannot be compared, so one that is given is always set.";
const REMOVE_EXAMPLES: &str = "Example:\n  standpipe service remove SimpleService\n\n\
    Removing a service that is not installed is no error.";
const START_EXAMPLES: &str = "Example:\n  standpipe service start SimpleService --timeout 2m\n\n\
    Starting a service that runs is no error.";
const STOP_EXAMPLES: &str = "Example:\n  standpipe service stop SimpleService\n\n\
    Stopping a service that is stopped is no error.";
const STATUS_EXAMPLES: &str = "Examples:\n  \
    standpipe service status SimpleService\n  \
    standpipe service status SimpleService --json\n\n\
    Exit codes: 0 it runs, 69 it is stopped or paused, 75 it is on its way from one state to another, 77 not\n\
    permitted, 78 it is not installed. A service that Windows calls running but whose process is dead is stopped.";
const EXIT_CODES: &str = "These commands say nothing when they succeed; `status` prints its answer.\n\n\
    Exit codes: 0 done, or it was so before, 64 usage, or no Windows, 69 the service ended or failed, 75 it took too\n\
    long, or Windows is busy, 77 access denied, 78 not installed, disabled, wrong account, no such program.";

/// Install, start and stop services in the service control manager of Windows
#[derive(Debug, Subcommand)]
#[command(after_help = EXIT_CODES)]
pub(crate) enum Service {
    /// Install a service, or change the settings of one that is installed
    #[command(after_help = INSTALL_EXAMPLES)]
    Install(Install),
    /// Stop a service and remove it
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Named),
    /// Start a service and wait until it runs
    #[command(after_help = START_EXAMPLES)]
    Start(Named),
    /// Stop a service and wait until it is stopped
    #[command(after_help = STOP_EXAMPLES)]
    Stop(Named),
    /// Show a service: what it is doing, and its settings
    #[command(after_help = STATUS_EXAMPLES)]
    Status(ShowStatus),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The service's name, not its display name
    name: String,

    /// How long to wait until it is done
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_timeout)]
    timeout: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    #[command(flatten)]
    named: Named,

    /// The service's program and its arguments; a program without a folder is looked for in PATH
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    command: Vec<String>,

    /// The name that people see; otherwise the service's name
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,

    /// What the service is, in words
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// When Windows starts it by itself
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = When::Manual)]
    start: When,

    /// A service that has to run before this one; may be given several times
    #[arg(long, value_name = "NAME")]
    depends_on: Vec<String>,

    /// The account that it runs as, such as `LocalService`, `CORP\svc` or `svc` of this machine
    #[arg(long, value_name = "ACCOUNT", default_value = LOCAL_SYSTEM)]
    user: String,

    /// Read the account's password from the only line of a file that nobody else can read
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ShowStatus {
    /// The service's name, not its display name
    name: String,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// When Windows starts a service by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// When the system starts
    Auto,
    /// Never
    Manual,
    /// Never, and nobody can start it
    Disabled,
}

/// A service as `standpipe service status --json` shows it.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The service's name.
    name: String,
    /// The name that people see.
    display_name: String,
    /// `Stopped`, `StartPending`, `StopPending`, `Running`, `ContinuePending`, `PausePending` or `Paused`.
    state: String,
    /// Its process, while it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// The error of Windows that it ended with, while it is stopped; 0 for success.
    #[serde(skip_serializing_if = "Option::is_none")]
    windows_error: Option<u32>,
    /// The code of its own that it ended with, while it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_code: Option<u32>,
    /// Its program and arguments, as Windows keeps them.
    command: String,
    /// The account that it runs as.
    account: String,
    /// When Windows starts it: `auto`, `manual` or `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    /// The services that have to run before it; groups of services begin with `+`.
    depends_on: Vec<String>,
    /// Whether Windows itself starts it again after a failure.
    restarts: bool,
}

pub(super) fn run(service: Service, output: &mut Output) -> Result<Exit, Failure> {
    scm::check_supported()?;
    match service {
        Service::Install(wanted) => {
            scm::install(&wanted.installation()?, wanted.named.timeout)?;
        }
        Service::Remove(named) => {
            if scm::status(&named.name)?.is_some() {
                scm::stop(&named.name, named.timeout)?;
                scm::remove(&named.name, named.timeout)?;
            }
        }
        Service::Start(named) => {
            scm::start(&named.name, named.timeout)?;
        }
        Service::Stop(named) => {
            scm::stop(&named.name, named.timeout)?;
        }
        Service::Status(wanted) => return show(&wanted, output),
    }
    Ok(Exit::Ok)
}

impl Install {
    fn installation(&self) -> Result<Installation, Failure> {
        let (named, arguments) = self.command.split_first().map_or(("", &[][..]), |(a, b)| (a.as_str(), b));
        let program = find_program(named)?;
        let password = self.password_file.as_deref().map(Password::from_file).transpose()?;
        let name = self.named.name.clone();
        Ok(Installation {
            display_name: self.display_name.clone().unwrap_or_else(|| name.clone()),
            command: command_line(&program, arguments.iter().map(String::as_str)),
            account: scm::account_name(&self.user),
            password: password.map(|password| password.expose().to_owned()),
            start_type: self.start.into(),
            dependencies: self.depends_on.clone(),
            description: self.description.clone().unwrap_or_default(),
            name,
        })
    }
}

/// The absolute path of the program: a service starts in the folder of the system.
fn find_program(named: &str) -> Result<String, Failure> {
    let missing =
        |error: SpawnError| Failure::new(Exit::Config, error).hint("give the path of the service's program");
    let here = |error| {
        let what = "the current folder cannot be used".into();
        Failure::new(Exit::Config, Caused { what, source: Box::<std::io::Error>::new(error) })
    };
    let folder = env::current_dir().map_err(here)?;
    let found = program::find(OsStr::new(named), &folder, env::var_os("PATH").as_deref()).map_err(missing)?;
    let found: &Path = &std::path::absolute(&found).map_err(here)?;
    Ok(found.display().to_string())
}

fn show(wanted: &ShowStatus, output: &mut Output) -> Result<Exit, Failure> {
    let name = &wanted.name;
    let (Some(status), Some(description)) = (scm::status(name)?, scm::describe(name)?) else {
        let code = scm::WindowsCode::SERVICE_DOES_NOT_EXIST;
        return Err(ScmError::Refused { what: "look at", name: name.clone(), code }.into());
    };
    if wanted.json {
        output.json(&Shown::of(name, &status, &description))?;
    } else {
        for line in lines(name, &status, &description) {
            output.line(line)?;
        }
    }
    Ok(exit_of_state(status.state))
}

/// What the exit code of `status` says.
const fn exit_of_state(state: State) -> Exit {
    match state {
        State::Running => Exit::Ok,
        State::Stopped | State::Paused => Exit::Unavailable,
        State::StartPending | State::StopPending | State::ContinuePending | State::PausePending => {
            Exit::Temporary
        }
    }
}

impl Shown {
    fn of(name: &str, status: &Status, description: &Description) -> Self {
        let (windows_error, service_code) = match status.exit {
            Some(ServiceExit::WindowsError(code)) => (Some(code), None),
            Some(ServiceExit::ServiceCode(code)) => (None, Some(code)),
            _ => (None, None),
        };
        Self {
            name: name.to_owned(),
            display_name: description.display_name.clone(),
            state: status.state.to_string(),
            pid: status.pid,
            windows_error,
            service_code,
            command: description.command.clone(),
            account: description.account.clone(),
            start: description.start_type.map(|start| start.name().to_owned()),
            depends_on: description.dependencies.clone(),
            restarts: description.recovery.restart_within().is_some(),
        }
    }
}

/// The same for people.
fn lines(name: &str, status: &Status, description: &Description) -> Vec<String> {
    let mut first = format!("{name} is {}", status.state);
    if let Some(pid) = status.pid {
        let _ = write!(first, ", process {pid}");
    }
    if let Some(exit) = status.exit {
        let _ = write!(first, ", ended with {}", scm::display_exit(exit));
    }
    let start = description.start_type.map_or("by a driver's rules", StartType::name);
    let mut lines = vec![
        first,
        format!("  display name  {}", description.display_name),
        format!("  command       {}", description.command),
        format!("  account       {}", description.account),
        format!("  start         {start}"),
    ];
    if !description.dependencies.is_empty() {
        lines.push(format!("  depends on    {}", description.dependencies.join(", ")));
    }
    if let Some(delay) = description.recovery.restart_within() {
        lines.push(format!(
            "  recovery      Windows starts it again up to {} after a failure",
            standpipe_system::time::Shown(delay)
        ));
    }
    lines
}

impl From<When> for StartType {
    fn from(when: When) -> Self {
        match when {
            When::Auto => Self::Automatic,
            When::Manual => Self::Manual,
            When::Disabled => Self::Disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description() -> Description {
        Description {
            display_name: "A worker".into(),
            command: r#""C:\a b\worker.exe" --level 3"#.into(),
            account: r".\svc".into(),
            start_type: Some(StartType::Manual),
            dependencies: vec!["db".into(), "+net".into()],
            recovery: scm::RecoveryActions::default(),
        }
    }

    #[test]
    fn the_exit_code_of_status_says_whether_the_service_runs() {
        assert_eq!(exit_of_state(State::Running), Exit::Ok);
        assert_eq!(exit_of_state(State::Stopped), Exit::Unavailable);
        assert_eq!(exit_of_state(State::Paused), Exit::Unavailable);
        for pending in State::ALL.into_iter().filter(|state| state.is_pending()) {
            assert_eq!(exit_of_state(pending), Exit::Temporary, "{pending}");
        }
    }

    #[test]
    fn a_service_is_shown_with_how_it_ended_and_what_it_means() {
        let status = Status { exit: Some(ServiceExit::WindowsError(1067)), ..Status::of(State::Stopped) };
        assert_eq!(
            lines("Worker", &status, &description()).join("\n"),
            r#"Worker is Stopped, ended with Windows error 1067 (the service's process ended unexpectedly)
  display name  A worker
  command       "C:\a b\worker.exe" --level 3
  account       .\svc
  start         manual
  depends on    db, +net"#
        );
    }

    #[test]
    fn json_tells_an_error_of_windows_from_a_code_of_the_services_own() {
        let shown = |exit| {
            let status = Status { exit: Some(exit), ..Status::of(State::Stopped) };
            serde_json::to_value(Shown::of("Worker", &status, &description())).unwrap()
        };
        let of_windows = shown(ServiceExit::WindowsError(1067));
        assert_eq!(
            (&of_windows["windows_error"], &of_windows["service_code"]),
            (&1067.into(), &serde_json::Value::Null)
        );
        let its_own = shown(ServiceExit::ServiceCode(42));
        assert_eq!(
            (&its_own["service_code"], &its_own["windows_error"]),
            (&42.into(), &serde_json::Value::Null)
        );
        assert_eq!(its_own["state"], "Stopped");
    }
}
