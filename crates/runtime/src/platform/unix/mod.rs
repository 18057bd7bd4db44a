//! Unix: owners and mode bits of folders, and commands that are started on a socket, as inetd starts its
//! servers.

pub(crate) mod control;

use std::ffi::OsStr;
use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
#[cfg(target_os = "linux")]
use std::os::unix::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use standpipe_deployment::Service;
use standpipe_pipe::Mode;
use standpipe_pipe::listener::PipeConnection;
use standpipe_process as process;
use standpipe_service::scm::ScmOptions;
use standpipe_service::{Manager, Probe};

/// Whether it is the socket of a pipe.
pub(crate) fn is_socket(found: &Metadata) -> bool {
    found.file_type().is_socket()
}

/// Makes `options` open a new file for this user alone, and follow no link.
pub(crate) fn private_file(options: &mut OpenOptions) {
    options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
}

/// Gives a folder to a user and its group.
pub(crate) fn hand_over(path: &Path, (user, group): (u32, u32)) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(user), Some(group))
}

/// Undoes [`hand_over`].
pub(crate) fn take_back(path: &Path) -> io::Result<()> {
    hand_over(path, (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()))
}

/// Lets others pass through a folder to what is in it, without seeing what that is.
pub(crate) fn let_through(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o711))
}

/// A connection in this mode, and its other end for a command.
pub(crate) async fn connected_pair(mode: Mode) -> io::Result<(PipeConnection, process::Socket)> {
    PipeConnection::socketpair(mode)
}

/// Sends a message to the socket of a service manager. A name that begins with `@` is abstract, which only
/// Linux knows.
pub(crate) fn send_datagram(socket: &OsStr, message: &[u8]) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    #[cfg(target_os = "linux")]
    if let Some(name) = socket.as_encoded_bytes().strip_prefix(b"@") {
        let address = <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)?;
        return sender.send_to_addr(message, &address).map(drop);
    }
    sender.send_to(message, socket).map(drop)
}

/// There is no service control manager here.
pub(crate) fn installed_manager(
    _: &Service,
    _: ScmOptions,
    _: Vec<(String, String)>,
    _: impl Probe,
) -> Option<Box<dyn Manager>> {
    None
}
