//! What the stages that are written in Python share.

use std::process::Command;

use super::Site;
use crate::install::python;
use crate::shell::{self, Result};

/// Builds the programs that the tests start; `more` are arguments of another `cargo build`.
pub(super) fn build(site: &Site<'_>, more: &[&str]) -> Result<()> {
    let programs = ["build", "--quiet", "--package", "standpipe", "--package", "simple-service"];
    shell::run(site.workspace.cargo().args(programs))?;
    if more.is_empty() {
        return Ok(());
    }
    shell::run(site.workspace.cargo().args(["build", "--quiet"]).args(more))
}

/// pytest on one folder of tests; fails with the reason where its Python cannot be installed.
pub(super) fn command(site: &Site<'_>, folder: &str) -> Result<Command> {
    let workspace = site.workspace;
    let mut command = workspace.command(python::environment(workspace)?);
    command.args(["-m", "pytest", folder, "--durations=5"]);
    if site.is_ci() {
        command.args(["-p", "nothing_skipped"]).env("PYTHONPATH", workspace.root().join("tests"));
    }
    command.env("STANDPIPE_BINARIES", workspace.binaries());
    command.env("PYTHONPYCACHEPREFIX", workspace.target().join("peers/pycache"));
    Ok(command)
}
