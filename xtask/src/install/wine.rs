//! Wine, a compiler for Windows, and a prefix for the tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// What links programs for Windows.
const MINGW: &[&str] = &["gcc-mingw-w64-x86-64"];
pub(crate) const MINGW_GCC: &str = "x86_64-w64-mingw32-gcc";
pub(crate) const MINGW_OBJDUMP: &str = "x86_64-w64-mingw32-objdump";

const PACKAGES: &[&str] = &["wine", "wine64"];

/// Where Debian keeps Wine's own programs. The command `wine` is a script around them, which complains about
/// the missing 32-bit part.
const DEBIAN: &str = "/usr/lib/wine";

/// A prefix with Wine's programs. When this goes, no process of the prefix is left.
pub(crate) struct Wine {
    loader: PathBuf,
    server: PathBuf,
    prefix: PathBuf,
}

/// Makes sure that programs for Windows can be linked here.
pub(crate) fn linker() -> Result<()> {
    if program_on_path(MINGW_GCC).is_some() && program_on_path(MINGW_OBJDUMP).is_some() {
        return Ok(());
    }
    debian::install(MINGW)
}

impl Wine {
    /// Installs Wine where it is missing, and makes the tests' prefix on first use.
    pub(crate) fn install(workspace: &Workspace) -> Result<Self> {
        linker()?;
        let (loader, server) = if let Some(found) = programs() {
            found
        } else {
            debian::install(PACKAGES)?;
            programs().ok_or_else(|| Failure(format!("no wine64 and wineserver in {DEBIAN} or on PATH")))?
        };
        let folder = workspace.target().join("wine");
        let prefix = folder.join("prefix");
        let ready = Self { loader, server, prefix };
        // A run that was killed may have left its processes.
        ready.end_processes();
        if !ready.prefix.join("system.reg").is_file() {
            ready.make_prefix(&folder)?;
        }
        let source = workspace.root().join("tests/wine/bcryptprimitives.c");
        let library = ready.prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
        let mut compile = Command::new(MINGW_GCC);
        compile.args(["-shared", "-s", "-Os", "-Wall", "-Werror", "-o"]).arg(library).arg(source);
        shell::run(compile.arg("-ladvapi32"))?;
        Ok(ready)
    }

    /// Makes the prefix beside its place, so that half a prefix is never taken for a whole one.
    fn make_prefix(&self, folder: &Path) -> Result<()> {
        let cannot = |error| Failure(format!("cannot make {}: {error}", self.prefix.display()));
        let unfinished = Self {
            loader: self.loader.clone(),
            server: self.server.clone(),
            prefix: folder.join("unfinished"),
        };
        for old in [&unfinished.prefix, &self.prefix] {
            if old.exists() {
                fs::remove_dir_all(old).map_err(cannot)?;
            }
        }
        fs::create_dir_all(&unfinished.prefix).map_err(cannot)?;
        println!("making a Wine prefix: {}", self.prefix.display());
        let mut boot = Command::new(&self.loader);
        boot.args(["wineboot", "--init"]);
        shell::run_within(shell::STAGE, unfinished.surround(&mut boot))?;
        // Wine writes its registry when its last process has gone.
        let mut wait = Command::new(&self.server);
        shell::run_within(shell::STAGE, unfinished.surround(wait.arg("--wait")))?;
        fs::rename(&unfinished.prefix, &self.prefix).map_err(cannot)
    }

    /// The program that starts programs for Windows.
    pub(crate) fn loader(&self) -> &Path {
        &self.loader
    }

    /// The tests' prefix.
    pub(crate) fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Gives a command the prefix, and no messages of Wine's own.
    pub(crate) fn surround<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("WINEPREFIX", &self.prefix).env("WINEDEBUG", "-all").env_remove("DISPLAY")
    }

    /// Keeps the prefix's processes for some seconds after the last program, so that the next one starts at
    /// once.
    pub(crate) fn keep_warm(&self) -> Result<()> {
        shell::run(self.surround(Command::new(&self.server).arg("--persistent=30")))
    }

    fn end_processes(&self) {
        // It fails only when none runs.
        shell::succeeds(self.surround(Command::new(&self.server).arg("--kill")));
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        if self.prefix.is_dir() {
            self.end_processes();
        }
    }
}

/// The loader and the server, from Debian's folder or the search path.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let debian = (Path::new(DEBIAN).join("wine64"), Path::new(DEBIAN).join("wineserver"));
    if debian.0.is_file() && debian.1.is_file() {
        return Some(debian);
    }
    let loader = program_on_path("wine64").or_else(|| program_on_path("wine"));
    loader.zip(program_on_path("wineserver"))
}

fn program_on_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}
