//! What all packages of one release say about themselves.

use std::env;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// One line about the program, as packages show it.
pub(super) const SUMMARY: &str =
    "runs a native service, watches it, and serves its secured named pipe to the network";

/// The version that is packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// Such as `0.1.0`.
    pub(crate) version: String,
    /// An expression of SPDX.
    pub(super) licence: String,
    /// The time of everything that is made, in seconds since 1970.
    pub(super) when: u64,
    /// The commit, where the checkout has no other changes.
    pub(super) revision: Option<String>,
}

impl Release {
    /// The release that this checkout makes. Its time is `SOURCE_DATE_EPOCH`, or else that of the last
    /// commit.
    pub(crate) fn of(workspace: &Workspace) -> Result<Self> {
        let (version, licence) = of_program(workspace)?;
        let git = |arguments: &[&str]| shell::output(workspace.command("git").args(arguments));
        let when = match env::var("SOURCE_DATE_EPOCH") {
            Ok(text) => text,
            Err(_) => git(&["log", "-1", "--format=%ct"]).map_err(|why| {
                Failure(format!(
                    "set SOURCE_DATE_EPOCH, since there is no commit to take the time from: {why}"
                ))
            })?,
        };
        let when = when.trim().parse().map_err(|_| {
            Failure(format!("SOURCE_DATE_EPOCH is a number of seconds since 1970, not {:?}", when.trim()))
        })?;
        let is_clean = git(&["status", "--porcelain"]).is_ok_and(|changes| changes.is_empty());
        let commit = git(&["rev-parse", "HEAD"]).ok().map(|commit| commit.trim().to_owned());
        if !is_clean {
            println!("the checkout has changes that are in no commit: the image will name no revision");
        }
        Ok(Self { version, licence, when, revision: commit.filter(|_| is_clean) })
    }
}

/// The version and the licence of `standpipe`.
fn of_program(workspace: &Workspace) -> Result<(String, String)> {
    let mut command = workspace.cargo();
    let text = shell::output(command.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|error| Failure(format!("`cargo metadata` printed unexpected JSON: {error}")))?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let program = packages.find(|package| package["name"] == "standpipe");
    let text = |key: &str| program.and_then(|package| package[key].as_str()).map(str::to_owned);
    text("version")
        .zip(text("license"))
        .ok_or_else(|| Failure("`cargo metadata` names no version and licence of standpipe".to_owned()))
}

/// A file of the checkout.
pub(super) fn read(root: &Path, path: &str) -> Result<Vec<u8>> {
    let path = root.join(path);
    fs::read(&path).map_err(|error| Failure(format!("cannot read {}: {error}", path.display())))
}

/// The files in a folder of the checkout, by name, in order.
pub(super) fn read_folder(root: &Path, folder: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let path = root.join(folder);
    let cannot = |error| Failure(format!("cannot read {}: {error}", path.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).map_err(cannot)? {
        names.push(entry.map_err(cannot)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    names.into_iter().map(|name| Ok((name.clone(), read(&path, &name)?))).collect()
}
