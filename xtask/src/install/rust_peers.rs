//! Clients made with other people's crates for SMB: workspaces of their own, for what these crates are made
//! of is no dependency here.

use std::path::PathBuf;

use crate::shell::{self, Result};
use crate::workspace::Workspace;

/// The program with the crate `smb`.
pub(crate) fn smb_rs(workspace: &Workspace) -> Result<PathBuf> {
    build(workspace, "smb-rs")
}

/// The program with the crate `smb2`.
pub(crate) fn smb2_rs(workspace: &Workspace) -> Result<PathBuf> {
    build(workspace, "smb2-rs")
}

/// Builds a program under the target directory, where it stays until its lock file changes.
fn build(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let target = workspace.target().join("peers").join(name);
    let mut command = workspace.cargo();
    let manifest = format!("tests/{name}/Cargo.toml");
    command.args(["build", "--quiet", "--locked", "--manifest-path", &manifest]);
    shell::run(command.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug").join(format!("{name}-peer{}", std::env::consts::EXE_SUFFIX)))
}
