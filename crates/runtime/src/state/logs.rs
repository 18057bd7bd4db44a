//! Where the last log lines of instances are: in the folder `logs` of a deployment's state folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{StateError, folders, instance_name, parse_instance_name, remove_file, remove_if_empty};

/// The folder.
const FOLDER: &str = "logs";

/// The end of a log file's name.
const END: &str = ".log";

/// The end of the name of a log file that was put aside.
const FORMER_END: &str = ".log.1";

/// What the log of the local runtime itself is called.
const OWN: &str = "up";

/// The log of an instance of the deployment whose state folder is `dir`.
pub fn log_of(dir: &Path, role: &str, number: u32) -> PathBuf {
    dir.join(FOLDER).join(instance_name(role, number) + END)
}

/// The log of the local runtime of the deployment whose state folder is `dir`.
pub fn own_log(dir: &Path) -> PathBuf {
    dir.join(FOLDER).join(OWN.to_owned() + END)
}

/// Where a log is put aside when it has become long.
pub fn former_log(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// A log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Log {
    /// The role and the number of its instance; `None` for the local runtime's own.
    pub instance: Option<(String, u32)>,
    /// Its file.
    pub path: PathBuf,
}

/// The logs of the deployment whose state folder is `dir`, that of the local runtime first.
///
/// # Errors
/// When the folder cannot be read. A folder that is not there holds no log.
pub fn logs(dir: &Path) -> Result<Vec<Log>, StateError> {
    let folder = dir.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::io("read", &folder))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StateError::io("read", &folder))?;
        let name = entry.file_name();
        let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(END)) else { continue };
        let instance = parse_instance_name(stem.as_ref()).map(|(role, number)| (role.to_owned(), number));
        if instance.is_some() || stem == OWN {
            found.push(Log { instance, path: entry.path() });
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the folder for the logs of the deployment whose state folder is `dir`.
pub(super) fn make(dir: &Path) -> Result<(), StateError> {
    folders::make_private(&dir.join(FOLDER))
}

/// Removes the logs, and the folder unless something else is in it.
pub(super) fn remove(dir: &Path) -> Result<(), StateError> {
    let folder = dir.join(FOLDER);
    // A link is no such folder.
    if !fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    for entry in fs::read_dir(&folder).map_err(StateError::io("read", &folder))? {
        let entry = entry.map_err(StateError::io("read", &folder))?;
        let name = entry.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(END).or(name.strip_suffix(FORMER_END)));
        if stem.is_some_and(|stem| stem == OWN || parse_instance_name(stem.as_ref()).is_some()) {
            remove_file(&entry.path())?;
        }
    }
    remove_if_empty(&folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_found_by_their_names_and_removed_with_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        assert_eq!(logs(dir).unwrap(), []);
        make(dir).unwrap();
        for log in [log_of(dir, "A", 10), log_of(dir, "A", 2), own_log(dir), former_log(&log_of(dir, "A", 2))]
        {
            fs::write(log, "").unwrap();
        }
        fs::write(dir.join("logs/mine.log"), "").unwrap();
        let found: Vec<Option<u32>> =
            logs(dir).unwrap().into_iter().map(|log| log.instance.map(|(_, number)| number)).collect();
        assert_eq!(found, [None, Some(2), Some(10)]);
        remove(dir).unwrap();
        let left: Vec<_> =
            fs::read_dir(dir.join("logs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["mine.log"]);
    }
}
