//! The crates that are published can be packaged: their manifests are complete, and each builds from the
//! files that its package contains.

use std::fs;
use std::path::Path;

use super::Site;
use crate::shell::{self, Failure, Result};

/// The folders of the crates that are published.
const FOLDERS: &[&str] = &["crates/security", "crates/smb"];
const PACKAGES: &[&str] = &["standpipe-security", "standpipe-smb"];

/// Every package must contain these files.
const REQUIRED: &[&str] = &["README.md", "LICENSE-APACHE", "LICENSE-MIT", "src/lib.rs"];

/// A package cannot point at a file outside of its folder, so each crate has a copy of these.
const COPIES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    for package in PACKAGES {
        let mut command = site.workspace.cargo();
        command.args(["package", "--quiet", "--list", "--allow-dirty", "--package", package]);
        let listed = shell::output(&mut command)?;
        if let Some(file) = REQUIRED.iter().find(|file| !listed.lines().any(|line| line == **file)) {
            return Err(Failure(format!("the package of {package} does not contain {file}")));
        }
    }
    copies_are_equal(site.workspace.root())?;
    // Together, since smb depends on the other two and none is on crates.io yet. Offline, since the stages
    // before this one have downloaded every dependency.
    let mut command = site.workspace.cargo();
    command.args(["package", "--quiet", "--offline", "--allow-dirty"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    shell::run_within(shell::STAGE, &mut command)
}

fn copies_are_equal(root: &Path) -> Result<()> {
    for folder in FOLDERS {
        for file in COPIES {
            let read = |path: &Path| {
                fs::read(path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
            };
            if read(&root.join(folder).join(file))? != read(&root.join(file))? {
                return Err(Failure(format!("{folder}/{file} differs from {file}")));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn each_published_crate_has_the_licences_of_the_workspace() {
        copies_are_equal(Workspace::find().root()).unwrap();
    }

    /// Clippy reads the nearest `clippy.toml` only. A crate that adds to the settings has to repeat them.
    #[test]
    fn each_pure_crate_repeats_the_lint_settings_of_the_workspace() {
        let root = Workspace::find();
        let root = root.root();
        let common = fs::read_to_string(root.join("clippy.toml")).unwrap();
        let settings = common.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for folder in FOLDERS {
            let own = fs::read_to_string(root.join(folder).join("clippy.toml")).unwrap();
            for setting in settings.clone() {
                assert!(own.lines().any(|line| line == setting), "{folder}/clippy.toml has no `{setting}`");
            }
        }
    }
}
