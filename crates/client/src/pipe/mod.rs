//! One open pipe.

mod exchange;

use std::sync::atomic::{AtomicBool, Ordering};

use standpipe_smb::NtStatus;
use standpipe_smb::client::{Data, OpenPipe, Operation, ReadMode, Reply, RequestError};

use crate::driver::Command;
use crate::{Client, ClientError, PipeAddress};

/// Bytes asked for with one read: what one credit pays for.
const CHUNK: u32 = 64 * 1024;

/// Bytes asked for when a message is known to go on: longer messages take fewer reads, and only they pay for
/// it.
const LONG_CHUNK: u32 = 1024 * 1024;

const READ: &str = "read from";
const WRITE: &str = "write to";
const CALL: &str = "call";

/// One open pipe on a client's connection. Several tasks can use it at once. Dropping it closes it.
#[derive(Debug)]
pub struct Pipe {
    client: Client,
    address: PipeAddress,
    open: OpenPipe,
    /// Whether the server was told to keep the boundaries of messages.
    by_message: AtomicBool,
    closed: bool,
}

impl Pipe {
    pub(crate) fn new(client: Client, address: PipeAddress, open: OpenPipe) -> Self {
        Self { client, address, open, by_message: AtomicBool::new(false), closed: false }
    }

    /// Where it is.
    pub fn address(&self) -> &PipeAddress {
        &self.address
    }

    /// Writes all of `bytes`: to a pipe of messages as one message.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), ClientError> {
        let mut left = bytes;
        loop {
            let reply =
                self.client.ask(Operation::Write { pipe: self.open, bytes: left.to_vec().into() }).await;
            let reply = reply.map_err(|error| match error {
                RequestError::Lost { sent } => self.client.lost(sent || left.len() < bytes.len()),
                error => self.error(WRITE, error),
            });
            match reply? {
                // A pipe of bytes may take a part; a message is taken whole.
                Reply::Written(taken) if (taken as usize) < left.len() && taken > 0 => {
                    left = left.get(taken as usize..).unwrap_or_default();
                }
                _ => return Ok(()),
            }
        }
    }

    /// Reads whatever there is, at least one byte and at most `max` of them; waits while there is nothing.
    /// `None` when the service closed its end and everything is read.
    pub async fn read(&self, max: usize) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.read_part(max).await?.map(|data| data.bytes))
    }

    /// Reads one whole message of at most `max` bytes, which may be empty. `None` at the end, as with
    /// [`Self::read`].
    pub async fn read_message(&self, max: usize) -> Result<Option<Vec<u8>>, ClientError> {
        if !self.by_message.load(Ordering::Relaxed) {
            let operation = Operation::SetReadMode { pipe: self.open, mode: ReadMode::Message };
            match self.client.ask(operation).await {
                // Samba's server cannot be told; its pipes of messages are always read by message.
                Ok(_) | Err(RequestError::Refused(NtStatus::NOT_SUPPORTED)) => {}
                Err(RequestError::Refused(NtStatus::INVALID_PARAMETER)) => {
                    return Err(ClientError::NoMessages { pipe: self.address.clone() });
                }
                Err(error) => return Err(self.error("set the read mode of", error)),
            }
            self.by_message.store(true, Ordering::Relaxed);
        }
        match self.read_part(max).await? {
            Some(first) => Ok(Some(self.rest_of_message(first, max).await?)),
            None => Ok(None),
        }
    }

    /// Writes one message and reads one message of at most `max` bytes in one round trip; `None` when the
    /// service closes the pipe instead. Only for pipes of messages from which everything was read.
    pub async fn transceive(&self, message: &[u8], max: usize) -> Result<Option<Vec<u8>>, ClientError> {
        let operation = Operation::Transceive {
            pipe: self.open,
            bytes: message.to_vec().into(),
            max: self.chunk(max, CHUNK),
        };
        match self.client.ask(operation).await.map_err(|error| self.error(CALL, error))? {
            Reply::Data(first) => Ok(Some(self.rest_of_message(first, max).await?)),
            _ => Ok(None),
        }
    }

    /// Waits until the service has read everything that was written.
    pub async fn flush(&self) -> Result<(), ClientError> {
        self.client
            .ask(Operation::Flush { pipe: self.open })
            .await
            .map_err(|error| self.error("flush", error))?;
        Ok(())
    }

    /// Closes the pipe and waits for the server to say so.
    pub async fn close(mut self) -> Result<(), ClientError> {
        self.closed = true;
        let result = self.client.ask(Operation::Close { pipe: self.open }).await;
        result.map(|_| ()).map_err(|error| self.error("close", error))
    }

    async fn read_part(&self, max: usize) -> Result<Option<Data>, ClientError> {
        self.data(self.client.ask(Operation::Read { pipe: self.open, max: self.chunk(max, CHUNK) }).await)
    }

    /// Reads on until the message is whole.
    async fn rest_of_message(&self, first: Data, max: usize) -> Result<Vec<u8>, ClientError> {
        let mut message = Vec::new();
        self.rest_of_message_into(first, max, &mut message, &|_| true).await?;
        Ok(message)
    }

    fn data(&self, reply: Result<Reply, RequestError>) -> Result<Option<Data>, ClientError> {
        match reply.map_err(|error| self.error(READ, error))? {
            Reply::Data(data) => Ok(Some(data)),
            _ => Ok(None),
        }
    }

    /// How much to ask for at once.
    fn chunk(&self, max: usize, largest: u32) -> u32 {
        let ready = self.client.ready();
        let limit = largest.min(ready.max_read).min(ready.max_transceive);
        u32::try_from(max).unwrap_or(limit).clamp(1, limit)
    }

    fn error(&self, action: &'static str, error: RequestError) -> ClientError {
        let pipe = self.address.clone();
        match error {
            RequestError::Refused(
                NtStatus::PIPE_BROKEN
                | NtStatus::PIPE_DISCONNECTED
                | NtStatus::PIPE_CLOSING
                | NtStatus::FILE_CLOSED,
            ) => ClientError::NoReply { pipe },
            RequestError::Refused(NtStatus::INVALID_PIPE_STATE) if action == CALL => {
                ClientError::NoMessages { pipe }
            }
            RequestError::Refused(status) => ClientError::Refused { pipe, action, status },
            RequestError::TooLarge { length, limit } => {
                ClientError::RequestTooLong { pipe, length, limit: limit as usize }
            }
            RequestError::TooFewCredits => {
                ClientError::Refused { pipe, action, status: NtStatus::INSUFFICIENT_RESOURCES }
            }
            // All but a write may come after a request that was written.
            RequestError::Lost { sent } => self.client.lost(sent || ![WRITE, CALL].contains(&action)),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.client.shared.commands.send(Command::Close { pipe: self.open });
        }
    }
}
