//! Programs on Unix: a mode bit says that a file is one.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;

/// Whether somebody may execute the file.
pub(crate) fn is_executable(file: &Metadata) -> bool {
    file.permissions().mode() & 0o111 != 0
}

/// The names that the file of a program may have.
pub(crate) fn program_names(program: &OsStr) -> Vec<OsString> {
    vec![program.to_owned()]
}
