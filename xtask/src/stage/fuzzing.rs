//! Each fuzz target runs for some seconds under libFuzzer, from its seeds. Its twin, a plain test that needs
//! no fuzzer, has already run among the unit tests.

use super::Site;
use crate::fuzz::{self, Fuzzer};
use crate::shell::Result;

/// Long enough to leave the seeds behind, short enough for every run.
const SECONDS_PER_TARGET: u32 = 10;

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let fuzzer = match Fuzzer::install(site.workspace) {
        Ok(fuzzer) => fuzzer,
        Err(why) => return site.skip_stage("the fuzz targets under libFuzzer", &why),
    };
    for target in fuzz::targets(site.workspace)? {
        fuzzer.run(site.workspace, &target, SECONDS_PER_TARGET)?;
    }
    Ok(())
}
