//! The whole workspace, tests included, type-checks for Windows: what is Unix-only has its other side.

use super::Site;
use crate::install::cross::CrossCompiler;
use crate::shell::{self, Result};

const TARGET: &str = "x86_64-pc-windows-gnu";

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let compiler = match CrossCompiler::for_target(site.workspace, TARGET, "std,panic_abort,test") {
        Ok(compiler) => compiler,
        Err(why) => return site.skip_stage("that everything compiles for Windows", &why),
    };
    let mut command = compiler.cargo(site.workspace, "check");
    command.args(["--quiet", "--workspace", "--all-targets"]).env("RUSTFLAGS", "-D warnings");
    shell::run(&mut command)
}
