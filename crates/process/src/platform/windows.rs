//! Programs on Windows: the name's extension says that a file is one.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::path::Path;

/// Every file may be executed, as far as its metadata says.
pub(crate) fn is_executable(_: &Metadata) -> bool {
    true
}

/// The names that the file of a program may have: an extension may be left out.
pub(crate) fn program_names(program: &OsStr) -> Vec<OsString> {
    let mut names = vec![program.to_owned()];
    if Path::new(program).extension().is_none() {
        for extension in [".exe", ".cmd", ".bat"] {
            let mut name = program.to_owned();
            name.push(extension);
            names.push(name);
        }
    }
    names
}
