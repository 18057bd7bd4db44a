//! The crates that are published can be packaged: their manifests are complete, and each builds from the
//! files that its package contains.

use std::fs;
use std::path::{Path, PathBuf};

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
    let target = site.workspace.target().join("packages");
    forget_earlier_packages(&target)?;
    // Together, since smb depends on the other two and none is on crates.io yet. Offline, since the stages
    // before this one have downloaded every dependency.
    let mut command = site.workspace.cargo();
    command.args(["package", "--quiet", "--offline", "--allow-dirty"]).arg("--target-dir").arg(&target);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    shell::run_within(shell::STAGE, &mut command)
}

/// Removes what cargo has unpacked and built of these packages in earlier runs: it takes the same version
/// for the same files, and would build smb with the security of then.
fn forget_earlier_packages(target: &Path) -> Result<()> {
    let mut stale = vec![target.to_path_buf()];
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).unwrap_or_default();
    for registry in fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
        // The registry that cargo makes of a workspace has no host, with which the names of the others begin.
        if registry.file_name().to_string_lossy().starts_with('-') {
            let packages = fs::read_dir(registry.path()).into_iter().flatten().flatten();
            stale.extend(packages.map(|package| package.path()).filter(|path| is_ours(path)));
        }
    }
    for folder in stale.iter().filter(|folder| folder.exists()) {
        fs::remove_dir_all(folder)
            .map_err(|error| Failure(format!("cannot remove {}: {error}", folder.display())))?;
    }
    Ok(())
}

fn is_ours(unpacked: &Path) -> bool {
    let name = unpacked.file_name().unwrap_or_default().to_string_lossy();
    PACKAGES.iter().any(|package| name.starts_with(package))
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
