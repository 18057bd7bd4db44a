//! A service of the soak: one process for each pipe, so that each can be killed by itself.

use std::path::PathBuf;

use clap::ValueEnum;
use standpipe_pipe::Mode;
use standpipe_pipe::listener::{PipeConnection, PipeError, PipeListener};

use crate::Failure;
use crate::message::{delay_of, reply_to};

/// The longest message, in bytes.
pub(crate) const LONGEST: usize = 1 << 20;

/// Serve one pipe of the soak
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The socket
    path: PathBuf,
    /// What to do with what comes
    kind: Kind,
}

/// What a service does with what comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Each message is answered by one message.
    Echo,
    /// The same over bytes: a length of four bytes stands before each request and each reply.
    Bytes,
    /// Everything is read and nothing is answered.
    Silent,
}

impl Kind {
    fn mode(self) -> Mode {
        if self == Self::Bytes { Mode::Byte } else { Mode::Message }
    }
}

/// Serves until it is killed.
pub(crate) async fn serve(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { path, kind } = arguments;
    let listener = PipeListener::bind_path(path, kind.mode()).await;
    let listener = listener.map_err(|error| Failure(error.to_string()))?;
    loop {
        let client = listener.accept().await;
        let client = client.map_err(|error| Failure(format!("cannot accept a client: {error}")))?;
        let kind = *kind;
        tokio::spawn(async move {
            // Clients hang up whenever they like.
            let _ = match kind {
                Kind::Echo => echo(&client).await,
                Kind::Bytes => bytes(&client).await,
                Kind::Silent => silent(&client).await,
            };
        });
    }
}

async fn echo(client: &PipeConnection) -> Result<(), PipeError> {
    while let Some(request) = client.read_message().await? {
        tokio::time::sleep(delay_of(&request)).await;
        client.write_message(&reply_to(&request)).await?;
    }
    Ok(())
}

async fn bytes(client: &PipeConnection) -> Result<(), PipeError> {
    let mut length = [0; 4];
    while read_exactly(client, &mut length).await? {
        let mut request = vec![0; (u32::from_le_bytes(length) as usize).min(LONGEST)];
        if !read_exactly(client, &mut request).await? {
            break;
        }
        tokio::time::sleep(delay_of(&request)).await;
        let mut reply = length.to_vec();
        reply.extend_from_slice(&reply_to(&request));
        client.write_all(&reply).await?;
    }
    Ok(())
}

/// Fills the buffer; `false` when the client hung up before.
async fn read_exactly(client: &PipeConnection, buffer: &mut [u8]) -> Result<bool, PipeError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match client.read(rest).await? {
            0 => return Ok(false),
            read => filled += read,
        }
    }
    Ok(true)
}

async fn silent(client: &PipeConnection) -> Result<(), PipeError> {
    while client.read_message().await?.is_some() {}
    Ok(())
}
