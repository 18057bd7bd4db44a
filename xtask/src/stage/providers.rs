//! The providers of cryptography that are behind a feature: the known answers and the properties of `smb`,
//! with each of them. The stage *units* runs the same tests with the default alone.

use super::Site;
use crate::shell::{self, Result};

const FEATURE: &str = "aws-lc";

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let mut command = site.workspace.cargo();
    command.args(["test", "--quiet", "--package", "standpipe-smb", "--lib", "--features", FEATURE]);
    shell::run_within(shell::STAGE, command.args(["crypto::"]))
}
