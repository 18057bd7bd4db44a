//! Reads what processes write. A log that is slow holds them back; one that is stuck does not.

use std::io;
use std::process::Stdio;
use std::sync::Arc;

use tokio::net::unix::pipe;
use tokio::sync::{oneshot, watch};

use crate::output::lines::Lines;
use crate::output::log::{self, Source};
use crate::tail::Tail;

/// The largest capacity a pipe gets by default limits (`/proc/sys/fs/pipe-max-size`): what a process that has
/// ended can have left in it.
const MAX_PIPE: usize = 1024 * 1024;

/// The readers of one process's output.
#[derive(Debug, Default)]
pub(super) struct Capture {
    /// Turns true when the process has ended.
    ended: watch::Sender<bool>,
    /// Answered by each reader once it has read what was written until then.
    drained: Vec<oneshot::Receiver<()>>,
}

impl Capture {
    /// A stream to hand to a process, read into `tail` and the log under `name`.
    pub(super) fn open(&mut self, stream: &'static str, name: &str, tail: &Tail) -> io::Result<Stdio> {
        let (sender, receiver) = pipe::pipe()?;
        let (done, is_done) = oneshot::channel();
        self.drained.push(is_done);
        let source = Source::new(stream, name);
        tokio::spawn(read(receiver, source, tail.clone(), self.ended.subscribe(), done));
        Ok(sender.into_blocking_fd()?.into())
    }

    /// To call when the process has ended: waits until what it wrote is read and logged. Descendants that
    /// hold the streams open go on being read.
    pub(super) async fn drain(&mut self) {
        self.ended.send_replace(true);
        while let Some(reader) = self.drained.last_mut() {
            // A reader that is gone has read to the end.
            let _ = reader.await;
            self.drained.pop();
        }
        log::logged().await;
    }
}

async fn read(
    receiver: pipe::Receiver,
    source: Arc<Source>,
    tail: Tail,
    mut ended: watch::Receiver<bool>,
    done: oneshot::Sender<()>,
) {
    let mut lines = Lines::default();
    let mut buffer = vec![0; 16 * 1024];
    let mut take = |line: &str| {
        tail.push(line);
        source.log(line);
    };
    let mut done = Some(done);
    loop {
        tokio::select! {
            ready = async { log::room().await; receiver.readable().await } => {
                if ready.is_err() {
                    break;
                }
                match receiver.try_read(&mut buffer) {
                    Ok(0) => break,
                    Ok(count) => lines.feed(&buffer[..count], &mut take),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => break,
                }
            }
            Ok(_) = ended.wait_for(|ended| *ended), if done.is_some() => {
                let mut left = MAX_PIPE;
                // Read past what the runtime knows: it may not have been told yet of the last bytes.
                while let Ok(count @ 1..) = rustix::io::read(&receiver, &mut buffer[..]) {
                    lines.feed(&buffer[..count], &mut take);
                    left = left.saturating_sub(count);
                    if left == 0 {
                        break;
                    }
                }
                if !lines.is_empty() {
                    lines.finish(&mut take);
                }
                done.take().map(|done| done.send(()));
            }
        }
    }
    if !lines.is_empty() {
        lines.finish(&mut take);
    }
}
