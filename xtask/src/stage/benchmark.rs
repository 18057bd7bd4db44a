//! The benchmark in its short form: that it runs, not how fast anything is.

use super::Site;
use crate::bench::{self, Missing};
use crate::shell::{Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    if !cfg!(target_os = "linux") {
        let why = Failure("what servers use is measured only on Linux so far".to_owned());
        return site.skip_stage("the benchmark", &why);
    }
    match bench::smoke(site.workspace)? {
        None => Ok(()),
        Some(Missing(why)) => site.skip_part("the benchmark beside smbd", &why),
    }
}
