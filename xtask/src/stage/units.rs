//! The Rust tests, by nextest where it is installed (it runs each test in its own process), else by cargo.

use super::Site;
use crate::shell::{self, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let cargo = || site.workspace.cargo();
    if !shell::succeeds(cargo().args(["nextest", "--version"])) {
        return shell::run_within(shell::STAGE, cargo().args(["test", "--workspace", "--no-fail-fast"]));
    }
    let nextest = ["nextest", "run", "--workspace", "--status-level", "fail"];
    shell::run_within(shell::STAGE, cargo().args(nextest))?;
    shell::run_within(shell::STAGE, cargo().args(["test", "--quiet", "--workspace", "--doc"]))
}
