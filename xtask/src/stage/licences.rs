//! `deny.toml`, as far as it is about this commit: advisories are about the day, and a test must not turn red
//! alone.

use super::Site;
use crate::install::tools;
use crate::shell::{self, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let program = match tools::install(site.workspace, &tools::CARGO_DENY) {
        Ok(program) => program,
        Err(why) => return site.skip_stage("licences and sources of dependencies", &why),
    };
    shell::run(site.workspace.command(program).args(["deny", "check", "bans", "licenses", "sources"]))
}
