//! Folders that are one user's alone, on Windows: below the user's own local data, whose access control list
//! they inherit.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use super::StateError;

pub(super) fn default_parent(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let data = variable("LOCALAPPDATA").map_or_else(std::env::temp_dir, PathBuf::from);
    data.join("standpipe")
}

pub(super) fn is_default_parent(folder: &Path) -> bool {
    folder == default_parent(|name| std::env::var_os(name))
}

pub(super) fn make_parents(path: &Path) -> Result<(), StateError> {
    fs::create_dir_all(path).map_err(StateError::io("make the folder", path))
}

pub(super) fn make_private(path: &Path) -> Result<(), StateError> {
    fs::create_dir_all(path).map_err(StateError::io("make the folder", path))
}

/// The folders are below the user's own local data, where nobody else can put a file.
pub(super) fn is_own(_: &fs::Metadata) -> bool {
    true
}

/// Pipes are no files here.
pub(super) fn is_socket(_: &fs::Metadata) -> bool {
    false
}

pub(super) fn private_file(_: &mut OpenOptions) {}

/// An open file cannot be removed here, so the path leads to it as long as it is open.
pub(super) fn is_same_file(_: &File, _: &Path) -> bool {
    true
}

/// Services run as another user through the service control manager, which no file here is for.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(super) fn hand_over(_: &Path, _: (u32, u32)) -> Result<(), StateError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(super) fn take_back(_: &Path) -> Result<(), StateError> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(super) fn let_through(_: &Path) -> Result<(), StateError> {
    Ok(())
}
