//! `standpipe agent`

use clap::Args;

use crate::failure::{Exit, Failure};

/// Control Windows services and open their pipes inside Wine, for a Standpipe outside of it
#[derive(Debug, Args)]
pub(crate) struct Agent {}

pub(super) fn run() -> Result<Exit, Failure> {
    match standpipe_agent::inside::serve_on_standard_handles() {
        Ok(()) => Ok(Exit::Ok),
        Err(error @ standpipe_agent::inside::AgentError::NotWindows) => Err(Failure::new(Exit::Usage, error)),
        Err(error) => Err(Failure::new(Exit::Bug, error)),
    }
}
