//! Which folders of unpacked packs are in use, and the removal of the others.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use standpipe_system::private_file::is_same_file;

use crate::error::PackError;
use crate::manifest::Manifest;

/// How many digits of a sum are in the name of an unpacked folder.
pub(crate) const SUM_DIGITS: usize = 16;

/// The file that is locked for as long as somebody runs from the folder that it is in.
const LOCK: &str = ".standpipe-in-use";

/// A pack that is unpacked. [`Unpacked::remove_others`] of other processes leaves it alone while this lives.
#[derive(Debug)]
pub struct Unpacked {
    folder: PathBuf,
    /// The name of the deployment.
    name: String,
    /// The path of the deployment file.
    file: PathBuf,
    /// Holds a shared lock, where that is possible: the folder may be one that nobody can write to.
    _lock: Option<File>,
}

impl Unpacked {
    /// Says that the folder is in use. `None` when it was removed at the same moment.
    pub(crate) fn hold(folder: PathBuf, manifest: &Manifest) -> Option<Self> {
        let path = folder.join(LOCK);
        let lock = match OpenOptions::new().read(true).append(true).create(true).open(&path) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => None,
        };
        if let Some(lock) = &lock {
            // Where there are no locks, nobody else gets one either, and nothing is removed.
            let _ = lock.lock_shared();
            if !is_same_file(lock, &path) {
                return None;
            }
        }
        let file = folder.join(&manifest.deployment);
        Some(Self { folder, name: manifest.name.clone(), file, _lock: lock })
    }

    /// The path of the deployment file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Removes what other packs of the same deployment were unpacked to, where nobody runs from it. Returns
    /// what was removed, and what could not be.
    pub fn remove_others(&self) -> Vec<Result<PathBuf, PackError>> {
        let Some(above) = self.folder.parent() else { return Vec::new() };
        let entries = fs::read_dir(above).into_iter().flatten().flatten();
        let others = entries.map(|entry| entry.path()).filter(|path| self.is_other(path));
        others.filter_map(|path| remove_unused(&path).transpose()).collect()
    }

    /// Whether a folder is one that another pack of the same deployment was unpacked to, by its name.
    fn is_other(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let sum = name.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
        *path != self.folder
            && sum.len() == SUM_DIGITS
            && sum.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    }
}

/// Removes the folder unless somebody runs from it, or nobody can know. Returns its path if it was removed.
fn remove_unused(folder: &Path) -> Result<Option<PathBuf>, PackError> {
    let Ok(lock) = File::open(folder.join(LOCK)) else { return Ok(None) };
    if lock.try_lock().is_err() {
        return Ok(None);
    }
    // Under another name nobody finds it any more, also when its removal fails in the middle.
    let mut gone = folder.as_os_str().to_owned();
    gone.push(".gone");
    let gone = PathBuf::from(gone);
    if cfg!(windows) {
        // Windows renames no folder with an open file in it.
        drop(lock);
        fs::rename(folder, &gone).map_err(PackError::io("remove", folder))?;
    } else {
        fs::rename(folder, &gone).map_err(PackError::io("remove", folder))?;
        drop(lock);
    }
    fs::remove_dir_all(&gone).map_err(PackError::io("remove", &gone))?;
    Ok(Some(folder.to_path_buf()))
}
