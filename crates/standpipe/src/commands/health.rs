//! `standpipe health`

use clap::Args;
use standpipe_runtime::state::{self, InstanceRecord};

use super::instances::parse_number;
use super::which::Which;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe health\n  \
    standpipe health --role ServiceWatcher --instance 1\n  \
    standpipe health --state-dir /run/standpipe/ServiceDemo     # as the probe of a container";

/// Say by the exit code whether instances on this machine are ready: 0 when all are, 75 otherwise
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Health {
    #[command(flatten)]
    which: Which,

    /// Only the instances of this role
    #[arg(long, value_name = "NAME")]
    role: Option<String>,

    /// Only the instance with this number, or with the number at the end of this name
    #[arg(long, value_name = "N", requires = "role", value_parser = parse_number)]
    instance: Option<u32>,
}

impl Health {
    fn is_about(&self, record: &InstanceRecord) -> bool {
        self.role.as_ref().is_none_or(|role| *role == record.role)
            && self.instance.is_none_or(|number| number == record.instance)
    }
}

pub(super) fn run(health: &Health, output: &mut Output) -> Result<Exit, Failure> {
    let Some(folder) = health.which.find()? else {
        return Err(Failure::new(Exit::Temporary, "nothing runs on this machine"));
    };
    let mut records = state::read_all(&folder)?;
    records.retain(|record| health.is_about(record));
    if records.is_empty() {
        let what = format!("no such instance runs: there is none in {}", folder.display());
        return Err(Failure::new(Exit::Temporary, what));
    }
    let unready: Vec<String> = records.iter().filter(|record| !record.ready).map(why_not).collect();
    if !unready.is_empty() {
        return Err(Failure::new(Exit::Temporary, unready.join("; ")));
    }
    output.line("ready")?;
    Ok(Exit::Ok)
}

fn why_not(record: &InstanceRecord) -> String {
    let InstanceRecord { role, instance, stage, last_error, .. } = record;
    match last_error {
        Some(error) => format!("{role}/{instance} is not ready ({stage}): {error}"),
        None => format!("{role}/{instance} is not ready ({stage})"),
    }
}
