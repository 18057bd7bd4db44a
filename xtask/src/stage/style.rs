//! What the compiler's companions say: rustfmt, clippy and rustdoc.

use super::{Site, commands};
use crate::shell::{self, Result};

pub(crate) fn format(site: &Site<'_>) -> Result<()> {
    let selection = if site.crates().is_empty() { vec!["--all"] } else { site.selection() };
    shell::run(site.workspace.cargo().arg("fmt").args(selection).arg("--check"))
}

pub(crate) fn lint(site: &Site<'_>) -> Result<()> {
    let mut command = site.workspace.cargo();
    command.args(["clippy", "--quiet", "--all-targets"]).args(site.selection());
    shell::run(command.args(["--", "-D", "warnings"]))
}

pub(crate) fn docs(site: &Site<'_>) -> Result<()> {
    if site.crates().is_empty() {
        commands::check(site.workspace.root())?;
    }
    let mut command = site.workspace.cargo();
    command.args(["doc", "--quiet", "--no-deps"]).args(site.selection()).env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut command)
}
