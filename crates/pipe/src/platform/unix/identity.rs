//! Connections that are made as another user.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use standpipe_system::user::User;

use crate::Mode;

/// Connects with the rights of `user`, which is also the one that the listener sees as its client. Fails with
/// [`io::ErrorKind::PermissionDenied`] where this process may not act for others.
///
/// A thread of its own does it, and ends with the identity that it took: on Linux each thread has one, and
/// the C library's `seteuid`, which changes all of them, is not used.
#[cfg(target_os = "linux")]
pub(super) async fn connect_as(user: User, path: &Path, mode: Mode) -> io::Result<OwnedFd> {
    let path = path.to_owned();
    let (result, connected) = tokio::sync::oneshot::channel();
    let work = move || {
        let _ = result.send(take_identity(user).and_then(|()| super::socket::connected(&path, mode)));
    };
    std::thread::Builder::new().name("connect as user".to_owned()).spawn(work)?;
    connected.await.map_err(io::Error::other)?
}

#[cfg(target_os = "linux")]
fn take_identity(user: User) -> io::Result<()> {
    use std::sync::OnceLock;

    use rustix::process::{DumpableBehavior, Uid, dumpable_behavior, set_dumpable_behavior};

    static BEFORE: OnceLock<Option<DumpableBehavior>> = OnceLock::new();

    let before = *BEFORE.get_or_init(|| dumpable_behavior().ok());
    // The effective one alone: the real and the saved one decide who may send signals or trace.
    rustix::thread::set_thread_res_uid(None, Some(Uid::from_raw(user.number())), None)?;
    // The change takes the permission to write core files from the whole process. Nothing depends on it.
    let _ = before.map(set_dumpable_behavior);
    Ok(())
}

/// There is no identity of a single thread on this system.
#[cfg(not(target_os = "linux"))]
pub(super) async fn connect_as(_user: User, _path: &Path, _mode: Mode) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::PermissionDenied.into())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn the_listener_sees_the_user_that_was_asked_for_and_no_other_thread_changes() {
        const NOBODY: User = User::from_number(65_534);
        if !User::own().is_administrator() {
            let error = connect_as(NOBODY, Path::new("/"), Mode::Byte).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
        let path = folder.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let denied = connect_as(NOBODY, &path, Mode::Byte).await.unwrap_err();
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        std::os::unix::fs::chown(&path, Some(NOBODY.number()), None).unwrap();
        let _connected = connect_as(NOBODY, &path, Mode::Byte).await.unwrap();
        let (client, _) = listener.accept().await.unwrap();
        assert_eq!(client.peer_cred().unwrap().uid(), NOBODY.number());
        assert!(User::own().is_administrator());
    }
}
