//! The Rust tests, by nextest where it is installed (it runs each test in its own process), else by cargo.

use super::Site;
use crate::shell::{self, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let cargo = || site.workspace.cargo();
    if !shell::succeeds(cargo().args(["nextest", "--version"])) {
        let mut command = cargo();
        command.args(["test", "--no-fail-fast"]).args(site.selection());
        return shell::run_within(shell::STAGE, &mut command);
    }
    // A crate may have no unit test at all.
    let mut nextest = cargo();
    nextest.args(["nextest", "run", "--status-level", "fail", "--no-tests", "warn"]).args(site.selection());
    shell::run_within(shell::STAGE, &mut nextest)?;
    // cargo calls it an error when a chosen package has no library, and so nothing that could have a doc
    // test.
    let libraries = site.crates().iter().filter(|package| package.has_library);
    let libraries: Vec<&str> = libraries.flat_map(|package| ["--package", &package.name]).collect();
    let mut documentation = cargo();
    documentation.args(["test", "--quiet", "--doc"]);
    match (site.crates().is_empty(), libraries.is_empty()) {
        (true, _) => documentation.args(site.selection()),
        (false, false) => documentation.args(libraries),
        (false, true) => return Ok(()),
    };
    shell::run_within(shell::STAGE, &mut documentation)
}
