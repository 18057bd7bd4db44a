//! What `cargo xtask test` runs, in order.

mod benchmark;
mod commands;
#[cfg(test)]
mod documents;
mod dotnet;
mod fuzzing;
mod generated;
mod habits;
mod images;
mod instructions;
mod kubernetes;
mod layers;
mod licences;
mod packaging;
mod peers;
mod platforms;
mod providers;
mod purity;
mod pytest;
mod samba;
mod soaking;
mod style;
mod units;
mod windows;
mod wine;

use std::cell::{Cell, RefCell};

use crate::packages::Package;
use crate::shell::{Failure, Result};
use crate::workspace::Workspace;
pub(crate) use windows::{PARTS as WINDOWS_PARTS, TARGET as WINDOWS_TARGET, needs_only_windows};

/// One part of the tests, with its own line in the summary.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Whether it can run for some crates alone.
    pub(crate) by_crate: bool,
    pub(crate) run: fn(&Site<'_>) -> Result<()>,
}

impl Stage {
    /// A stage that is about the workspace as a whole.
    const fn of_all(name: &'static str, about: &'static str, run: fn(&Site<'_>) -> Result<()>) -> Self {
        Self { name, about, by_crate: false, run }
    }

    /// A stage that can also run for some crates alone.
    const fn of_some(name: &'static str, about: &'static str, run: fn(&Site<'_>) -> Result<()>) -> Self {
        Self { name, about, by_crate: true, run }
    }
}

/// Cheap and likely to fail first.
pub(crate) const STAGES: &[Stage] = &[
    Stage::of_some("format", "the code is formatted", style::format),
    Stage::of_all("layers", "dependencies between crates go down", layers::run),
    Stage::of_all("habits", "derives in one order, comments no wider than code, no long file", habits::run),
    Stage::of_some("lint", "clippy has nothing to say", style::lint),
    Stage::of_some("docs", "the documentation builds without a warning, and its tests exist", style::docs),
    Stage::of_all("generated", "generated files are current", generated::run),
    Stage::of_some("units", "unit, property and integration tests, and doc tests", units::run),
    Stage::of_all("purity", "security and smb build where there is no system", purity::run),
    Stage::of_all("providers", "each provider of cryptography gives the same answers", providers::run),
    Stage::of_all("windows", "the whole workspace type-checks for Windows", windows::check),
    Stage::of_all("windows-units", "unit tests under Wine; standpipe.exe is one file", windows::units),
    Stage::of_all("licences", "licences, bans and sources of dependencies", licences::run),
    Stage::of_all("package", "security and smb can be published", packaging::run),
    Stage::of_all("fuzz", "each fuzz target runs for some seconds", fuzzing::run),
    Stage::of_all("soak", "many clients at random, while services are killed", soaking::run),
    Stage::of_all("peers", "the whole path, with clients not written here", peers::run),
    Stage::of_all("samba", "Samba's clients, server and access check beside ours", samba::run),
    Stage::of_all("wine", "Windows services under Wine, called through SMB", wine::run),
    Stage::of_all("dotnet", "services and clients on .NET and mono", dotnet::run),
    Stage::of_all("platforms", "exported units under a systemd of their own", platforms::run),
    Stage::of_all("images", "packages are the same twice; podman and runc run the image", images::run),
    Stage::of_all("instructions", "a call takes no more of them than is written down", instructions::run),
    Stage::of_all("bench", "the benchmark runs; its figures are not judged", benchmark::run),
];

/// Stages that only run when they are named, since they cost too much for every run. The summary of a full
/// run says so.
pub(crate) const NAMED_ONLY: &[Stage] = &[Stage::of_all(
    "kubernetes",
    "exports on a real API server, which is compiled first (10 min of a processor, once)",
    kubernetes::run,
)];

/// Where the tests run: the workspace, and whether leaving something out is allowed.
pub(crate) struct Site<'a> {
    pub(crate) workspace: &'a Workspace,
    ci: bool,
    crates: Vec<Package>,
    skipped: RefCell<Vec<String>>,
    whole_stage: Cell<bool>,
}

impl<'a> Site<'a> {
    pub(crate) fn new(workspace: &'a Workspace, ci: bool) -> Self {
        Self { workspace, ci, crates: Vec::new(), skipped: RefCell::default(), whole_stage: Cell::new(false) }
    }

    /// The same for these crates alone.
    pub(crate) fn of_crates(self, crates: Vec<Package>) -> Self {
        Self { crates, ..self }
    }

    /// The crates that this run is about; none means the whole workspace.
    pub(crate) fn crates(&self) -> &[Package] {
        &self.crates
    }

    /// What tells cargo which packages to work on.
    pub(crate) fn selection(&self) -> Vec<&str> {
        if self.crates.is_empty() {
            return vec!["--workspace"];
        }
        self.crates.iter().flat_map(|package| ["--package", &package.name]).collect()
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

    /// Leaves out a part of a stage that this machine forbids, whatever is installed; the summary repeats it.
    pub(crate) fn cannot(&self, what: &str, why: &Failure) {
        println!("NOT ATTEMPTED, for this machine forbids it: {what}: {why}");
        self.skipped.borrow_mut().push(format!("{what}: the machine forbids it: {why}"));
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
    fn cargo_works_on_the_chosen_crates_or_on_all() {
        let workspace = Workspace::find();
        let site = Site::new(&workspace, false);
        assert_eq!(site.selection(), ["--workspace"]);
        let package =
            Package { name: "standpipe-smb".to_owned(), has_library: true, dependencies: Vec::new() };
        assert_eq!(site.of_crates(vec![package]).selection(), ["--package", "standpipe-smb"]);
    }

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
