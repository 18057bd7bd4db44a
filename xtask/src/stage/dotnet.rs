//! Services and clients on .NET and mono, with Standpipe between them.

use super::{Site, pytest};
use crate::install::{dotnet, python};
use crate::shell::{self, Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "services and clients on .NET and mono";
    if !cfg!(target_os = "linux") {
        return site.skip_stage(what, &Failure("it needs Debian's packages".to_owned()));
    }
    pytest::build(site, &[])?;
    let mut command = match pytest::command(site, "tests/dotnet") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    match python::environment(site.workspace).and_then(|python| dotnet::packages(site.workspace, &python)) {
        Ok(packages) => command.env("STANDPIPE_DOTNET", packages),
        Err(why) => return site.skip_stage(what, &why),
    };
    shell::run_within(shell::STAGE, &mut command)
}
