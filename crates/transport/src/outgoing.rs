//! What a connection has to send and the network has not taken yet.

use std::cell::Cell;
use std::io;
use std::mem;

use tokio::net::TcpStream;

/// The largest buffer kept for what is sent: by each connection, and by each thread for all of them.
const KEPT_BUFFER: usize = 16 * 1024;
const KEPT_BY_THREAD: usize = 256 * 1024;

thread_local! {
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Takes the long buffer that this thread keeps for what is sent; empty if there is none.
#[must_use]
pub fn take_long_buffer() -> Vec<u8> {
    SPARE.take()
}

/// Bytes on their way out, in order.
#[derive(Debug, Default)]
pub struct Outgoing {
    buffer: Vec<u8>,
    sent: usize,
}

impl Outgoing {
    /// Whether something is left that the network had no room for.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.sent < self.buffer.len()
    }

    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Sends what there is room for. `refill` puts more into the empty buffer, or says that there is no more.
    ///
    /// # Errors
    ///
    /// Those of the system, and [`io::ErrorKind::WriteZero`] from a connection that takes nothing any more.
    pub fn send(
        &mut self,
        stream: &TcpStream,
        mut refill: impl FnMut(&mut Vec<u8>) -> bool,
    ) -> io::Result<()> {
        loop {
            if !self.is_sending() {
                self.buffer.clear();
                if (KEPT_BUFFER + 1..=KEPT_BY_THREAD).contains(&self.buffer.capacity()) {
                    SPARE.set(mem::take(&mut self.buffer));
                }
                self.buffer.shrink_to(KEPT_BUFFER);
                self.sent = 0;
                if !refill(&mut self.buffer) {
                    return Ok(());
                }
            }
            match stream.try_write(self.buffer.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => self.sent += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
}
