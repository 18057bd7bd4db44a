//! How much the system buffers for connections.

use std::io;

use tokio::net::TcpListener;

/// Sets how much the system buffers for each connection that `listener` accepts from now on, in bytes for
/// each direction; Linux doubles it for its own needs. Without this, the buffers of a busy connection grow to
/// some MiB. On Windows the system's own settings stay.
///
/// # Errors
///
/// Those of the system.
pub fn limit_buffers(listener: &TcpListener, bytes: usize) -> io::Result<()> {
    platform::limit_buffers(listener, bytes)
}

#[cfg(unix)]
mod platform {
    use std::io;

    use rustix::net::sockopt;
    use tokio::net::TcpListener;

    pub(super) fn limit_buffers(listener: &TcpListener, bytes: usize) -> io::Result<()> {
        sockopt::set_socket_recv_buffer_size(listener, bytes)?;
        sockopt::set_socket_send_buffer_size(listener, bytes)?;
        Ok(())
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use tokio::net::TcpListener;

    #[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
    pub(super) fn limit_buffers(_listener: &TcpListener, _bytes: usize) -> io::Result<()> {
        Ok(())
    }
}
