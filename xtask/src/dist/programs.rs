//! The programs themselves: the same bytes from the same sources and tools, wherever the checkout is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::cross::CrossCompiler;
use crate::install::wine;
use crate::shell::{self, Result};
use crate::stage;
use crate::workspace::Workspace;

/// glibc linked into the program. It needs no file of the system then, so that an image may hold it alone.
pub(super) const LINUX: &str = "x86_64-unknown-linux-gnu";
pub(super) const WINDOWS: &str = stage::WINDOWS_TARGET;

/// How much the compiler optimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly built, for tests of what is around the program.
    Dev,
    Release,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds packages for Linux as static programs, and returns the folder with them.
pub(crate) fn linux(workspace: &Workspace, profile: Profile, packages: &[&str]) -> Result<PathBuf> {
    let mut command = workspace.cargo();
    // The target is named although it is this machine's: without it, the flags would also reach procedural
    // macros, which cannot be static.
    command.args(["build", "--quiet", "--locked", "--target", LINUX]);
    shell::run(surround(&mut command, workspace, profile, packages, &["-Ctarget-feature=+crt-static"]))?;
    Ok(workspace.target().join(LINUX).join(profile.folder()))
}

/// Builds `standpipe.exe` and returns its path.
pub(super) fn windows(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    wine::linker()?;
    let compiler = CrossCompiler::for_target(workspace, WINDOWS, stage::WINDOWS_PARTS)?;
    let mut command = compiler.cargo(workspace, "build");
    command.args(["--quiet", "--locked"]);
    // Without it, the linker writes the time into the program.
    let flags = ["-Clink-arg=-Wl,--no-insert-timestamp"];
    shell::run(surround(&mut command, workspace, profile, &["standpipe"], &flags))?;
    let program = compiler.binaries(workspace).with_file_name(profile.folder()).join("standpipe.exe");
    stage::needs_only_windows(&program)?;
    Ok(program)
}

/// Gives a build its packages, its profile and its flags, and takes from it what a developer has set.
fn surround<'a>(
    command: &'a mut Command,
    workspace: &Workspace,
    profile: Profile,
    packages: &[&str],
    flags: &[&str],
) -> &'a mut Command {
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    if profile == Profile::Release {
        command.arg("--release");
    }
    let mut flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    // Paths of this machine are in messages of panics.
    flags.push(format!("--remap-path-prefix={}=/cargo", cargo_home().display()));
    flags.push(format!("--remap-path-prefix={}=/standpipe", workspace.root().display()));
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    for name in ["RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_INCREMENTAL"] {
        command.env_remove(name);
    }
    // The names of functions stay, for what is printed after a panic.
    command.env(format!("CARGO_PROFILE_{}_STRIP", format!("{profile:?}").to_uppercase()), "debuginfo")
}

fn cargo_home() -> PathBuf {
    let set = env::var_os("CARGO_HOME").map(PathBuf::from);
    set.or_else(|| Some(env::home_dir()?.join(".cargo"))).unwrap_or_else(|| Path::new("/").to_path_buf())
}
