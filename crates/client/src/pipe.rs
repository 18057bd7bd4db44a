//! One open pipe.

use std::sync::atomic::{AtomicBool, Ordering};

use standpipe_smb::NtStatus;
use standpipe_smb::client::{Data, OpenPipe, Operation, ReadMode, Reply, RequestError};

use crate::driver::Command;
use standpipe_pipe::Mode;

use crate::{CallOptions, Client, ClientError, PipeAddress, ReplyEnd};

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

    /// One request and its whole reply. The pipe can be used again only if the reply ends with a message.
    pub async fn exchange(&self, request: &[u8], options: &CallOptions) -> Result<Vec<u8>, ClientError> {
        self.exchange_within(request, options, &|_| true).await
    }

    /// The same, and asks `room` before it keeps so many bytes more of the reply: [`ClientError::NoRoom`]
    /// when that answers `false`. A reply that is one message is asked for once it is there.
    pub async fn exchange_within(
        &self,
        request: &[u8],
        options: &CallOptions,
        room: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<u8>, ClientError> {
        let limit = self.client.ready().max_write as usize;
        if options.mode == Mode::Message && request.len() > limit {
            let (pipe, length) = (self.address.clone(), request.len());
            return Err(ClientError::RequestTooLong { pipe, length, limit });
        }
        let exchange = async {
            match options.reply_end {
                ReplyEnd::Disconnect => self.exchange_to_the_end(request, options, room).await,
                ReplyEnd::Message => {
                    let reply = self.transceive(request, options.max_reply).await?;
                    let reply = reply.ok_or_else(|| ClientError::NoReply { pipe: self.address.clone() })?;
                    self.check_room(room, reply.len())?;
                    Ok(reply)
                }
            }
        };
        let timeout = options.reply_timeout;
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::ReplyTimeout { pipe: self.address.clone(), timeout }),
        }
    }

    async fn exchange_to_the_end(
        &self,
        request: &[u8],
        options: &CallOptions,
        room: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<u8>, ClientError> {
        // A message was found to fit.
        let (first, more) = request.split_at(request.len().min(self.client.ready().max_write as usize));
        // The first read goes out with the write, not after it: one round trip less.
        let write = self.client.start(Operation::Write { pipe: self.open, bytes: first.to_vec().into() });
        let read = self
            .client
            .start(Operation::Read { pipe: self.open, max: CHUNK.min(self.client.ready().max_read) });
        let whole = async {
            let written = write.finish().await.map_err(|error| self.error(WRITE, error))?;
            let rest = if options.mode == Mode::Byte { rest_of(first, &written) } else { &[] };
            let parts = std::iter::once(rest).chain(more.chunks(first.len().max(1)));
            for part in parts.filter(|part| !part.is_empty()) {
                self.write(part).await.map_err(|error| match error {
                    ClientError::Disconnected { .. } => self.client.lost(true),
                    error => error,
                })?;
            }
            Ok(())
        };
        // A service may answer before it has taken everything in, and go on only when that is read.
        let reply = async {
            let first = self.data(read.finish().await)?;
            self.reply_to_the_end(first, options.max_reply, room).await
        };
        let ((), reply) = tokio::try_join!(biased; whole, reply)?;
        Ok(reply)
    }

    /// What the service writes until it closes the pipe; `next` was read already.
    async fn reply_to_the_end(
        &self,
        mut next: Option<Data>,
        max: usize,
        room: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<u8>, ClientError> {
        // An empty message is a reply; a pipe that is closed without one is not.
        if next.is_none() {
            return Err(ClientError::NoReply { pipe: self.address.clone() });
        }
        let mut reply = Vec::new();
        while let Some(data) = next {
            self.check_room(room, data.bytes.len())?;
            if reply.is_empty() {
                reply = data.bytes;
            } else {
                reply.extend_from_slice(&data.bytes);
            }
            if reply.len() > max {
                return Err(ClientError::ReplyTooLong { pipe: self.address.clone(), limit: max });
            }
            // One byte more than allowed shows that there is more than allowed.
            next = self.read_part(max - reply.len() + 1).await?;
        }
        Ok(reply)
    }

    fn check_room(&self, room: &(dyn Fn(usize) -> bool + Sync), bytes: usize) -> Result<(), ClientError> {
        if room(bytes) { Ok(()) } else { Err(ClientError::NoRoom { pipe: self.address.clone() }) }
    }

    async fn read_part(&self, max: usize) -> Result<Option<Data>, ClientError> {
        self.data(self.client.ask(Operation::Read { pipe: self.open, max: self.chunk(max, CHUNK) }).await)
    }

    /// Reads on until the message is whole.
    async fn rest_of_message(&self, first: Data, max: usize) -> Result<Vec<u8>, ClientError> {
        let Data { bytes: mut message, mut more } = first;
        while more {
            if message.len() >= max {
                return Err(ClientError::ReplyTooLong { pipe: self.address.clone(), limit: max });
            }
            let length = self.chunk(max - message.len(), LONG_CHUNK);
            let part = self.data(self.client.ask(Operation::Read { pipe: self.open, max: length }).await)?;
            let part = part.ok_or_else(|| ClientError::NoReply { pipe: self.address.clone() })?;
            message.extend_from_slice(&part.bytes);
            more = part.more;
        }
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

/// What of a write the pipe did not take.
fn rest_of<'a>(bytes: &'a [u8], written: &Reply) -> &'a [u8] {
    match written {
        // 0 is what servers say that do not count.
        Reply::Written(taken @ 1..) => bytes.get(*taken as usize..).unwrap_or_default(),
        _ => &[],
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        if !self.closed {
            let _ = self.client.shared.commands.send(Command::Close { pipe: self.open });
        }
    }
}
