//! The generated files are as they would be written now.

use super::Site;
use crate::generate;
use crate::shell::Result;

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    generate::check(site.workspace)
}
