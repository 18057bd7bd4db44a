//! A file that one process at a time holds, and that says which.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use standpipe_system::private_file;

use super::StateError;
use crate::platform;

/// More than a process and a name take.
const LONGEST: u64 = 256;

/// A lock that ends with its value, and with the process whatever happens to it.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing it would not do: a process that is being started at this moment still has it open.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock at `path` in the name of `what`. The error names the holder, which may have taken it
    /// for something else.
    pub(super) fn take(path: &Path, what: &str) -> Result<Self, StateError> {
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            platform::private_file(&mut options);
            options.open(path).map_err(StateError::io("open", path))
        };
        loop {
            let mut file = open()?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let (pid, holder) = holder_in(&mut file);
                    return Err(StateError::Running { what: holder.unwrap_or_else(|| what.to_owned()), pid });
                }
                Err(TryLockError::Error(source)) => return Err(StateError::io("lock", path)(source)),
            }
            // The holder before may have removed the file between the opening and the locking.
            if private_file::is_same_file(&file, path) {
                file.set_len(0)
                    .and_then(|()| file.rewind())
                    .and_then(|()| write!(file, "{}\n{what}\n", std::process::id()))
                    .map_err(StateError::io("write", path))?;
                return Ok(Self { file });
            }
        }
    }

    /// Whether `path` still leads to the file that is locked.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        private_file::is_same_file(&self.file, path)
    }

    /// Whether some process holds the lock at `path`.
    pub(super) fn is_taken(path: &Path) -> bool {
        // Shared, so that two processes that only look do not see each other.
        File::open(path).is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// The process and the name that a holder wrote into its lock, as far as it has.
fn holder_in(file: &mut File) -> (Option<u32>, Option<String>) {
    let mut text = String::new();
    if file.take(LONGEST).read_to_string(&mut text).is_err() {
        return (None, None);
    }
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let pid = lines.next().and_then(|line| line.parse().ok());
    (pid, lines.next().map(str::to_owned))
}
