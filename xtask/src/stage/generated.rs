//! The generated files are as they would be written now, and shells can read their completions.

use super::Site;
use crate::generate;
use crate::install::debian;
use crate::shell::{self, Result};

/// A shell, the option with which it only reads a file, and the file that is made for it.
const SHELLS: [(&str, &str, &str); 3] = [
    ("bash", "-n", "packaging/completions/standpipe.bash"),
    ("zsh", "-n", "packaging/completions/_standpipe"),
    ("fish", "--no-execute", "packaging/completions/standpipe.fish"),
];

pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    generate::check(site.workspace)?;
    for (program, option, file) in SHELLS {
        let mut version = site.workspace.command(program);
        if !shell::succeeds(version.arg("--version"))
            && let Err(why) = debian::install(&[program])
        {
            site.skip_part(&format!("that {program} can read its completions"), &why)?;
            continue;
        }
        shell::run(site.workspace.command(program).args([option, file]))?;
    }
    Ok(())
}
