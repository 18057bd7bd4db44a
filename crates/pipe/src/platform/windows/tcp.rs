//! A TCP connection as a socket of bytes.

#![expect(unsafe_code, reason = "tokio ends one direction of a stream only for its owner")]

use std::io;
use std::os::windows::io::AsRawSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use standpipe_transport::keep_alive::keep_alive;
use tokio::net::TcpStream;
use windows_sys::Win32::Networking::WinSock::{SD_BOTH, SD_SEND, shutdown};

use crate::connection::PipeError;
use crate::platform::Received;

/// How much is read at once, in bytes.
const CHUNK: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct TcpEnd {
    stream: TcpStream,
    reset: AtomicBool,
}

impl TcpEnd {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        keep_alive(&stream)?;
        Ok(Self { stream, reset: AtomicBool::new(false) })
    }

    pub(super) fn was_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    pub(super) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        limit: usize,
    ) -> Poll<Result<Received, PipeError>> {
        let room = limit.clamp(1, CHUNK);
        loop {
            ready!(self.stream.poll_read_ready(cx)).map_err(PipeError::receive)?;
            let start = buffer.len();
            buffer.resize(start + room, 0);
            let read = self.stream.try_read(buffer.get_mut(start..).unwrap_or_default());
            buffer.truncate(start + read.as_ref().map_or(0, |length| *length));
            if let Some(received) = self.received(read) {
                return Poll::Ready(received);
            }
        }
    }

    pub(super) async fn read(&self, buffer: &mut [u8]) -> Result<usize, PipeError> {
        loop {
            self.stream.readable().await.map_err(PipeError::receive)?;
            let read = self.stream.try_read(buffer);
            let length = read.as_ref().map_or(0, |length| *length);
            if let Some(received) = self.received(read) {
                return received.map(|_| length);
            }
        }
    }

    /// What a read found; `None` for nothing yet.
    fn received(&self, read: io::Result<usize>) -> Option<Result<Received, PipeError>> {
        match read {
            Ok(0) => Some(Ok(Received::End)),
            Ok(_) => Some(Ok(Received::Data)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if is_gone(&error) => {
                self.reset.store(true, Ordering::Relaxed);
                Some(Ok(Received::End))
            }
            Err(error) => Some(Err(PipeError::receive(error))),
        }
    }

    /// Reads bytes up to and with the next line feed, or up to the end or `limit`, and nothing beyond.
    pub(super) async fn read_line(&self, limit: usize) -> Result<Vec<u8>, PipeError> {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") && line.len() < limit && self.read(&mut byte).await? > 0 {
            line.extend_from_slice(&byte);
        }
        Ok(line)
    }

    pub(super) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        data: &[u8],
        sent: &mut usize,
    ) -> Poll<Result<(), PipeError>> {
        while !self.try_send(data, sent)? {
            ready!(self.stream.poll_write_ready(cx)).map_err(PipeError::send)?;
        }
        Poll::Ready(Ok(()))
    }

    pub(super) async fn send(&self, data: &[u8]) -> Result<(), PipeError> {
        let mut sent = 0;
        while !self.try_send(data, &mut sent)? {
            self.stream.writable().await.map_err(PipeError::send)?;
        }
        Ok(())
    }

    pub(super) fn try_send(&self, data: &[u8], sent: &mut usize) -> Result<bool, PipeError> {
        while let Some(rest) = data.get(*sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(taken) => *sent += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if is_gone(&error) => return Err(PipeError::Closed),
                Err(error) => return Err(PipeError::send(error)),
            }
        }
        Ok(true)
    }

    /// Waits until the other end is closed.
    pub(super) async fn hung_up(&self) -> Result<(), PipeError> {
        loop {
            let ready = self.stream.ready(tokio::io::Interest::READABLE).await.map_err(PipeError::receive)?;
            if ready.is_read_closed() {
                return Ok(());
            }
            tokio::time::sleep(super::end::LOOK_PAUSE).await;
        }
    }

    /// Says to the other end that nothing more comes.
    pub(super) fn finish(&self) {
        self.shut_down(SD_SEND);
    }

    /// Ends both directions, which wakes whoever waits here.
    pub(super) fn close(&self) {
        self.shut_down(SD_BOTH);
    }

    fn shut_down(&self, how: i32) {
        // It fails only when the other end is gone already, which says the same.
        // SAFETY: the socket is open.
        unsafe { shutdown(self.stream.as_raw_socket() as usize, how) };
    }
}

/// Whether an error says that the other end has gone without a word.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
    )
}
