//! What `cargo xtask test` runs, in order.

mod benchmark;
mod commands;
mod fuzzing;
mod licences;
mod peers;
mod purity;
mod pytest;
mod samba;
mod soaking;
mod style;
mod units;
mod windows;

use std::cell::{Cell, RefCell};

use crate::shell::{Failure, Result};
use crate::workspace::Workspace;

/// One part of the tests, with its own line in the summary.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Site<'_>) -> Result<()>,
}

/// Cheap and likely to fail first.
pub(crate) const STAGES: &[Stage] = &[
    Stage { name: "format", about: "the code is formatted", run: style::format },
    Stage { name: "lint", about: "clippy has nothing to say", run: style::lint },
    Stage {
        name: "docs",
        about: "the documentation builds without a warning, and its tests exist",
        run: style::docs,
    },
    Stage { name: "units", about: "unit, property and integration tests, and doc tests", run: units::run },
    Stage { name: "purity", about: "security and smb build where there is no system", run: purity::run },
    Stage { name: "windows", about: "the whole workspace type-checks for Windows", run: windows::run },
    Stage { name: "licences", about: "licences, bans and sources of dependencies", run: licences::run },
    Stage { name: "fuzz", about: "each fuzz target runs for some seconds", run: fuzzing::run },
    Stage { name: "soak", about: "many clients at random, while services are killed", run: soaking::run },
    Stage { name: "peers", about: "the whole path, with clients not written here", run: peers::run },
    Stage { name: "samba", about: "Samba's clients, server and access check beside ours", run: samba::run },
    Stage { name: "bench", about: "the benchmark runs; its figures are not judged", run: benchmark::run },
];

/// Where the tests run: the workspace, and whether leaving something out is allowed.
pub(crate) struct Site<'a> {
    pub(crate) workspace: &'a Workspace,
    ci: bool,
    skipped: RefCell<Vec<String>>,
    whole_stage: Cell<bool>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(workspace: &'a Workspace, ci: bool) -> Self {
        Self { workspace, ci, skipped: RefCell::default(), whole_stage: Cell::new(false) }
    }

    /// Whether this run must leave nothing out.
    pub(crate) fn is_ci(&self) -> bool {
        self.ci
    }

    /// Leaves out a part of a stage, for a reason that the summary repeats; refused in CI.
    pub(crate) fn skip_part(&self, what: &str, why: &Failure) -> Result<()> {
        if self.ci {
            return Err(Failure(format!("{what} cannot be tested, and CI may leave nothing out: {why}")));
        }
        println!("SKIPPED {what}: {why}");
        self.skipped.borrow_mut().push(format!("{what}: {why}"));
        Ok(())
    }

    /// Leaves out the running stage altogether; refused in CI.
    pub(crate) fn skip_stage(&self, what: &str, why: &Failure) -> Result<()> {
        self.skip_part(what, why)?;
        self.whole_stage.set(true);
        Ok(())
    }

    /// Whether the stage that just ended was left out; asking resets it for the next.
    pub(crate) fn whole_stage_skipped(&self) -> bool {
        self.whole_stage.take()
    }

    pub(crate) fn skipped(&self) -> Vec<String> {
        self.skipped.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_refuses_to_skip() {
        let workspace = Workspace::find();
        let why = Failure("no browser".to_owned());
        assert!(Site::new(&workspace, true).skip_part("the page", &why).is_err());
        let site = Site::new(&workspace, false);
        assert!(site.skip_stage("the page", &why).is_ok());
        assert!(site.whole_stage_skipped() && !site.whole_stage_skipped());
        assert_eq!(site.skipped(), ["the page: no browser"]);
    }
}
