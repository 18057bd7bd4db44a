//! A stream on which a write cannot be pending for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Fails with [`io::ErrorKind::TimedOut`] once the peer has taken nothing of what is to be written for
/// `limit`.
///
/// Each byte that it takes starts the time anew; while nothing is to be written no time runs.
pub(super) struct Progress<S> {
    stream: S,
    limit: Duration,
    pending: Option<Pin<Box<Sleep>>>,
}

impl<S> Progress<S> {
    /// Over `stream`.
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, pending: None }
    }

    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.pending = None;
            return written;
        }
        let limit = self.limit;
        ready!(self.pending.get_or_insert_with(|| Box::pin(sleep(limit))).as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, data);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not a sign that the peer took something: a socket has nothing to flush.
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_write_that_nobody_reads_fails() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut ours = Progress::new(ours, Duration::from_millis(20));
        let error = ours.write_all(b"123456").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // What is read after all makes room, and the time starts anew.
        let mut taken = [0; 4];
        theirs.read_exact(&mut taken).await.unwrap();
        ours.write_all(b"56").await.unwrap();
    }

    #[tokio::test]
    async fn reading_takes_the_time_it_takes() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut ours = Progress::new(ours, Duration::ZERO);
        let mut byte = [0];
        let read = ours.read_exact(&mut byte);
        let (read, written) = tokio::join!(read, theirs.write_all(b"1"));
        assert!(read.is_ok() && written.is_ok());
    }
}
