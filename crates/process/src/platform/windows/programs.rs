//! Programs on Windows: the name's extension says that a file is one.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::Path;

/// The extensions that may be left out where `PATHEXT` says nothing.
const EXTENSIONS: &str = ".COM;.EXE;.BAT;.CMD";

/// Every file may be executed, as far as its metadata says.
pub(crate) fn is_executable(_: &Metadata) -> bool {
    true
}

/// The names that the file of a program may have: an extension may be left out.
pub(crate) fn program_names(program: &OsStr) -> Vec<OsString> {
    let extensions = std::env::var("PATHEXT").unwrap_or_else(|_| EXTENSIONS.to_owned());
    names(program, &extensions)
}

/// As `cmd.exe` looks for a program: what ends like one is one, and whatever else needs an extension behind
/// it. Extensions that need a program of their own, such as those of scripts, are no help to us.
fn names(program: &OsStr, extensions: &str) -> Vec<OsString> {
    let ours = |extension: &str| EXTENSIONS.split(';').any(|own| own.eq_ignore_ascii_case(extension));
    let mut names = vec![program.to_owned()];
    let has_one =
        Path::new(program).extension().is_some_and(|own| ours(&format!(".{}", own.to_string_lossy())));
    if !has_one {
        let added = extensions.split(';').filter(|extension| ours(extension)).map(|extension| {
            let mut name = program.to_owned();
            name.push(extension.to_lowercase());
            name
        });
        // A file without an extension is seldom a program, so it comes last.
        names.splice(0..0, added);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_may_be_left_out() {
        let found = |name: &str| names(OsStr::new(name), ".COM;.EXE;.JS;.CMD");
        assert_eq!(found("tool"), ["tool.com", "tool.exe", "tool.cmd", "tool"]);
        assert_eq!(found("my.tool"), ["my.tool.com", "my.tool.exe", "my.tool.cmd", "my.tool"]);
        assert_eq!(found("Tool.Exe"), ["Tool.Exe"]);
        assert_eq!(found("setup.bat"), ["setup.bat"]);
    }
}
