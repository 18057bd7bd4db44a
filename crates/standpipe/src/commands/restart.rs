//! `standpipe restart`

use std::time::Duration;

use clap::Args;
use standpipe_runtime::local::control::Ask;

use super::which::{Selection, Which};
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe restart\n  \
    standpipe restart ServiceWatcher\n  \
    standpipe restart ServiceWatcher/1\n\n\
    One update domain after the other: its instances get no new calls for 2 s, finish what is in flight, and stop;\n\
    they start again with clean folders, and the next update domain waits until they have been ready for 3 s. With two\n\
    or more instances in different update domains no call is lost. The first instance that fails ends it, with exit\n\
    code 69. It goes on when this command is interrupted.";

/// Start instances again, one update domain after the other
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Restart {
    /// The role or the instance; without it, all of them
    #[arg(value_name = "ROLE[/INSTANCE]")]
    what: Option<Selection>,

    /// How long an instance may take to be ready again
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = super::parse_timeout)]
    timeout: Duration,

    #[command(flatten)]
    which: Which,
}

pub(super) fn run(restart: Restart, output: &mut Output) -> Result<Exit, Failure> {
    let instance = restart.what.as_ref().and_then(|what| what.instance);
    let role = restart.what.map(|what| what.role);
    let ask = Ask::Restart { role, instance, ready_timeout_s: super::whole_seconds(restart.timeout) };
    restart.which.ask(ask, output)
}
