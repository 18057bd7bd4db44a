//! The end of the control socket that `standpipe up` has.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::{Ask, LONGEST_LINE, MOST_CONNECTIONS, REQUEST_TIMEOUT, Refusal, Reply, line_of, parse};
use crate::exit_code::ExitCode;
use crate::platform::control::Listener;

/// How long a reply may take to be written: a peer that reads nothing is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the last replies may take once everything has stopped.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// How many replies wait for a slow reader. It loses those that are only progress.
const WAITING_REPLIES: usize = 64;

/// A request and the way back.
#[derive(Debug)]
pub(in super::super) struct Asked {
    pub(in super::super) ask: Ask,
    pub(in super::super) back: Back,
}

/// The way back to the one who asked, who may have gone.
#[derive(Debug, Clone)]
pub(in super::super) struct Back(mpsc::Sender<Reply>);

impl Back {
    pub(in super::super) fn progress(&self, text: impl Into<String>) {
        let _ = self.0.try_send(Reply::Progress { text: text.into() });
    }

    pub(in super::super) async fn end(self, reply: Reply) {
        // The reader is gone, or takes it within the time for writing.
        let _ = tokio::time::timeout(WRITE_TIMEOUT, self.0.send(reply)).await;
    }
}

/// The server. Dropping it ends its connections.
#[derive(Debug)]
pub(in super::super) struct Server {
    tasks: JoinSet<()>,
}

impl Server {
    /// Listens at `path`, and hands every request to `asked`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub(in super::super) fn begin(path: &Path, asked: mpsc::Sender<Asked>) -> io::Result<Self> {
        let listener = Listener::bind(path)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, asked));
        Ok(Self { tasks })
    }

    /// Gives the last replies a moment to be read. Whoever handles requests must be gone.
    pub(in super::super) async fn end(mut self) {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_REPLIES, ended).await;
    }
}

async fn accept(listener: Listener, asked: mpsc::Sender<Asked>) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = asked.closed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok(Some(stream)) => {
                    // One too many is closed at once.
                    let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
                    let asked = asked.clone();
                    connections.spawn(async move {
                        serve(stream, asked).await;
                        drop(permit);
                    });
                }
                Ok(None) => warn!("another user tried to use the control socket, and was refused"),
                Err(error) => {
                    warn!("the control socket fails: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: impl AsyncRead + AsyncWrite, asked: mpsc::Sender<Asked>) {
    let (reader, mut writer) = tokio::io::split(stream);
    let (sender, mut replies) = mpsc::channel(WAITING_REPLIES);
    match tokio::time::timeout(REQUEST_TIMEOUT, read_line(reader)).await {
        Err(_) | Ok(Ok(None)) => return,
        Ok(Err(refusal)) => drop(sender.try_send(Reply::Failed(refusal))),
        Ok(Ok(Some(line))) => match parse(&line) {
            Err(refusal) => drop(sender.try_send(Reply::Failed(refusal))),
            Ok(ask) => {
                debug!("asked to {ask:?}");
                let asked = asked.send(Asked { ask, back: Back(sender.clone()) }).await;
                if asked.is_err() {
                    let refusal = Refusal::new(ExitCode::Temporary, "the deployment has stopped");
                    drop(sender.try_send(Reply::Failed(refusal)));
                }
            }
        },
    }
    drop(asked);
    drop(sender);
    while let Some(reply) = replies.recv().await {
        let line = line_of(&reply);
        match tokio::time::timeout(WRITE_TIMEOUT, writer.write_all(&line)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    let _ = tokio::time::timeout(WRITE_TIMEOUT, writer.shutdown()).await;
}

/// The first line, without its end; `None` when there is none.
async fn read_line(reader: impl AsyncRead + Unpin) -> Result<Option<Vec<u8>>, Refusal> {
    let mut line = Vec::new();
    let mut reader = BufReader::new(reader.take(LONGEST_LINE as u64));
    if reader.read_until(b'\n', &mut line).await.is_err() || line.is_empty() {
        return Ok(None);
    }
    if line.pop() == Some(b'\n') {
        return Ok(Some(line));
    }
    let error = format!("the request is no line of at most {LONGEST_LINE} bytes");
    Err(Refusal::new(ExitCode::Usage, error))
}
