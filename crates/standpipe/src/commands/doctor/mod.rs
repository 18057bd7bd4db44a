//! `standpipe doctor`

mod deployment;
mod machine;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use standpipe_deployment::{Problem, Problems};

use super::instances::parse_number;
use super::parse_timeout;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe doctor\n  \
    standpipe doctor -f deploy/standpipe.toml --stop-limit 30s\n  \
    standpipe doctor --role ServiceWatcher --address 0.0.0.0     # as `run` would have it in a container\n  \
    standpipe doctor --json\n\n\
    Exit code 0 means that nothing is wrong, 78 that something is; what is only worth knowing does not count.";

/// The deployment file that is looked at when none is named.
const USUAL_FILE: &str = "standpipe.toml";

/// Say what would go wrong on this machine, and what to do about it
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// The deployment file; without it, `standpipe.toml` if there is one, and otherwise only the machine is
    /// looked at
    #[arg(short, long, value_name = "PATH")]
    file: Option<PathBuf>,

    /// Only for one instance of this role, as `run` would start it
    #[arg(long, value_name = "NAME")]
    role: Option<String>,

    /// The instance's number, or a name that ends with `-` and that number
    #[arg(long, value_name = "N", default_value = "0", value_parser = parse_number)]
    instance: u32,

    /// The address that the instance would listen on, as for `run`
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,

    /// How long the platform waits for the end once it has asked for it; without it, what this machine shows
    /// of that: Windows its settings, a container the default of Docker or Kubernetes
    #[arg(long, env = "STANDPIPE_STOP_LIMIT", value_name = "TIME", value_parser = parse_timeout)]
    stop_limit: Option<Duration>,

    /// The folder that the deployment would keep its state in, where it is not the usual one
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// As JSON
    #[arg(long)]
    json: bool,
}

/// How much a finding means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Something will go wrong, or lets in too many.
    Wrong,
    /// Worth knowing.
    Note,
    /// As it should be.
    Fine,
}

impl Severity {
    const fn word(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Note => "note",
            Self::Fine => "fine",
        }
    }
}

/// One thing that was looked at, and what was found.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Finding {
    /// How much it means.
    severity: Severity,
    /// What was found.
    message: String,
    /// The deployment file, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// The line of that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self { severity, message: message.into(), file: None, line: None, remedy: None }
    }

    fn wrong(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(Severity::Wrong, message) }
    }

    fn note(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(Severity::Note, message) }
    }

    fn fine(message: impl Into<String>) -> Self {
        Self::new(Severity::Fine, message)
    }

    /// What is wrong with a deployment file, or doubtful about it.
    fn all_of(problems: &Problems) -> impl Iterator<Item = Self> {
        problems.iter().map(|problem| Self {
            file: Some(problems.path().to_path_buf()),
            line: problems.line_of(problem),
            ..Self::wrong(problem.explained(), remedy_of(problem))
        })
    }

    fn place(&self) -> String {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => format!("{}:{line}: ", file.display()),
            (Some(file), None) => format!("{}: ", file.display()),
            _ => String::new(),
        }
    }
}

/// Each finding says what to do; a mistake whose message says it already is to be mended there.
fn remedy_of(problem: &Problem) -> String {
    problem.remedy().unwrap_or("mend that line of the deployment file").to_owned()
}

pub(super) fn run(doctor: &Doctor, output: &mut Output) -> Result<Exit, Failure> {
    let usual = PathBuf::from(USUAL_FILE);
    let file = doctor.file.clone().or_else(|| usual.exists().then_some(usual));
    file.as_deref().map_or(Ok(()), super::packed::refuse)?;
    let mut findings = match &file {
        Some(file) => deployment::look(doctor, file),
        None => machine::look_without_deployment(doctor.address),
    };
    findings.extend(machine::look());
    let wrong = findings.iter().filter(|finding| finding.severity == Severity::Wrong).count();
    if doctor.json {
        output.json(&findings)?;
    } else {
        show(&findings, output)?;
        match wrong {
            0 => output.line("nothing is wrong here")?,
            1 => output.line("1 thing is wrong here")?,
            several => output.line(format_args!("{several} things are wrong here"))?,
        }
    }
    Ok(if wrong == 0 { Exit::Ok } else { Exit::Config })
}

/// The worst first.
fn show(findings: &[Finding], output: &mut Output) -> Result<(), Failure> {
    for severity in [Severity::Wrong, Severity::Note, Severity::Fine] {
        for finding in findings.iter().filter(|finding| finding.severity == severity) {
            let rest = format_args!(": {}{}", finding.place(), finding.message);
            output.line_after(severity.word(), rest)?;
            if let Some(remedy) = &finding.remedy {
                output.line(format_args!("  to do: {remedy}"))?;
            }
        }
    }
    Ok(())
}
