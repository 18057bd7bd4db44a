//! Programs from crates.io, in pinned versions, under the target directory.

use std::path::PathBuf;
use std::process::Command;

use crate::shell::{self, Result};
use crate::workspace::Workspace;

/// A program of the same name as its crate.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// The program's path, once it is there in its version. The dev profile, for these tools wait for others
/// anyway and it halves the time to build them.
pub(crate) fn install(workspace: &Workspace, tool: &Tool) -> Result<PathBuf> {
    let folder = workspace.target().join("tools");
    let program = folder.join("bin").join(format!("{}{}", tool.name, std::env::consts::EXE_SUFFIX));
    let subcommand = tool.name.trim_start_matches("cargo-");
    let present = shell::output(Command::new(&program).args([subcommand, "--version"]))
        .is_ok_and(|text| text.split_whitespace().last() == Some(tool.version));
    if !present {
        let mut command = workspace.cargo();
        command.args(["install", "--quiet", "--locked", "--debug", "--force", "--root"]).arg(&folder);
        command.args(["--version", &format!("={}", tool.version), tool.name]);
        command.env("CARGO_TARGET_DIR", folder.join("build"));
        shell::run(&mut command)?;
    }
    Ok(program)
}
