//! Exports of the demo and others, given to a real API server.

use super::{Site, pytest};
use crate::install::kubernetes;
use crate::shell::{self, Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let what = "exports on an API server of Kubernetes";
    if !cfg!(target_os = "linux") {
        return site.skip_stage(what, &Failure("it needs Debian's packages".to_owned()));
    }
    let programs = match kubernetes::install(site.workspace) {
        Ok(programs) => programs,
        Err(why) => return site.skip_stage(what, &why),
    };
    let mut command = match pytest::command(site, "tests/kubernetes") {
        Ok(command) => command,
        Err(why) => return site.skip_stage(what, &why),
    };
    shell::run_within(shell::STAGE, command.env("STANDPIPE_KUBERNETES", programs))
}
