//! A short soak; `cargo xtask soak` runs a long one.

use super::Site;
use crate::shell::{Failure, Result};
use crate::soak;

/// Long enough for every service to be killed and for every way to leave, short enough for every run.
const SECONDS: u64 = 30;
const CLIENTS: u64 = 100;

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    if !cfg!(target_os = "linux") {
        let why = Failure("it reads what processes hold from /proc".to_owned());
        return site.skip_stage("a server under many clients whose services are killed", &why);
    }
    soak::run_short(site.workspace, SECONDS, CLIENTS)
}
