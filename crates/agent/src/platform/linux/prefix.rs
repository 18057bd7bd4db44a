//! The folder in which Wine keeps its registry and its drive C.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::host::HostError;

/// There while the prefix is being made: what is found with it is not complete.
const UNFINISHED: &str = ".standpipe-unfinished";

/// Held while an instance uses the prefix.
const LOCK: &str = ".standpipe-lock";

/// What a prefix needs to be usable.
const NEEDED: [&str; 3] = ["system.reg", "dosdevices/c:", "drive_c/windows/system32/ntdll.dll"];

/// How long to wait for an instance that is about to end.
const LOCK_TIME: Duration = Duration::from_secs(15);

/// A prefix that no other instance uses.
#[derive(Debug)]
pub(super) struct Prefix {
    path: PathBuf,
    is_complete: bool,
    _lock: File,
}

impl Prefix {
    /// Takes the prefix at `path` for the user whose numbers are given. The folder is made if it is not
    /// there.
    pub(super) async fn take(path: &Path, user: (u32, u32)) -> Result<Self, HostError> {
        let io = |action| move |source| HostError::Io { action, path: path.to_path_buf(), source };
        make_folder(path, user).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                HostError::NoFolder { path: path.to_path_buf() }
            }
            _ => io("make the folder")(source),
        })?;
        let owner = fs::metadata(path).map_err(io("look at"))?.uid();
        if owner != user.0 {
            return Err(HostError::OtherOwner { path: path.to_path_buf(), owner, user: user.0 });
        }
        let is_new = is_empty(path).map_err(io("look into"))?;
        let lock = lock(path, user).await?;
        let unfinished = path.join(UNFINISHED);
        if unfinished.exists() {
            tracing::info!(prefix = %path.display(), "the Wine prefix was not finished, and is made anew");
            clear(path).map_err(io("clear"))?;
        } else if !is_new {
            look_at(path)?;
            return Ok(Self { path: path.to_path_buf(), is_complete: true, _lock: lock });
        }
        File::create(&unfinished).and_then(|_| give(&unfinished, user)).map_err(io("write into"))?;
        Ok(Self { path: path.to_path_buf(), is_complete: false, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was made before.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Wine has made it.
    pub(super) fn finish(&mut self) -> Result<(), HostError> {
        look_at(&self.path)?;
        let unfinished = self.path.join(UNFINISHED);
        fs::remove_file(&unfinished).map_err(|source| HostError::Io {
            action: "remove",
            path: unfinished,
            source,
        })?;
        self.is_complete = true;
        Ok(())
    }
}

/// Makes the folder with those above it, for its owner only.
fn make_folder(path: &Path, user: (u32, u32)) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made.and_then(|()| give(path, user)),
    }
}

/// Makes the user the owner of what this process has made.
fn give(path: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    if fs::metadata(path)?.uid() == user {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(user), Some(group))
}

fn is_empty(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        if entry?.file_name() != LOCK {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the folder is a prefix that can be used.
fn look_at(path: &Path) -> Result<(), HostError> {
    let path_buf = || path.to_path_buf();
    if !path.join("system.reg").exists() && !path.join("drive_c").exists() {
        return Err(HostError::NotAPrefix { path: path_buf() });
    }
    for missing in NEEDED {
        // The drive is a link, which may lead anywhere.
        if fs::metadata(path.join(missing)).is_err() {
            return Err(HostError::Broken { path: path_buf(), missing });
        }
    }
    let mut beginning = Vec::new();
    let read =
        File::open(path.join("system.reg")).and_then(|file| file.take(1000).read_to_end(&mut beginning));
    read.map_err(|source| HostError::Io { action: "read", path: path.join("system.reg"), source })?;
    let beginning = String::from_utf8_lossy(&beginning);
    if !beginning.starts_with("WINE REGISTRY") {
        return Err(HostError::Broken { path: path_buf(), missing: "the head of system.reg" });
    }
    if beginning.lines().any(|line| line.trim() == "#arch=win32") {
        return Err(HostError::Only32Bit { path: path_buf() });
    }
    Ok(())
}

/// Removes what is in the folder, except the lock.
fn clear(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

async fn lock(path: &Path, user: (u32, u32)) -> Result<File, HostError> {
    let file = path.join(LOCK);
    let io = |action, source| HostError::Io { action, path: path.join(LOCK), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(&file).map_err(|source| io("open", source))?;
    give(&file, user).map_err(|source| io("make", source))?;
    let began = tokio::time::Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if began.elapsed() < LOCK_TIME => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(TryLockError::WouldBlock) => return Err(HostError::InUse { path: path.to_path_buf() }),
            Err(TryLockError::Error(source)) => return Err(io("lock", source)),
        }
    }
}
