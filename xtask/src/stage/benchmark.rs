//! The benchmark in its short form: that it runs, not how fast anything is.

use super::Site;
use crate::bench;
use crate::shell::{Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    if !cfg!(target_os = "linux") {
        let why = Failure("what servers use is measured only on Linux so far".to_owned());
        return site.skip_stage("the benchmark", &why);
    }
    for what in bench::smoke(site.workspace)? {
        site.skip_part("the benchmark beside others", &Failure(what))?;
    }
    Ok(())
}
