//! The folders that an instance has for itself.

use std::fs;
use std::path::{Path, PathBuf};

use standpipe_deployment::LocalStorage;

use super::{InstanceLock, StateError, folders, remains};
use crate::platform;

/// The folder of those that are emptied each time the instance starts.
pub(super) const CLEANED: &str = "storage";
/// The folder of those that are kept.
pub(super) const KEPT: &str = "kept";

impl InstanceLock {
    /// Makes the folder of each local storage, for `owner` alone as in
    /// [`InstanceDir::lock`](super::InstanceDir). Those that are not kept are empty then.
    pub(crate) fn make_storage(
        &self,
        storage: &[LocalStorage],
        owner: Option<(u32, u32)>,
    ) -> Result<Vec<PathBuf>, StateError> {
        let folder = |kept: bool| self.dir.path.join(if kept { KEPT } else { CLEANED });
        remains::remove_temporary(&folder(false))?;
        storage
            .iter()
            .map(|storage| {
                let above = folder(!storage.clean_on_recycle);
                let path = above.join(&storage.name);
                folders::make_private(&above)?;
                // A folder that is kept was given to its user the last time.
                if path.is_dir() && owner.is_some() {
                    platform::take_back(&path).map_err(StateError::io("take back", &path))?;
                }
                folders::make_private(&path)?;
                if let Some(owner) = owner {
                    platform::let_through(&above).map_err(StateError::io("open up", &above))?;
                    platform::hand_over(&path, owner).map_err(StateError::io("give away", &path))?;
                    // The way there, which the folder of pipes may not have opened.
                    platform::let_through(&self.dir.path)
                        .map_err(StateError::io("open up", &self.dir.path))?;
                }
                Ok(path)
            })
            .collect()
    }
}

/// Whether nothing is in the folder of what is kept, which then goes with the instance.
pub(super) fn remove_kept_if_empty(instance: &Path) -> Result<(), StateError> {
    let kept = instance.join(KEPT);
    if let Ok(entries) = fs::read_dir(&kept) {
        for entry in entries.flatten() {
            super::remove_if_empty(&entry.path())?;
        }
        super::remove_if_empty(&kept)?;
    }
    Ok(())
}
