//! Where things are, and how cargo is called on them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout this program was built in.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => root.join(folder),
            None => root.join("target"),
        };
        Self { root, target }
    }

    /// A copy of the checkout, with a target directory of its own.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf(), target: root.join("target") }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory. Whatever is installed or made here stays below it.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The binaries of the dev profile.
    pub(crate) fn binaries(&self) -> PathBuf {
        self.target.join("debug")
    }

    /// The cargo that runs this program, in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.env("CARGO_TARGET_DIR", &self.target);
        command
    }

    /// A program in the workspace's root.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// `PATH` with the built binaries before everything else, for programs that call each other by name.
    pub(crate) fn path_with_binaries(&self) -> Result<std::ffi::OsString, env::JoinPathsError> {
        let inherited = env::var_os("PATH").unwrap_or_default();
        env::join_paths(std::iter::once(self.binaries()).chain(env::split_paths(&inherited)))
    }
}
