//! A client made with the crate `smb`: a workspace of its own, for what that crate is made of is no
//! dependency here.

use std::path::PathBuf;

use crate::shell::{self, Result};
use crate::workspace::Workspace;

/// The program, built under the target directory, where it stays until its lock file changes.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let target = workspace.target().join("peers/smb-rs");
    let mut command = workspace.cargo();
    command.args(["build", "--quiet", "--locked", "--manifest-path", "tests/smb-rs/Cargo.toml"]);
    shell::run(command.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("debug").join(format!("smb-rs-peer{}", std::env::consts::EXE_SUFFIX)))
}
