//! One request and its reply, and where that ends.

use std::future::Future;
use std::time::Duration;

use standpipe_pipe::Mode;
use standpipe_smb::NtStatus;
use standpipe_smb::client::{Data, Operation, Reply};

use super::{CALL, CHUNK, LONG_CHUNK, Pipe, WRITE};
use crate::{CallOptions, ClientError, ReplyEnd};

/// Asked before so many bytes more of a reply are kept.
type RoomFor<'a> = &'a (dyn Fn(usize) -> bool + Sync);

impl Pipe {
    /// One request and its reply. The pipe can be used again only if the reply ends with a message.
    pub async fn exchange(&self, request: &[u8], options: &CallOptions) -> Result<Vec<u8>, ClientError> {
        self.exchange_within(request, options, &|_| true).await
    }

    /// The same, and asks `room` before it keeps so many bytes more of the reply: [`ClientError::NoRoom`]
    /// when that answers `false`.
    pub async fn exchange_within(
        &self,
        request: &[u8],
        options: &CallOptions,
        room: &(dyn Fn(usize) -> bool + Sync),
    ) -> Result<Vec<u8>, ClientError> {
        let mut reply = Vec::new();
        self.exchange_into(request, options, room, &mut reply).await?;
        Ok(reply)
    }

    /// The same, and puts into `reply` what comes as it comes: after an error it holds the part of the reply
    /// that came before, which is at most [`CallOptions::max_reply`] long.
    pub async fn exchange_into(
        &self,
        request: &[u8],
        options: &CallOptions,
        room: &(dyn Fn(usize) -> bool + Sync),
        reply: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let limit = self.client.ready().max_write as usize;
        if options.mode == Mode::Message && request.len() > limit {
            let (pipe, length) = (self.address.clone(), request.len());
            return Err(ClientError::RequestTooLong { pipe, length, limit });
        }
        let timeout = options.reply_timeout;
        let exchange = self.exchange_without_limit(request, options, room, reply);
        let ended = tokio::time::timeout(timeout, exchange).await;
        ended.unwrap_or_else(|_| {
            let (pipe, received) = (self.address.clone(), reply.len());
            Err(ClientError::ReplyTimeout { pipe, timeout, received })
        })
    }

    async fn exchange_without_limit(
        &self,
        request: &[u8],
        options: &CallOptions,
        room: RoomFor<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let quiet = match (options.reply_end, options.mode) {
            (ReplyEnd::Message, _) => return self.exchange_message(request, options, room, reply).await,
            (ReplyEnd::Usual, Mode::Message) => {
                match self.exchange_message(request, options, room, reply).await {
                    // Nothing was written: the pipe carries bytes, or the service has spoken first.
                    Err(
                        ClientError::NoMessages { .. }
                        | ClientError::Refused { action: CALL, status: NtStatus::PIPE_BUSY, .. },
                    ) => {}
                    result => return result,
                }
                Some(options.quiet)
            }
            (ReplyEnd::Usual, Mode::Byte) | (ReplyEnd::Quiet, _) => Some(options.quiet),
            (ReplyEnd::Disconnect, _) => None,
        };
        self.exchange_bytes(request, options, quiet, room, reply).await
    }

    /// The reply is one message.
    async fn exchange_message(
        &self,
        request: &[u8],
        options: &CallOptions,
        room: RoomFor<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let max = options.max_reply;
        let operation = Operation::Transceive {
            pipe: self.open,
            bytes: request.to_vec().into(),
            max: self.chunk(max, CHUNK),
        };
        match self.client.ask(operation).await.map_err(|error| self.error(CALL, error))? {
            Reply::Data(first) => self.rest_of_message_into(first, max, reply, room).await,
            _ => Err(ClientError::NoReply { pipe: self.address.clone() }),
        }
    }

    /// Reads on until the message is whole.
    pub(super) async fn rest_of_message_into(
        &self,
        first: Data,
        max: usize,
        message: &mut Vec<u8>,
        room: RoomFor<'_>,
    ) -> Result<(), ClientError> {
        let mut more = first.more;
        self.keep(first, max, message, room)?;
        while more {
            if message.len() >= max {
                return Err(ClientError::ReplyTooLong { pipe: self.address.clone(), limit: max });
            }
            let length = self.chunk(max - message.len(), LONG_CHUNK);
            let part = self.data(self.client.ask(Operation::Read { pipe: self.open, max: length }).await)?;
            let part = part.ok_or_else(|| ClientError::NoReply { pipe: self.address.clone() })?;
            more = part.more;
            self.keep(part, max, message, room)?;
        }
        Ok(())
    }

    /// The reply is what comes until the service ends it, or until nothing has come for as long as `quiet`.
    async fn exchange_bytes(
        &self,
        request: &[u8],
        options: &CallOptions,
        quiet: Option<Duration>,
        room: RoomFor<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        // A message was found to fit.
        let (first, more) = request.split_at(request.len().min(self.client.ready().max_write as usize));
        // The first read goes out with the write, not after it: one round trip less.
        let write = self.client.start(Operation::Write { pipe: self.open, bytes: first.to_vec().into() });
        let read = self
            .client
            .start(Operation::Read { pipe: self.open, max: CHUNK.min(self.client.ready().max_read) });
        let is_written = tokio::sync::watch::Sender::new(false);
        let mut written = is_written.subscribe();
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
            is_written.send_replace(true);
            Ok(())
        };
        // A service may answer before it has taken everything in, and go on only when that is read.
        let replied = async {
            let first = self.data(read.finish().await)?;
            // An empty message is a reply; a pipe that is closed without one is not.
            let mut part = first.ok_or_else(|| ClientError::NoReply { pipe: self.address.clone() })?;
            loop {
                self.keep(part, options.max_reply, reply, room)?;
                // One byte more than allowed shows that there is more than allowed.
                let next = self.read_part((options.max_reply - reply.len()).saturating_add(1));
                let next = match quiet {
                    // No service is quiet that has not heard everything yet.
                    Some(quiet) => before_quiet(next, quiet, &mut written).await,
                    None => Some(next.await),
                };
                part = match next {
                    None => return Ok(()),
                    Some(next) => match next? {
                        None => return Ok(()),
                        Some(next) => next,
                    },
                };
            }
        };
        tokio::try_join!(biased; whole, replied).map(|_| ())
    }

    /// Adds a part to the reply, as far as it may go.
    fn keep(
        &self,
        part: Data,
        max: usize,
        reply: &mut Vec<u8>,
        room: RoomFor<'_>,
    ) -> Result<(), ClientError> {
        let length = part.bytes.len();
        let fits = max - reply.len();
        if !room(length.min(fits)) {
            return Err(ClientError::NoRoom { pipe: self.address.clone() });
        }
        if reply.is_empty() && length <= fits {
            *reply = part.bytes;
        } else {
            reply.extend_from_slice(part.bytes.get(..fits).unwrap_or(&part.bytes));
        }
        if length > fits {
            return Err(ClientError::ReplyTooLong { pipe: self.address.clone(), limit: max });
        }
        Ok(())
    }
}

/// What `next` comes to, or `None` when it has not come for as long as `quiet` after everything was written.
async fn before_quiet<T>(
    next: impl Future<Output = T>,
    quiet: Duration,
    written: &mut tokio::sync::watch::Receiver<bool>,
) -> Option<T> {
    let silence = async {
        // The sender lives as long as the exchange.
        let _ = written.wait_for(|&written| written).await;
        tokio::time::sleep(quiet).await;
    };
    tokio::select! {
        biased;
        next = next => Some(next),
        () = silence => None,
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
