//! A client made with go-smb2, which Debian packages as source, as it does all of Go's libraries.

use std::path::PathBuf;

use super::debian;
use crate::shell::{self, Result};
use crate::workspace::Workspace;

const PACKAGES: &[&str] = &["golang-go", "golang-github-hirochachacha-go-smb2-dev"];
/// Where Debian puts the source of Go's libraries.
const LIBRARIES: &str = "/usr/share/gocode";

/// The program, built under the target directory.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    debian::install(PACKAGES)?;
    let folder = workspace.target().join("peers");
    let program = folder.join("go-smb2-peer");
    let mut command = workspace.command("go");
    command.args(["build", "-trimpath", "-o"]).arg(&program).arg("tests/go-smb2/main.go");
    command.env("GOPATH", LIBRARIES).env("GOCACHE", folder.join("go-cache"));
    // As Debian has them: without modules, which would be fetched, and without a compiler of C.
    command.env("GO111MODULE", "off").env("CGO_ENABLED", "0");
    shell::run(&mut command)?;
    Ok(program)
}
