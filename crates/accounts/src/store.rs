//! The account file on disk: only its owner's, replaced in one step, one writer at a time.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::AccountFileError;
pub(crate) use standpipe_system::private_file::FileIdentity as Identity;
use standpipe_system::{Found as FoundFile, private_file};

/// The longest account file that is read, in bytes: some 50,000 accounts.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// How long to wait for another writer, and how long between looking whether it is done: twice as long each
/// time. A writer needs milliseconds.
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const LOCK_PAUSE: Duration = Duration::from_millis(1);
const MAX_LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Links followed to the file, as many as the system follows.
const MAX_LINKS: usize = 40;

/// What was read.
pub(crate) struct Found {
    pub(crate) text: Zeroizing<String>,
    /// What the file looked like; `None` when it may change without a difference to be seen.
    pub(crate) identity: Option<Identity>,
}

/// What the file looks like now, to see whether it changed; `None` when there is none.
pub(crate) fn identify(path: &Path) -> Result<Option<Identity>, AccountFileError> {
    match FoundFile::at(path) {
        Ok(found) => Ok(Some(Identity::of(&found))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(path, "look at")(error)),
    }
}

/// Reads the file; `None` when there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Found>, AccountFileError> {
    let file = match private_file::open_to_read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(path, "open")(error)),
    };
    let found = FoundFile::of(&file).map_err(failed(path, "look at"))?;
    private_file::check(&found).map_err(|why| AccountFileError::not_private(path, why))?;
    let length = found.metadata().len();
    if length > MAX_BYTES {
        return Err(AccountFileError::TooLong { path: path.to_owned(), length, limit: MAX_BYTES });
    }
    let settled = private_file::is_settled(&found);
    // One byte more than expected, so that reading to the end never grows the buffer and leaves a copy.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length as usize + 1));
    (&file).take(length).read_to_end(&mut bytes).map_err(failed(path, "read"))?;
    let text = str::from_utf8(&bytes)
        .map_err(|error| failed(path, "read")(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    Ok(Some(Found { text: Zeroizing::new(text.to_owned()), identity: settled.then(|| Identity::of(&found)) }))
}

/// Keeps other writers of this file, by whatever link they came, away until the result is dropped; waits up
/// to `timeout` for them. The lock file stays: removing it would let two writers hold locks on two files of
/// one name.
pub(crate) fn lock(path: &Path, timeout: Duration) -> Result<File, AccountFileError> {
    let target = follow_links(path).map_err(failed(path, "look at"))?;
    let lock = private_file::open_to_write(&beside(&target, "lock"), false)
        .map_err(failed(path, "create the lock of"))?;
    let started = Instant::now();
    let mut pause = LOCK_PAUSE;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if started.elapsed() < timeout => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(MAX_LOCK_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(AccountFileError::Locked { path: path.to_owned(), timeout });
            }
            Err(TryLockError::Error(error)) => return Err(failed(path, "lock")(error)),
        }
    }
}

/// Where a path leads that may be a link, for example into a mounted volume. What it leads to need not be
/// there yet.
fn follow_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => fs::canonicalize(folder)?,
            _ => fs::canonicalize(".")?,
        };
        target = folder.join(target.file_name().unwrap_or_default());
        match fs::symlink_metadata(&target) {
            Ok(found) if found.is_symlink() => target = folder.join(fs::read_link(&target)?),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => return Ok(target),
        }
    }
    Err(io::Error::other("there are too many links on the way"))
}

/// Puts a new file with `text` in the file's place. The caller holds the lock.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), AccountFileError> {
    let target = follow_links(path).map_err(failed(path, "look at"))?;
    let new = beside(&target, &format!("{}.new", std::process::id()));
    // Left behind by a process of the same number that was killed here; with the lock held it is nobody's.
    let _ = fs::remove_file(&new);
    let written = write_new(&new, &target, text);
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.map_err(failed(path, "write"))
}

fn write_new(new: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut file = private_file::open_to_write(new, true)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = FoundFile::at(target) {
        private_file::keep_owner(&file, &old)?;
    }
    file.sync_all()?;
    private_file::rename_over(new, target)?;
    private_file::sync_folder_of(target)
}

/// `.name.suffix` in the folder of `path`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

fn failed(path: &Path, action: &'static str) -> impl Fn(io::Error) -> AccountFileError {
    move |source| AccountFileError::Io { path: path.to_owned(), action, source }
}
