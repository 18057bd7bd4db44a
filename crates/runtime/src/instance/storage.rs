//! How much is in the local storage of an instance.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

/// How often it is measured.
const INTERVAL: Duration = Duration::from_mins(1);

/// A local storage: its name, its folder, and how many bytes it may hold.
#[derive(Debug, Clone)]
pub(super) struct Limited {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
}

/// Logs when one of them holds more than it may, and once more when it has shrunk and grown again. Never
/// ends.
pub(super) async fn watch(storage: Vec<Limited>) {
    if storage.is_empty() {
        return std::future::pending().await;
    }
    let mut too_large = vec![false; storage.len()];
    loop {
        tokio::time::sleep(INTERVAL).await;
        for (one, was) in storage.iter().zip(&mut too_large) {
            let path = one.path.clone();
            let Ok(used) = tokio::task::spawn_blocking(move || bytes_below(&path)).await else { continue };
            let is = used > one.size;
            if is && !*was {
                let (name, size) = (&one.name, one.size);
                warn!("the local storage `{name}` holds {used} bytes, and its size is {size}");
            }
            *was = is;
        }
    }
}

/// The bytes of all files in a folder and below. What cannot be read counts as nothing; links are not
/// followed.
fn bytes_below(folder: &Path) -> u64 {
    let mut sum = 0u64;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                sum = sum.saturating_add(found.len());
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_folder_holds_is_the_sum_of_its_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("a"), [0; 10]).unwrap();
        fs::write(folder.path().join("below/b"), [0; 5]).unwrap();
        assert_eq!(bytes_below(folder.path()), 15);
        assert_eq!(bytes_below(&folder.path().join("gone")), 0);
    }
}
