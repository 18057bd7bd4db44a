//! `standpipe update`

use std::time::Duration;

use clap::Args;
use standpipe_runtime::local::control::Ask;

use super::which::Which;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe update\n  \
    standpipe update ServiceWatcher --timeout 10m\n  \
    standpipe update --deployment ServiceDemo\n\n\
    The file is the one that `up` was started with. A mistake in it is shown, and nothing changes. Then one update\n\
    domain follows the other, as with `restart`, also where only programs beside the file have changed; roles and\n\
    instances that are new start, and those that are gone stop. The first instance that fails ends it with exit code\n\
    69, and the update domains after it run on as they were. It goes on when this command is interrupted.";

/// Read the deployment file again, and bring instances to what it says, one update domain after the other
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Update {
    /// The roles to update; without one, all of them
    #[arg(value_name = "ROLE")]
    roles: Vec<String>,

    /// How long an instance may take to be ready
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = super::parse_timeout)]
    timeout: Duration,

    #[command(flatten)]
    which: Which,
}

pub(super) fn run(update: Update, output: &mut Output) -> Result<Exit, Failure> {
    let Update { roles, timeout, which } = update;
    which.ask(Ask::Update { roles, ready_timeout_s: super::whole_seconds(timeout) }, output)
}
