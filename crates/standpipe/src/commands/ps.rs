//! `standpipe ps`

use clap::Args;
use standpipe_runtime::state::{self, InstanceRecord, Stage};

use super::instances;
use super::which::Which;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe ps\n  \
    standpipe ps -f deploy/standpipe.toml --json\n  \
    standpipe ps --state-dir /run/standpipe/ServiceDemo\n  \
    until standpipe ps --ready; do sleep 1; done\n\n\
    With --ready, the exit code is 0 when every instance is ready, 75 when one is not ready yet, and 69 when one has\n\
    failed for good or nothing runs.";

/// Show the instances of a deployment that runs on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ps {
    #[command(flatten)]
    which: Which,

    /// As JSON
    #[arg(long)]
    json: bool,

    /// Say with the exit code whether every instance is ready
    #[arg(long)]
    ready: bool,
}

pub(super) fn run(ps: &Ps, output: &mut Output) -> Result<Exit, Failure> {
    let folder = ps.which.find()?;
    let records = folder.as_deref().map(state::read_all).transpose()?.unwrap_or_default();
    let exit = if ps.ready { readiness(&records) } else { Exit::Ok };
    if ps.json {
        output.json(&records)?;
        return Ok(exit);
    }
    if records.is_empty() {
        match folder {
            Some(folder) => {
                output.note(format_args!("nothing runs: there is no instance in {}", folder.display()));
            }
            None => output.note("nothing runs on this machine"),
        }
        return Ok(exit);
    }
    output.table(&instances::rows(&records))?;
    for error in instances::errors(&records) {
        output.line(format_args!("last error of {error}"))?;
    }
    Ok(exit)
}

/// The exit code that says whether all are ready.
fn readiness(records: &[InstanceRecord]) -> Exit {
    let is_over = |record: &InstanceRecord| matches!(record.stage, Stage::Failed | Stage::Stopped);
    if records.is_empty() || records.iter().any(is_over) {
        return Exit::Unavailable;
    }
    if records.iter().all(|record| record.ready) { Exit::Ok } else { Exit::Temporary }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_whether_all_are_ready() {
        let record = |stage, ready| InstanceRecord { stage, ready, ..InstanceRecord::new("A", 0) };
        let ready = record(Stage::Running, true);
        assert_eq!(readiness(&[]), Exit::Unavailable);
        assert_eq!(readiness(std::slice::from_ref(&ready)), Exit::Ok);
        assert_eq!(readiness(&[ready.clone(), record(Stage::Starting, false)]), Exit::Temporary);
        assert_eq!(readiness(&[ready, record(Stage::Failed, false)]), Exit::Unavailable);
    }
}
