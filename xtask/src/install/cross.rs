//! A compiler for a target that is not this machine's.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// Where Debian keeps a second, newer compiler (`rustc-web`, made for its browsers) and the standard
/// library's source.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/Cargo.toml";

/// How to compile for the target.
pub(crate) enum CrossCompiler {
    /// The toolchain at hand has the target's standard library.
    Toolchain { target: &'static str },
    /// Debian's compiler builds the standard library's named parts from source first.
    FromSource { target: &'static str, parts: &'static str },
}

impl CrossCompiler {
    /// Uses what is installed, else what rustup can add, else Debian's compiler. `parts` are the crates of
    /// the standard library that the last way has to build.
    pub(crate) fn for_target(
        workspace: &Workspace,
        target: &'static str,
        parts: &'static str,
    ) -> Result<Self> {
        if Self::rustup_has(workspace, target) {
            return Ok(Self::Toolchain { target });
        }
        println!(
            "the toolchain has no {target} and rustup cannot add it: building it with Debian's rustc-web"
        );
        debian_compiler().map_err(|why| {
            Failure(format!(
                "`rustup target add {target}` failed, and Debian's compiler cannot stand in: {why}"
            ))
        })?;
        Ok(Self::FromSource { target, parts })
    }

    /// Whether the toolchain has the target's standard library, or rustup can add it.
    pub(crate) fn rustup_has(workspace: &Workspace, target: &'static str) -> bool {
        has_standard_library(target) || (rustup_adds(workspace, target) && has_standard_library(target))
    }

    /// The variable that says to cargo what runs the target's programs.
    pub(crate) fn runner_variable(target: &str) -> String {
        format!("CARGO_TARGET_{}_RUNNER", target.to_ascii_uppercase().replace('-', "_"))
    }

    /// Where cargo puts the target's programs of the dev profile.
    pub(crate) fn binaries(&self, workspace: &Workspace) -> PathBuf {
        let (folder, target) = match self {
            Self::Toolchain { target } => (workspace.target().to_path_buf(), target),
            Self::FromSource { target, .. } => (from_source(workspace), target),
        };
        folder.join(target).join("debug")
    }

    /// `cargo SUBCOMMAND` for the target.
    pub(crate) fn cargo(&self, workspace: &Workspace, subcommand: &str) -> Command {
        let mut command = workspace.cargo();
        match self {
            Self::Toolchain { target } => {
                command.args([subcommand, "--target", target]);
            }
            Self::FromSource { target, parts } => {
                command.args([subcommand, &format!("-Zbuild-std={parts}"), "--target", target]);
                // Another compiler must not share the files of the first. RUSTC_BOOTSTRAP is what lets a
                // stable compiler build its own standard library.
                command.env("CARGO_TARGET_DIR", from_source(workspace));
                command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
            }
        }
        command
    }
}

fn from_source(workspace: &Workspace) -> PathBuf {
    workspace.target().join("from-source")
}

fn has_standard_library(target: &str) -> bool {
    shell::output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]))
        .is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

fn rustup_adds(workspace: &Workspace, target: &str) -> bool {
    shell::run(workspace.command("rustup").args(["--quiet", "target", "add", target])).is_ok()
}

fn debian_compiler() -> Result<()> {
    debian::install(&["rustc-web", "rust-web-src"])?;
    if Path::new(DEBIAN_LIBRARY).is_file() && Path::new(DEBIAN_RUSTC).is_file() {
        return Ok(());
    }
    Err(Failure(format!("{DEBIAN_RUSTC} or {DEBIAN_LIBRARY} is missing, though its package is installed")))
}
