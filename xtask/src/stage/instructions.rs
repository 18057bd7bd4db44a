//! A call costs no more instructions than `docs/performance.json` says.

use super::Site;
use crate::bench::Counts;
use crate::shell::{Failure, Result};

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    if !cfg!(target_os = "linux") {
        let why = Failure("instructions are counted only on Linux so far".to_owned());
        return site.skip_stage("the count of instructions", &why);
    }
    let recorded = Counts::recorded(site.workspace)?;
    let mut counts = Counts::count(site.workspace)?;
    print!("{counts}");
    if counts.check(&recorded).is_err() {
        println!("more than is written down; counting again");
        counts = counts.least(&Counts::count(site.workspace)?);
        print!("{counts}");
    }
    counts.check(&recorded)
}
