//! `cargo xtask soak`: many clients at random against a real server, for minutes, while its services are
//! killed.
//!
//! The release profile, so that the machine is kept busy by what is tested and not by the missing
//! optimisation.

use std::path::Path;
use std::process::{Command, ExitCode};

use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// Open, call and drop pipes with many clients at random, while services are killed; find what is left behind
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How long, in minutes
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many clients at once
    #[arg(long, default_value_t = 1000)]
    clients: u64,
    /// What everything random follows from; without it, another each time
    #[arg(long)]
    seed: Option<u64>,
}

const PACKAGES: [&str; 6] =
    ["--package", "standpipe", "--package", "simple-service", "--package", "standpipe-soak"];

pub(crate) fn run(arguments: &Arguments, workspace: &Workspace) -> Result<ExitCode> {
    let Arguments { minutes, clients, seed } = arguments;
    if !cfg!(unix) {
        return Err(Failure("the services of the soak run only on Unix so far".to_owned()));
    }
    shell::run(workspace.cargo().args(["build", "--quiet", "--release"]).args(PACKAGES))?;
    let mut command = soak(workspace, &workspace.target().join("release"));
    command.args(["--clients", &clients.to_string(), "--seconds", &(minutes * 60).to_string()]);
    if let Some(seed) = seed {
        command.args(["--seed", &seed.to_string()]);
    }
    shell::run(&mut command)?;
    Ok(ExitCode::SUCCESS)
}

/// A short one, with what the other tests have built.
pub(crate) fn run_short(workspace: &Workspace, seconds: u64, clients: u64) -> Result<()> {
    shell::run(workspace.cargo().args(["build", "--quiet"]).args(PACKAGES))?;
    let mut command = soak(workspace, &workspace.binaries());
    command.args(["--clients", &clients.to_string(), "--seconds", &seconds.to_string(), "--pause", "200"]);
    shell::run(&mut command)
}

fn soak(workspace: &Workspace, programs: &Path) -> Command {
    let mut command = workspace.command(programs.join("standpipe-soak"));
    command.args(["run", "--programs"]).arg(programs);
    command
}
