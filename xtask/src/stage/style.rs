//! What the compiler's companions say: rustfmt, clippy and rustdoc.

use super::{Site, commands};
use crate::shell::{self, Result};

pub(crate) fn format(site: &Site<'_>) -> Result<()> {
    shell::run(site.workspace.cargo().args(["fmt", "--all", "--check"]))
}

pub(crate) fn lint(site: &Site<'_>) -> Result<()> {
    let arguments = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
    shell::run(site.workspace.cargo().args(arguments))
}

pub(crate) fn docs(site: &Site<'_>) -> Result<()> {
    commands::check(site.workspace.root())?;
    let mut command = site.workspace.cargo();
    command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut command)
}
