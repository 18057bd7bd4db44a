//! `standpipe scale`

use std::time::Duration;

use clap::Args;
use standpipe_runtime::local::control::Ask;

use super::which::Which;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe scale ServiceWatcher=4\n  \
    standpipe scale ServiceWatcher=4 Web=2 --deployment ServiceDemo\n\n\
    New instances start together, and the command waits until they are ready. Of the others the last go first: they\n\
    get no new calls for 2 s, finish what is in flight, and stop. The deployment file stays as it is; `update` and\n\
    the next `up` take the numbers from there.";

/// Run more or fewer instances of a role
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Scale {
    /// The role, and how many instances of it are to run
    #[arg(value_name = "ROLE=N", required = true, value_parser = parse)]
    roles: Vec<(String, u32)>,

    /// How long a new instance may take to be ready
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = super::parse_timeout)]
    timeout: Duration,

    #[command(flatten)]
    which: Which,
}

pub(super) fn run(scale: Scale, output: &mut Output) -> Result<Exit, Failure> {
    let roles = scale.roles.into_iter().collect();
    scale.which.ask(Ask::Scale { roles, ready_timeout_s: super::whole_seconds(scale.timeout) }, output)
}

fn parse(text: &str) -> Result<(String, u32), String> {
    let expected = "expected a role and a number of instances, such as `ServiceWatcher=4`";
    match text.split_once('=') {
        Some((role, count)) if !role.is_empty() => {
            let count = count.parse().map_err(|_| expected.to_owned())?;
            Ok((role.to_owned(), count))
        }
        _ => Err(expected.to_owned()),
    }
}
