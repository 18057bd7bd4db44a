//! Settings that make the system notice when the other end is gone without a word.

use std::io;

use tokio::net::TcpStream;

/// Has the system ask the other end of a silent connection whether it is still there: after a minute of
/// silence, every 15 s, and four times without an answer before the connection ends. On Windows the system's
/// own settings stay.
///
/// # Errors
///
/// Those of the system.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    platform::keep_alive(stream)
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::time::Duration;

    use rustix::net::sockopt;
    use tokio::net::TcpStream;

    const IDLE: Duration = Duration::from_mins(1);
    const INTERVAL: Duration = Duration::from_secs(15);
    const COUNT: u32 = 4;

    pub(super) fn keep_alive(stream: &TcpStream) -> io::Result<()> {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, IDLE)?;
        sockopt::set_tcp_keepintvl(stream, INTERVAL)?;
        sockopt::set_tcp_keepcnt(stream, COUNT)?;
        Ok(())
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use tokio::net::TcpStream;

    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    pub(super) fn keep_alive(_stream: &TcpStream) -> io::Result<()> {
        Ok(())
    }
}
