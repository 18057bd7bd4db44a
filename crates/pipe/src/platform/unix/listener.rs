//! A listening local socket and the file that names it.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode as FileMode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use standpipe_system::machine::MAX_SOCKET_PATH;
use standpipe_system::user::User;
use tokio::io::unix::AsyncFd;

use super::socket::{Socket, socket_type};
use crate::Mode;
use crate::listener::{ListenError, ListenOptions};

/// New connections the kernel keeps until the service accepts them.
const BACKLOG: i32 = 1024;

/// How long to wait for another process that is putting a socket into the same folder, and how often to
/// look.
const LOCK_TRIES: u32 = 200;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How long to wait for resources before accepting is tried again.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// A listening socket. Its file goes when it goes.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: AsyncFd<OwnedFd>,
    mode: Mode,
    path: PathBuf,
    /// Device and inode of the socket's file, so that only that is removed at the end.
    file: (u64, u64),
}

impl Listener {
    /// A socket has neither a descriptor nor a number of instances: its file lets its owner and root in.
    pub(crate) async fn bind(path: &Path, mode: Mode, _options: &ListenOptions) -> Result<Self, ListenError> {
        let failed = |action: &'static str, source: io::Error| ListenError::Io {
            path: path.to_owned(),
            action,
            source,
        };
        let address = SocketAddrUnix::new(path)
            .map_err(|_| ListenError::PathTooLong { path: path.to_owned(), limit: MAX_SOCKET_PATH })?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = rustix::net::socket_with(AddressFamily::UNIX, socket_type(mode), flags, None)
            .map_err(|error| failed("create a socket for", error.into()))?;
        // The file takes its permissions from the socket, so it is never open to others, not even for a
        // moment between bind and a later chmod.
        rustix::fs::fchmod(&fd, FileMode::RUSR | FileMode::WUSR)
            .map_err(|error| failed("set the permissions of", error.into()))?;

        // Two processes that both find a stale file must not remove each other's new one.
        let lock = lock_folder(path).await.map_err(|error| failed("lock the folder of", error))?;
        remove_stale(path)?;
        rustix::net::bind(&fd, &address).map_err(|error| failed("create", error.into()))?;
        rustix::net::listen(&fd, BACKLOG).map_err(|error| failed("listen at", error.into()))?;
        let made = fs::symlink_metadata(path).map_err(|error| failed("look at", error))?;
        drop(lock);

        let fd = super::watch(fd).map_err(|error| failed("wait at", error))?;
        Ok(Self { fd, mode, path: path.to_owned(), file: (made.dev(), made.ino()) })
    }

    pub(crate) async fn accept(&self) -> io::Result<Socket> {
        loop {
            let mut guard = self.fd.readable().await?;
            match rustix::net::accept_with(self.fd.get_ref(), SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => return Socket::new(fd, self.mode),
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // The caller waits its turn; a service must not end because descriptors ran out for a while.
                Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    tracing::warn!(path = %self.path.display(), %error, "no room for another connection now");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // While this socket still listens nobody replaces its file, so what is there is ours or was put
        // there by hand.
        if fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.file) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The user who owns the socket at `path`.
///
/// # Errors
/// When there is none, or only a link to one.
pub(crate) fn owner_of_socket(path: &Path) -> io::Result<User> {
    super::socket::owner_of(path)
}

/// What tells the file of a socket from its successors at the same path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SocketFile {
    device: u64,
    number: u64,
    /// Seconds and nanoseconds of its last change, such as of its owner.
    changed: (i64, i64),
}

/// The file of the socket at `path`.
pub(crate) fn file_of_socket(path: &Path) -> Option<SocketFile> {
    let found = fs::symlink_metadata(path).ok()?;
    let changed = (found.ctime(), found.ctime_nsec());
    Some(SocketFile { device: found.dev(), number: found.ino(), changed })
}

/// The user who made the socket that listens at `path`, where the system says it without a connection.
pub(crate) fn user_who_listens(path: &Path) -> Option<User> {
    #[cfg(target_os = "linux")]
    return super::diagnosis::user_of_listener(&fs::symlink_metadata(path).ok()?).map(User::from_number);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        None
    }
}

/// Whether somebody listens at `path`. Nothing is connected, so the service notices nothing: a socket of a
/// type that no pipe has is refused with another error when there is a listener than when there is none.
pub(crate) fn is_listening(path: &Path) -> bool {
    attempt(path, SocketType::DGRAM) == Err(Errno::PROTOTYPE)
}

/// Whether what listens at `path` is a pipe of this mode, rather than of the other. Only one of the wrong
/// mode notices that it was asked: its type is the only one that is tried.
///
/// # Errors
/// When nobody listens, or this process may not connect.
pub(crate) fn has_mode(path: &Path, mode: Mode) -> io::Result<bool> {
    match attempt(path, SocketType::DGRAM) {
        Err(Errno::PROTOTYPE) => {}
        Ok(()) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a socket for datagrams")),
        Err(error) => return Err(error.into()),
    }
    let other = match mode {
        Mode::Message => Mode::Byte,
        Mode::Byte => Mode::Message,
    };
    match attempt(path, socket_type(other)) {
        Err(Errno::PROTOTYPE) => Ok(true),
        Ok(()) | Err(Errno::AGAIN) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What comes of connecting with a socket of this type.
fn attempt(path: &Path, kind: SocketType) -> Result<(), Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
    rustix::net::connect(&fd, &SocketAddrUnix::new(path)?)
}

fn remove_stale(path: &Path) -> Result<(), ListenError> {
    let failed =
        |action: &'static str, source: io::Error| ListenError::Io { path: path.to_owned(), action, source };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at", error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(ListenError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => {}
    }
    if is_listening(path) {
        return Err(ListenError::InUse { path: path.to_owned() });
    }
    fs::remove_file(path).map_err(|error| failed("remove the stale", error))
}

/// What is locked for a folder. Whoever can open a file can lock it, for ever: so it is the folder only where
/// nobody else can open that, and otherwise a file of this user's own, if possible where only this user can
/// put one.
fn lock_file(folder: &Path) -> io::Result<File> {
    let opened = File::open(folder)?;
    let found = opened.metadata()?;
    let own = rustix::process::geteuid();
    if found.uid() == own.as_raw() && !is_for_others(&found) {
        return Ok(opened);
    }
    let place = if own.is_root() { PathBuf::from("/run") } else { format!("/run/user/{own}").into() };
    let is_own = |found: fs::Metadata| found.uid() == own.as_raw() && found.mode() & 0o022 == 0;
    if fs::metadata(&place).is_ok_and(is_own)
        && let Ok(file) = own_file(&place.join("standpipe-sockets.lock"))
    {
        return Ok(file);
    }
    own_file(&folder.join(format!(".standpipe-{own}.lock")))
}

fn is_for_others(found: &fs::Metadata) -> bool {
    FileMode::from_raw_mode(found.mode()).intersects(FileMode::RWXG | FileMode::RWXO)
}

/// Opens a file that only this user can open, and makes it where it is missing.
fn own_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, FileMode::RUSR | FileMode::WUSR)?);
    let found = file.metadata()?;
    if found.uid() == rustix::process::geteuid().as_raw() && !is_for_others(&found) {
        return Ok(file);
    }
    let error = format!("others can lock {}; remove it", path.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, error))
}

/// Keeps other processes of this user from putting a socket into the same folder, until the file is dropped.
async fn lock_folder(path: &Path) -> io::Result<File> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let file = lock_file(folder)?;
    for _ in 0..LOCK_TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process keeps it locked"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn nobody_else_holds_the_lock_of_a_folder_that_others_can_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CoreFxPipe_x");
        // As in /tmp, whoever can open the folder can lock it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let others = File::open(folder.path()).unwrap();
        rustix::fs::flock(&others, FlockOperation::LockExclusive).unwrap();
        Listener::bind(&path, Mode::Byte, &ListenOptions::default()).await.unwrap();
    }

    #[test]
    fn a_lock_that_others_can_open_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        own_file(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(own_file(&path).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        assert!(own_file(&path).is_err() && !folder.path().join("elsewhere").exists());
    }
}
