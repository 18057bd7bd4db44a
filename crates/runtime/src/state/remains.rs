//! Removing what an instance made: known names only, and never a tree of which nobody knows what it holds,
//! save temporary files.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::{StateError, marker, once, remove_file, storage};
use crate::platform;

/// The folder of the instance's Wine prefix.
pub(super) const PREFIX: &str = "wine";

/// Removes what is known to be an instance's, and the folder unless something else is in it. What is left is
/// logged. A folder without the mark is left alone.
pub(super) fn remove_instance(folder: &Path) -> Result<(), StateError> {
    if !marker::INSTANCE.is_on(folder) {
        return Ok(());
    }
    remove_pipes(&folder.join("pipes"))?;
    remove_temporary(&folder.join("tmp"))?;
    remove_temporary(&folder.join(storage::CLEANED))?;
    storage::remove_kept_if_empty(folder)?;
    for path in entries(folder)? {
        if is_file_of_instance(&path) {
            remove_file(&path)?;
        }
    }
    marker::INSTANCE.remove_alone(folder)?;
    for path in entries(folder)? {
        // A Wine prefix takes long to make, and holds what startup tasks have installed: the next run goes on
        // with it.
        let kept = ["pipes", PREFIX, storage::KEPT, once::FILE].map(|name| folder.join(name));
        if !marker::INSTANCE.is(&path) && !kept.contains(&path) {
            leave(&path);
        }
    }
    Ok(())
}

/// Removes the sockets in a folder of pipes, and the folder unless something else is in it.
pub(super) fn remove_pipes(folder: &Path) -> Result<(), StateError> {
    if !fs::symlink_metadata(folder).is_ok_and(|meta| meta.is_dir()) {
        return Ok(());
    }
    for path in entries(folder)? {
        if fs::symlink_metadata(&path).is_ok_and(|meta| platform::is_socket(&meta)) {
            remove_file(&path)?;
        } else {
            leave(&path);
        }
    }
    super::remove_if_empty(folder)
}

/// Removes a folder for temporary files with all that its service has left there. A link is no such folder.
pub(super) fn remove_temporary(folder: &Path) -> Result<(), StateError> {
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(folder).map_err(StateError::io("remove", folder)),
        _ => Ok(()),
    }
}

fn leave(path: &Path) {
    warn!("`{}` is left where it is: Standpipe did not make it", path.display());
}

/// Whether the file has a name that only the instance gives, and is no folder.
fn is_file_of_instance(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else { return false };
    let is_known = matches!(
        name,
        "lock" | "state.json" | "state.json.new" | "once.json.new" | "accounts.toml" | ".accounts.toml.lock"
    );
    // An account file that was being written: `.accounts.toml.PROCESS.new`.
    let process = name.strip_prefix(".accounts.toml.").and_then(|rest| rest.strip_suffix(".new"));
    let is_known = is_known || process.is_some_and(|process| process.parse::<u32>().is_ok());
    is_known && fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_dir())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StateError> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<_>>()
            .map_err(StateError::io("read", folder)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(StateError::io("read", folder)(error)),
    }
}
