//! A Python of the tests' own, with the peers in pinned versions, under the target directory.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

/// The interpreter of an environment that holds exactly what `tests/peers/requirements.txt` names.
pub(crate) fn environment(workspace: &Workspace) -> Result<PathBuf> {
    let list = workspace.root().join("tests/peers/requirements.txt");
    let wanted = fs::read_to_string(&list)
        .map_err(|error| Failure(format!("cannot read {}: {error}", list.display())))?;
    let folder = workspace.target().join("peers/venv");
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) && python.is_file() {
        return Ok(python);
    }

    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    if !shell::succeeds(&mut create) {
        debian::install(&["python3-venv"])?; // Debian's python3 comes without what makes environments
        shell::run(&mut create)?;
    }
    let mut install = Command::new(&python);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--requirement",
    ]);
    shell::run(install.arg(&list))?;
    shell::run(Command::new(&python).args(["-m", "pip", "check", "--disable-pip-version-check"]))?;
    fs::write(&installed, wanted)
        .map_err(|error| Failure(format!("cannot write {}: {error}", installed.display())))?;
    Ok(python)
}
