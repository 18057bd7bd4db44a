//! Unix: numbers of users, mode bits, descriptors.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::found::Found;
use crate::private_file::NotPrivate;
use crate::user::User;

/// A file changed this recently may change again without its times showing it: file systems count time in
/// steps of some milliseconds.
const RACY: Duration = Duration::from_millis(50);

/// The bit of a folder in which everybody can make files, but move only their own.
const STICKY: u32 = 0o1000;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) const MAX_SOCKET_PATH: usize = 107;
/// The BSDs and macOS have a shorter `sun_path`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) const MAX_SOCKET_PATH: usize = 103;

pub(crate) type UserId = u32;

pub(crate) fn own_user() -> UserId {
    rustix::process::geteuid().as_raw()
}

#[expect(clippy::unnecessary_wraps, reason = "other systems have no numbers")]
pub(crate) fn user_by_number(number: u32) -> Option<User> {
    Some(User::from_number(number))
}

#[cfg(target_os = "linux")]
pub(crate) fn conceal() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse")]
pub(crate) fn conceal() -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse")]
pub(crate) fn hide_environment() -> io::Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "Linux may refuse")]
pub(crate) fn confine() -> io::Result<bool> {
    Ok(false)
}

pub(crate) const ADMINISTRATOR: &str = "root";
pub(crate) const ADMINISTRATORS: &[User] = &[User::ROOT];

pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_str().unwrap_or_default().to_owned()
}

pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

#[expect(clippy::unnecessary_wraps, reason = "other systems have no limit")]
pub(crate) fn open_file_limits() -> Option<(u64, u64)> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    Some((limit.current.unwrap_or(most), most))
}

pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(path).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[expect(clippy::unnecessary_wraps, reason = "other systems let everybody listen")]
pub(crate) fn unprivileged_port_start() -> Option<u16> {
    let said = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    // What Unix has always had.
    Some(said.ok().and_then(|port| port.trim().parse().ok()).unwrap_or(1024))
}

/// Whoever runs containers or services has limits of his own, which a process does not see.
pub(crate) fn stop_limits() -> Vec<(&'static str, Duration)> {
    Vec::new()
}

/// Who may touch something: the metadata says it here.
#[derive(Debug, Clone)]
pub(crate) struct Access;

#[expect(clippy::unnecessary_wraps, reason = "other systems have to ask")]
pub(crate) fn access_at(_path: &Path, _follow: bool) -> io::Result<Access> {
    Ok(Access)
}

#[expect(clippy::unnecessary_wraps, reason = "other systems have to ask")]
pub(crate) fn access_of(_file: &File) -> io::Result<Access> {
    Ok(Access)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// The change time: moves when permissions or the owner change too, and cannot be set back.
    changed: (i64, i64),
}

pub(crate) fn identity(found: &Found) -> FileIdentity {
    let found = found.metadata();
    FileIdentity {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    }
}

/// The change time decides: the system sets it, to what its clock says, at every change. One in the future is
/// from before the clock was set back, and will not come again by a change made now.
pub(crate) fn is_settled(found: &Found) -> bool {
    let found = found.metadata();
    let (Ok(seconds), Ok(nanoseconds)) = (u64::try_from(found.ctime()), u32::try_from(found.ctime_nsec()))
    else {
        return true;
    };
    let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
    changed.is_none_or(|changed| match SystemTime::now().duration_since(changed) {
        Ok(age) => age > RACY,
        Err(ahead) => ahead.duration() > RACY,
    })
}

pub(crate) fn check_private(found: &Found) -> Result<(), NotPrivate> {
    let found = found.metadata();
    check_bits(User::from_number(found.uid()), found.gid(), found.mode() & 0o7777, User::own(), own_groups)
}

/// The rule of [`check_private`] for a file with this owner, group and mode, and a process of `own`.
///
/// A platform that mounts a secret owns it itself, and gives a process of another user its content through
/// a group: Kubernetes with `fsGroup` has 0440 and root. Nobody but that process has this group, and it can
/// make the file no more private than it is. A process of the owner can, and has to.
fn check_bits(
    owner: User,
    group: u32,
    mode: u32,
    own: User,
    own_groups: impl FnOnce() -> Vec<u32>,
) -> Result<(), NotPrivate> {
    if !owner.is_administrator() && owner != own {
        return Err(NotPrivate::ForeignOwner { owner, user: own });
    }
    let is_open = |bits: u32| mode & bits != 0;
    if !is_open(0o077) {
        return Ok(());
    }
    let is_mounted = owner != own && !is_open(0o037) && group != 0 && own_groups().contains(&group);
    if is_mounted { Ok(()) } else { Err(NotPrivate::Exposed { mode }) }
}

/// The groups of this process.
fn own_groups() -> Vec<u32> {
    let others = rustix::process::getgroups().unwrap_or_default();
    std::iter::once(rustix::process::getegid()).chain(others).map(rustix::process::Gid::as_raw).collect()
}

pub(crate) fn command_to_make_private(path: &Path) -> String {
    format!("chmod 600 {}", path.display())
}

pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

pub(crate) fn open_private(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).create_new(new).truncate(false).mode(0o600);
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(flags.bits().cast_signed()).open(path)
}

pub(crate) fn keep_owner(new: &File, old: &Found) -> io::Result<()> {
    let (made, old) = (new.metadata()?, old.metadata());
    if (made.uid(), made.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    std::os::unix::fs::fchown(new, Some(old.uid()), Some(old.gid()))
}

pub(crate) fn rename_over(new: &Path, target: &Path) -> io::Result<()> {
    fs::rename(new, target)
}

pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

pub(crate) fn default_folder(user: User, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    if user.is_administrator() {
        return PathBuf::from("/run/standpipe");
    }
    match variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(runtime) => runtime.join("standpipe"),
        None => PathBuf::from(format!("/tmp/standpipe-{user}")),
    }
}

pub(crate) fn data_folder(user: User, variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    if user.is_administrator() {
        return PathBuf::from("/var/lib/standpipe");
    }
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/share"));
    match absolute("XDG_DATA_HOME").or_else(home) {
        Some(data) => data.join("standpipe"),
        None => default_folder(user, variable),
    }
}

pub(crate) fn make_readable_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[expect(clippy::unnecessary_wraps, reason = "other systems do not say it so simply")]
pub(crate) fn owner(found: &Found) -> Option<User> {
    Some(User::from_number(found.metadata().uid()))
}

pub(crate) fn others_can_write(found: &Found) -> bool {
    found.metadata().mode() & 0o022 != 0
}

pub(crate) fn everybody_can_write(found: &Found) -> bool {
    found.metadata().mode() & 0o002 != 0
}

pub(crate) fn is_sticky(found: &Found) -> bool {
    found.metadata().mode() & STICKY != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_root_mounts_for_a_group_of_the_process_is_private() {
        let (process, stranger) = (User::from_number(10_001), User::from_number(7));
        let cases = [
            (User::ROOT, 10_001, 0o440, true),
            (User::ROOT, 10_001, 0o640, true),
            (User::ROOT, 10_001, 0o400, true),
            // The group may change it, or run it.
            (User::ROOT, 10_001, 0o460, false),
            (User::ROOT, 10_001, 0o450, false),
            // Everybody can read it.
            (User::ROOT, 10_001, 0o444, false),
            (User::ROOT, 10_001, 0o404, false),
            // Others have that group.
            (User::ROOT, 8, 0o440, false),
            (User::ROOT, 0, 0o440, false),
            // Its owner can make it private.
            (process, 10_001, 0o440, false),
            (process, 10_001, 0o400, true),
            (stranger, 10_001, 0o440, false),
        ];
        for (owner, group, mode, private) in cases {
            let checked = check_bits(owner, group, mode, process, || vec![0, 10_001]);
            assert_eq!(checked.is_ok(), private, "{owner}:{group} {mode:o}");
        }
    }

    #[test]
    fn root_trusts_no_group() {
        let checked = check_bits(User::ROOT, 10_001, 0o440, User::ROOT, || vec![0, 10_001]);
        assert_eq!(checked, Err(NotPrivate::Exposed { mode: 0o440 }));
    }
}
