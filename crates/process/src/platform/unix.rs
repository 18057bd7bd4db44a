//! Programs on Unix: a mode bit says that a file is one. And the end of this one.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;

/// What `main` returns, so that this process ends with this exit code. On Windows, the process ends here.
pub fn end_process(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// Whether somebody may execute the file.
pub(crate) fn is_executable(file: &Metadata) -> bool {
    file.permissions().mode() & 0o111 != 0
}

/// The names that the file of a program may have.
pub(crate) fn program_names(program: &OsStr) -> Vec<OsString> {
    vec![program.to_owned()]
}
