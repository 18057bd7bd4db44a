//! Windows services under Wine, most of them not written here: Standpipe starts and watches them, and clients
//! that are not written here either call them through SMB.

use super::{Site, pytest, windows};
use crate::install::cross::CrossCompiler;
use crate::install::windows_programs;
use crate::install::wine::{self, Wine};
use crate::shell::{self, Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "Windows services under Wine";
    if !cfg!(target_os = "linux") {
        return site.skip_stage(what, &Failure("it needs Debian's packages".to_owned()));
    }
    let workspace = site.workspace;
    let ready = wine::linker().and_then(|()| windows::compiler(site));
    let compiler: CrossCompiler = match ready {
        Ok(compiler) => compiler,
        Err(why) => return site.skip_stage(what, &why),
    };
    windows::build(site, &compiler)?;
    pytest::build(site, &[])?;
    let installed = windows_programs::install(workspace).and_then(|programs| {
        let wine = Wine::install(workspace)?;
        Ok((programs, wine))
    });
    let (programs, wine) = match installed {
        Ok(installed) => installed,
        Err(why) => return site.skip_stage(what, &why),
    };
    let mut command = match pytest::command(site, "tests/wine") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    command.env("STANDPIPE_WINDOWS_BINARIES", compiler.binaries(workspace));
    command.env("STANDPIPE_WINDOWS_PROGRAMS", programs);
    command.env("STANDPIPE_WINE", wine.loader());
    command.env("STANDPIPE_WINE_PREFIX", wine.prefix());
    shell::run_within(shell::STAGE, &mut command)
}
