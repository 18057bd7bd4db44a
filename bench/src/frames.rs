//! The load on the proxy: frames as long as the SMB messages that carry a call.

use std::io;
use std::net::SocketAddr;

use standpipe_load::{CallError, Caller, Expect, Message, Workload};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The length in front of a frame, as in direct TCP transport ([MS-SMB2] 2.1).
const PREFIX: usize = 4;
/// What a transceive's request is longer than the message in it: the header and the fixed part of IOCTL
/// ([MS-SMB2] 2.2.1, 2.2.31).
const REQUEST_OVERHEAD: usize = 64 + 56;
/// How much shorter its reply is than its request: the fixed part has 48 bytes ([MS-SMB2] 2.2.32).
const REPLY_SHORTER: usize = 8;
/// The longest frame, in bytes.
const LONGEST: usize = 2 * 1024 * 1024;

/// What one call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A frame there and one back, on a connection that stays.
    Transceive,
    /// The same on a connection of its own: what comes nearest to opening a pipe.
    Call,
    /// Nothing; one frame there and back at the end.
    Idle,
}

/// Calls through the proxy.
#[derive(Debug, Clone)]
pub(crate) struct FrameLoad {
    pub(crate) proxy: SocketAddr,
    pub(crate) kind: Kind,
    /// What a message would have, in bytes.
    pub(crate) size: usize,
}

pub(crate) struct FrameCaller {
    load: FrameLoad,
    stream: Option<BufReader<TcpStream>>,
    message: Message,
    frame: Vec<u8>,
    reply: Vec<u8>,
}

impl Workload for FrameLoad {
    type Caller = FrameCaller;
    type Error = io::Error;

    async fn connect(&self, connection: usize) -> io::Result<Vec<FrameCaller>> {
        let mut caller = FrameCaller {
            load: self.clone(),
            stream: None,
            message: Message::new(REQUEST_OVERHEAD + self.size, Expect::Anything, connection),
            frame: Vec::new(),
            reply: Vec::new(),
        };
        if self.kind != Kind::Call {
            caller.stream = Some(caller.connect().await?);
        }
        Ok(vec![caller])
    }
}

impl FrameCaller {
    async fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(self.load.proxy).await?;
        stream.set_nodelay(true)?;
        Ok(BufReader::with_capacity(if self.load.kind == Kind::Idle { 512 } else { 64 * 1024 }, stream))
    }

    async fn exchange(&mut self) -> io::Result<bool> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.connect().await?,
        };
        let request = self.message.next_request();
        self.frame.clear();
        self.frame.extend_from_slice(&(request.len() as u32).to_be_bytes());
        self.frame.extend_from_slice(request);
        stream.get_mut().write_all(&self.frame).await?;
        read(&mut stream, &mut self.reply).await?;
        if self.load.kind != Kind::Call {
            self.stream = Some(stream);
        }
        make_reply(&mut self.frame);
        Ok(self.reply == self.frame)
    }
}

impl Caller for FrameCaller {
    async fn call(&mut self) -> Result<(), CallError> {
        match self.exchange().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(CallError::WrongReply),
            Err(error) => Err(CallError::Failed(error.into())),
        }
    }
}

/// Reads a frame with its length in front.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin), frame: &mut Vec<u8>) -> io::Result<()> {
    let mut prefix = [0; PREFIX];
    from.read_exact(&mut prefix).await?;
    let length = u32::from_be_bytes(prefix) as usize;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that is too long"));
    }
    frame.clear();
    frame.extend_from_slice(&prefix);
    frame.resize(PREFIX + length, 0);
    from.read_exact(frame.get_mut(PREFIX..).unwrap_or_default()).await?;
    Ok(())
}

/// Makes of a request its reply: the same bytes, and as many fewer as an SMB reply has.
pub(crate) fn make_reply(frame: &mut Vec<u8>) {
    let length = frame.len().saturating_sub(PREFIX + REPLY_SHORTER);
    frame.truncate(PREFIX + length);
    if let Some(prefix) = frame.first_chunk_mut() {
        *prefix = (length as u32).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reply_is_the_beginning_of_its_request() {
        let mut frame = [&[0, 0, 0, 20][..], b"0123456789abcdefghij"].concat();
        make_reply(&mut frame);
        assert_eq!(frame, [&[0, 0, 0, 12][..], b"0123456789ab"].concat());
        let mut read_back = Vec::new();
        read(&mut frame.as_slice(), &mut read_back).await.unwrap();
        assert_eq!(read_back, frame);
        let error = read(&mut &[0x7f, 0, 0, 0][..], &mut read_back).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
