//! Windows: folders are below the user's own local data, whose access list they inherit, and pipes are no
//! files.

pub(crate) mod control;

use std::ffi::OsStr;
use std::fs::{Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use standpipe_deployment::Service;
use standpipe_pipe::Mode;
use standpipe_pipe::listener::{ListenOptions, PipeConnection, PipeListener};
use standpipe_process as process;
use standpipe_service::scm::{ScmManager, ScmOptions};
use standpipe_service::{Manager, Probe};
use standpipe_system::user::User;

/// Pipes are no files here.
pub(crate) fn is_socket(_: &Metadata) -> bool {
    false
}

/// New files inherit the access list of their folder.
pub(crate) fn private_file(_: &mut OpenOptions) {}

/// No service manager listens on such a socket here.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn send_datagram(_: &OsStr, _: &[u8]) -> io::Result<()> {
    Ok(())
}

/// The service control manager runs services as other users, and no file here is for it.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn hand_over(_: &Path, _: (u32, u32)) -> io::Result<()> {
    Ok(())
}

/// Nothing was handed over.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn take_back(_: &Path) -> io::Result<()> {
    Ok(())
}

/// No other user has to pass.
#[expect(clippy::unnecessary_wraps, reason = "the other platform can fail")]
pub(crate) fn let_through(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A connection in this mode, and its other end for a command: a native pipe of two ends, which lets in
/// nobody but this process's user and the system. It is opened once, so that its input and its output are one
/// handle: a command that waits for input in one thread writes nothing from another meanwhile.
pub(crate) async fn connected_pair(mode: Mode) -> io::Result<(PipeConnection, process::Socket)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = format!("standpipe-command-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let descriptor = format!("D:P(A;;GA;;;SY)(A;;GA;;;{})", User::own());
    let options = ListenOptions {
        descriptor: Some(descriptor.parse().map_err(io::Error::other)?),
        max_instances: Some(1),
    };
    let listener = PipeListener::bind_with(&name, mode, &options).await.map_err(io::Error::other)?;
    let ours = listener.accept();
    let theirs = OpenOptions::new().read(true).write(true).open(listener.path())?;
    Ok((ours.await?, theirs.into()))
}

/// The manager of a service that the service control manager of this machine knows.
#[expect(clippy::unnecessary_wraps, reason = "other systems have no service control manager")]
pub(crate) fn installed_manager(
    service: &Service,
    options: ScmOptions,
    environment: Vec<(String, String)>,
    accept: impl Probe,
) -> Option<Box<dyn Manager>> {
    Some(Box::new(ScmManager::with_environment(service.name.as_str(), options, environment, accept)))
}
