//! The thread that looks at a service's logs again and again.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// How often it looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(250);
/// How long the last look may take, when the service has ended.
pub(super) const LAST_LOOK: Duration = Duration::from_secs(2);

/// Which look it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// More will follow.
    Between,
    /// The service has ended: what is left is to be read within [`LAST_LOOK`].
    Last,
}

/// A thread that looks. When this is dropped, it ends without a last look.
#[derive(Debug)]
pub(super) struct Following {
    end: Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Following {
    /// Starts a thread that looks every [`INTERVAL`].
    pub(super) fn begin(mut look: impl FnMut(Turn) + Send + 'static) -> io::Result<Self> {
        let (end, asked) = channel();
        let (done, ended) = oneshot::channel();
        thread::Builder::new().name("standpipe-logs".into()).spawn(move || {
            loop {
                match asked.recv_timeout(INTERVAL) {
                    Err(RecvTimeoutError::Timeout) => look(Turn::Between),
                    Ok(()) => {
                        look(Turn::Last);
                        let _ = done.send(());
                        return;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { end, ended })
    }

    /// Has it look a last time. One that hangs in a slow file system or a slow log is left alone.
    pub(super) async fn end(self) {
        let Self { end, ended } = self;
        if end.send(()).is_ok() {
            let _ = tokio::time::timeout(LAST_LOOK + INTERVAL, ended).await;
        }
    }
}
