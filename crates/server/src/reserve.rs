//! A descriptor that is kept for the case that there are no more.

use std::fs::File;
use std::future::poll_fn;
use std::task::Poll;

use tokio::net::TcpListener;

/// A descriptor of no use but to be given up: then one connection can be accepted and closed, so that its
/// client does not wait in the system's queue until it gives up.
#[derive(Debug)]
pub(crate) struct Reserve(Option<File>);

impl Reserve {
    pub(crate) fn new() -> Self {
        Self(Self::take())
    }

    fn take() -> Option<File> {
        // Any file does; on Windows descriptors do not run out.
        if cfg!(unix) { File::open("/dev/null").ok() } else { None }
    }

    /// Accepts the connection that waits longest, and closes it.
    pub(crate) async fn turn_away(&mut self, listener: &TcpListener) {
        if self.0.take().is_some() {
            poll_fn(|cx| {
                let _ = listener.poll_accept(cx);
                Poll::Ready(())
            })
            .await;
        }
        self.0 = Self::take();
    }
}
