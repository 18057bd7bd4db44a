//! The service behind every server: each message is answered with itself.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use standpipe_pipe::Mode;
use standpipe_pipe::listener::{PipeConnection, PipeListener};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::frames;

/// The longest message, in bytes: as much as Standpipe passes on at once.
const LONGEST: usize = 1024 * 1024;
/// How long to wait after a client could not be accepted, which happens when there are no file descriptors
/// left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// What smbd is answered when it says who opened the pipe: the level it spoke (7, which Samba has had since
/// 4.14), a pipe of messages (2, 0x5ff), 4096 bytes at a time, `STATUS_SUCCESS`.
const NP_READY: [u8; 36] = [
    0, 0, 0, 32, b'N', b'P', b'A', b'M', 7, 0, 0, 0, 7, 0, 0, 0, 2, 0, 0xff, 5, 0, 0, 0, 0, 0, 16, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
];

/// Where to listen, and in whose words.
#[derive(clap::Args)]
pub(crate) struct Sockets {
    /// A socket of messages (SOCK_SEQPACKET)
    #[arg(long, value_name = "PATH")]
    messages: Option<PathBuf>,
    /// A socket for Samba's smbd, in the folder `np` of its `ncalrpc dir`
    #[arg(long, value_name = "PATH")]
    np: Option<PathBuf>,
    /// A socket of frames, each behind its length
    #[arg(long, value_name = "PATH")]
    frames: Option<PathBuf>,
}

/// Answers until it is killed. Says `listening` on standard output when clients can come.
#[tokio::main]
pub(crate) async fn run(sockets: &Sockets) -> io::Result<()> {
    let mut serving = JoinSet::new();
    if let Some(path) = &sockets.messages {
        let listener = PipeListener::bind_path(path, Mode::Message).await.map_err(io::Error::other)?;
        serving.spawn(async move { serve_messages(&listener.with_max_message(LONGEST)).await });
    }
    if let Some(path) = &sockets.np {
        let listener = bind(path)?;
        serving.spawn(async move { serve(&listener, answer_smbd).await });
    }
    if let Some(path) = &sockets.frames {
        let listener = bind(path)?;
        serving.spawn(async move { serve(&listener, answer_frames).await });
    }
    println!("listening");
    while serving.join_next().await.is_some() {}
    Ok(())
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Left behind by one that was killed.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    UnixListener::bind(path)
}

async fn serve_messages(listener: &PipeListener) {
    loop {
        match listener.accept().await {
            Ok(client) => drop(tokio::spawn(answer_messages(client))),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn answer_messages(client: PipeConnection) {
    let mut message = Vec::new();
    while let Ok(true) = client.read_message_into(&mut message).await {
        if client.write_message(&message).await.is_err() {
            return;
        }
    }
}

async fn serve<F>(listener: &UnixListener, answer: impl Fn(UnixStream) -> F)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((client, _)) => drop(tokio::spawn(answer(client))),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// smbd says who opened the pipe; from then on both sides send messages behind their length of two bytes.
async fn answer_smbd(client: UnixStream) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let length = client.read_u32().await?;
    let mut who = vec![0; (length as usize).min(LONGEST)];
    client.read_exact(&mut who).await?;
    client.get_mut().write_all(&NP_READY).await?;
    let mut message = Vec::new();
    loop {
        let length = client.read_u16_le().await?;
        message.clear();
        message.extend_from_slice(&length.to_le_bytes());
        message.resize(2 + usize::from(length), 0);
        client.read_exact(message.get_mut(2..).unwrap_or_default()).await?;
        client.get_mut().write_all(&message).await?;
    }
}

async fn answer_frames(client: UnixStream) -> io::Result<()> {
    let mut client = BufReader::with_capacity(64 * 1024, client);
    let mut frame = Vec::new();
    loop {
        frames::read(&mut client, &mut frame).await?;
        frames::make_reply(&mut frame);
        client.get_mut().write_all(&frame).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn smbd_is_answered_in_its_words() {
        let (server, mut smbd) = UnixStream::pair().unwrap();
        let serving = tokio::spawn(answer_smbd(server));
        smbd.write_all(&[0, 0, 0, 5, b'N', b'P', b'A', b'M', 7]).await.unwrap();
        let mut ready = [0; 36];
        smbd.read_exact(&mut ready).await.unwrap();
        assert_eq!((&ready[..8], &ready[32..]), (&b"\0\0\0\x20NPAM"[..], &[0; 4][..]));
        for text in [&b"hello"[..], b""] {
            let message = [&(text.len() as u16).to_le_bytes()[..], text].concat();
            smbd.write_all(&message).await.unwrap();
            let mut reply = vec![0; message.len()];
            smbd.read_exact(&mut reply).await.unwrap();
            assert_eq!(reply, message);
        }
        drop(smbd);
        assert_eq!(serving.await.unwrap().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
