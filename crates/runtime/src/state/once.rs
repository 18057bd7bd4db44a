//! Which startup tasks an instance has done that are to be done once.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{StateError, whole_file};

/// The file in the folder of an instance.
pub(super) const FILE: &str = "once.json";

/// A task that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// Its command line, without passwords.
    pub(crate) command: String,
    /// The version of what it does.
    pub(crate) version: String,
}

/// The tasks that were done. A file that cannot be read says that none was.
pub(crate) fn read_done(file: &Path) -> Vec<Done> {
    std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Notes that a task was done. What it did before in another version is forgotten.
pub(crate) fn add_done(file: &Path, task: Done) -> Result<(), StateError> {
    let mut done = read_done(file);
    done.retain(|known| known.command != task.command);
    done.push(task);
    whole_file::write_json(file, &done)
}
