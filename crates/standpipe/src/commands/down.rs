//! `standpipe down`

use clap::Args;
use standpipe_runtime::local::control::Ask;

use super::which::Which;
use crate::failure::{Exit, Failure};
use crate::output::Output;

const EXAMPLES: &str = "Examples:\n  \
    standpipe down\n  \
    standpipe down --deployment ServiceDemo\n  \
    standpipe down -f deploy/standpipe.toml --now\n\n\
    Returns when everything has stopped, and the `up` that ran it has ended with exit code 0.";

/// Stop a deployment that runs on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Down {
    /// Kill what runs, without waiting for calls in flight or for services to stop
    #[arg(long)]
    now: bool,

    #[command(flatten)]
    which: Which,
}

pub(super) fn run(down: &Down, output: &mut Output) -> Result<Exit, Failure> {
    down.which.ask(Ask::Stop { now: down.now }, output)
}
