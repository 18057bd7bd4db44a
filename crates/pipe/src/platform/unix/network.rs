//! What the standard library does not offer for the network.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt;
use tokio::net::TcpStream;

/// How long a connection may be silent before the other end is asked whether it is there, how often it is
/// asked, and how many times without an answer.
const IDLE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_secs(15);
const COUNT: u32 = 4;

/// Has the system notice when the other end is gone without a word.
pub(crate) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, IDLE)?;
    sockopt::set_tcp_keepintvl(stream, INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, COUNT)?;
    Ok(())
}

/// Whether the system or this process ran out of something, so that trying again later may help.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// This machine's name; empty when it has none that is text.
pub(crate) fn host_name() -> String {
    rustix::system::uname().nodename().to_str().unwrap_or_default().to_owned()
}

/// The user that this process acts as.
pub(crate) fn own_user() -> u32 {
    rustix::process::geteuid().as_raw()
}
