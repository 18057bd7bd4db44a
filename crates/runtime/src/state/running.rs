//! The deployments that run on this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use standpipe_system::folder;

use super::lock::Lock;
use super::{StateDir, StateError, marker};

/// A deployment that runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningDeployment {
    /// Its name.
    pub name: String,
    /// Its state folder.
    pub folder: PathBuf,
}

/// The deployments of this user that run on this machine with their state in the default folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn running() -> Result<Vec<RunningDeployment>, StateError> {
    running_in(&folder::default_folder(|name| std::env::var_os(name)))
}

fn running_in(above: &Path) -> Result<Vec<RunningDeployment>, StateError> {
    let entries = match fs::read_dir(above) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::io("read", above))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StateError::io("read", above))?;
        let (name, path) = (entry.file_name(), entry.path());
        if !marker::DEPLOYMENT.is_on(&path) {
            continue;
        }
        let state = StateDir { path: path.clone() };
        let runs = Lock::is_taken(&path.join("lock")) || state.has_running_instances().unwrap_or(false);
        if let (true, Some(name)) = (runs, name.to_str()) {
            found.push(RunningDeployment { name: name.to_owned(), folder: path });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}
