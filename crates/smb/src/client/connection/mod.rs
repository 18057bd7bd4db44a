//! The connection: its inputs, its outputs, and the requests that wait.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::SeedableRng;

use super::flight::Purpose;
use super::handshake::{Context, Handshake, Next};
use super::protection::is_sealed;
use super::reply::Expected;
use super::request::{Operation, write};
use super::writer::RequestWriter;
use super::{
    Config, ConnectionError, Defect, Downgrade, Event, Input, Ready, Reply, RequestError, RequestId,
    Violation,
};
use crate::wire::header::HEADER_LEN;
use crate::wire::{Command, Deframer, Flags, Header, Message};
use crate::{FileTime, NtStatus};

/// What a message is longer than the data in it, at most: headers, fixed fields, a log-on token, contexts.
const OVERHEAD: usize = 64 * 1024;

/// How many keep-alives are ignored between two messages. Servers send one in some seconds at most, and this
/// client asks idle ones for a sign of life more often than they come to so many.
const KEEP_ALIVES_BETWEEN: u32 = 4096;

enum State {
    Handshake { handshake: Box<Handshake>, deadline: Duration },
    Ready(Ready),
    Closed,
}

/// The client's half of one transport connection. See the [module](super) for the order of calls.
pub struct Connection {
    config: Config,
    random: ChaCha20Rng,
    time: FileTime,
    state: State,
    writer: RequestWriter,
    deframer: Deframer,
    events: VecDeque<Event>,
    /// Requests that could not be written yet, in order.
    queue: VecDeque<(RequestId, Operation<'static>)>,
    next_request: u64,
    /// Keep-alives since the last message.
    keep_alives: u32,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("host", &self.config.host)
            .field("ready", &self.ready())
            .field("in_flight", &self.writer.flights.len())
            .field("queued", &self.queue.len())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection whose transport was just connected. The first message is written.
    ///
    /// `seed` must be unforeseeable and used once. `now` is a monotonic time since a moment of the caller's
    /// choice, `time` the time of day, used when the server does not tell its own.
    pub fn new(config: Config, seed: [u8; 32], now: Duration, time: FileTime) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        let mut writer = RequestWriter::new(config.limits.credits);
        let deadline = now.saturating_add(config.limits.handshake_timeout);
        let mut context = Context { config: &config, random: &mut random, time };
        let handshake = Handshake::start(&mut writer, &mut context);
        Self {
            state: State::Handshake { handshake: Box::new(handshake), deadline },
            config,
            random,
            time,
            writer,
            deframer: Deframer::default(),
            events: VecDeque::new(),
            queue: VecDeque::new(),
            next_request: 0,
            keep_alives: 0,
        }
    }

    /// Takes what happened outside. `now` must not go back.
    pub fn handle(&mut self, now: Duration, input: Input<'_>) {
        let result = match (input, &self.state) {
            (_, State::Closed) => Ok(()),
            // How a server says that the offer it got is not the one that it is now told of
            // ([MS-SMB2] 3.3.5.15.12).
            (Input::Disconnected, State::Handshake { handshake, .. }) if handshake.is_confirming() => {
                Err(Downgrade::Hangup.into())
            }
            (Input::Disconnected, _) => Err(ConnectionError::Disconnected),
            (Input::Received(bytes), _) => self.receive(bytes),
            (Input::Timeout, State::Handshake { deadline, .. }) if now >= *deadline => {
                Err(ConnectionError::HandshakeTimeout)
            }
            (Input::Timeout, _) => Ok(()),
        };
        match result {
            Ok(()) => self.write_queue(),
            Err(error) => self.close(error),
        }
    }

    /// What happened, oldest first.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Swaps the bytes to send with `into`, which must be empty; `false` if there are none. From then on the
    /// requests in them count as sent.
    #[must_use]
    pub fn take_transmit(&mut self, into: &mut Vec<u8>) -> bool {
        self.writer.take(into)
    }

    /// When to call [`Connection::handle`] with [`Input::Timeout`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        match &self.state {
            State::Handshake { deadline, .. } => Some(*deadline),
            State::Ready(_) | State::Closed => None,
        }
    }

    /// What was agreed on, once the connection is ready and while it is.
    #[must_use]
    pub fn ready(&self) -> Option<Ready> {
        match &self.state {
            State::Ready(ready) => Some(*ready),
            State::Handshake { .. } | State::Closed => None,
        }
    }

    /// Whether the connection is over.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// How many requests have no reply yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.writer.flights.len() + self.queue.len()
    }

    /// Whether a request was handed out for sending and has no reply yet.
    #[must_use]
    pub fn is_on_its_way(&self, request: RequestId) -> bool {
        self.writer.flights.get(request).is_some_and(|flight| self.writer.was_taken(flight))
    }

    /// Asks the server for something. The request ends in one [`Event::Completed`].
    pub fn request(&mut self, operation: Operation<'_>) -> RequestId {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        match &self.state {
            State::Closed => self.complete(request, Err(RequestError::Lost { sent: false })),
            State::Ready(ready) if self.queue.is_empty() => match operation.check(ready) {
                Err(error) => self.complete(request, Err(error)),
                Ok(payload) if self.writer.affords(payload) => {
                    write(&mut self.writer, request, &operation, payload);
                }
                Ok(_) => self.enqueue(request, operation),
            },
            State::Ready(_) | State::Handshake { .. } => self.enqueue(request, operation),
        }
        request
    }

    /// Gives a request up. One that was not written yet ends at once; for one on its way the server is asked
    /// to stop, and it ends with what the server says: refused with `STATUS_CANCELLED`, or its reply if that
    /// was faster. Unknown requests are ignored.
    pub fn cancel(&mut self, request: RequestId) {
        if let Some(place) = self.queue.iter().position(|(id, _)| *id == request) {
            self.queue.remove(place);
            self.complete(request, Err(RequestError::Refused(NtStatus::CANCELLED)));
        } else if let Some((message_id, flight)) = self.writer.flights.find(request)
            && !core::mem::replace(&mut flight.cancelled, true)
        {
            let async_id = flight.async_id;
            self.writer.cancel(message_id, async_id);
        }
    }

    fn enqueue(&mut self, request: RequestId, operation: Operation<'_>) {
        self.queue.push_back((request, operation.into_owned()));
        self.write_queue();
    }

    /// Writes what waits, in order, as far as the credits go.
    fn write_queue(&mut self) {
        let State::Ready(ready) = self.state else {
            return;
        };
        while let Some((request, operation)) = self.queue.pop_front() {
            match operation.check(&ready) {
                Err(error) => self.complete(request, Err(error)),
                Ok(payload) if self.writer.affords(payload) => {
                    write(&mut self.writer, request, &operation, payload);
                }
                // Every reply was asked to bring credits. If none is on its way any more, there will never be
                // enough.
                Ok(_) if self.writer.flights.is_empty() => {
                    self.complete(request, Err(RequestError::TooFewCredits));
                }
                Ok(_) => {
                    self.queue.push_front((request, operation));
                    return;
                }
            }
        }
    }

    fn complete(&mut self, request: RequestId, result: Result<Reply, RequestError>) {
        self.events.push_back(Event::Completed { request, result });
    }

    fn receive(&mut self, mut bytes: &[u8]) -> Result<(), ConnectionError> {
        let limit = (self.config.limits.max_transfer as usize).saturating_add(OVERHEAD);
        while !self.is_closed()
            && let Some(frame) = self.deframer.next(&mut bytes, limit)?
        {
            self.frame(frame)?;
        }
        Ok(())
    }

    /// Takes a frame, encrypted or as it is.
    fn frame(&mut self, mut frame: Message<'_>) -> Result<(), ConnectionError> {
        // A keep-alive ends no request. A server that sends nothing else is as good as silent: the deadlines
        // of the handshake and of requests go on.
        if frame.bytes().is_empty() {
            self.keep_alives += 1;
            let few = self.keep_alives <= KEEP_ALIVES_BETWEEN;
            return if few { Ok(()) } else { Err(ConnectionError::Violation(Violation::KeepAlives)) };
        }
        self.keep_alives = 0;
        if !is_sealed(frame.bytes()) {
            return self.messages(frame.bytes(), false);
        }
        let messages = self.writer.protection.open(frame.to_mut())?;
        self.messages(messages, true)
    }

    /// Takes a frame's messages: one, or several that the server chained ([MS-SMB2] 3.2.5.1.9). `opened` says
    /// whether they came encrypted.
    fn messages(&mut self, mut rest: &[u8], opened: bool) -> Result<(), ConnectionError> {
        const CHAIN: ConnectionError = ConnectionError::Violation(Violation::Chain);
        loop {
            let header = Header::decode(rest)?;
            let next = header.next_command as usize;
            if next == 0 {
                return self.message(&header, rest, opened);
            }
            if next < HEADER_LEN || !next.is_multiple_of(8) {
                return Err(CHAIN);
            }
            let (message, after) = rest.split_at_checked(next).ok_or(CHAIN)?;
            self.message(&header, message, opened)?;
            if self.is_closed() {
                return Ok(());
            }
            rest = after;
        }
    }

    fn message(&mut self, header: &Header, message: &[u8], opened: bool) -> Result<(), ConnectionError> {
        if !header.flags.contains(Flags::RESPONSE) {
            return Err(Violation::Request.into());
        }
        if header.message_id == u64::MAX && header.command == Command::OPLOCK_BREAK {
            return Ok(()); // about files; pipes have no oplocks
        }
        if opened {
            self.writer.verify_opened(header)?;
        } else {
            self.writer.verify_plain(header, message)?;
        }
        let Some(flight) = self.writer.flights.get_mut(header.message_id) else {
            return Err(Violation::UnexpectedReply.into());
        };
        if flight.command != header.command {
            return Err(Violation::OtherCommand.into());
        }
        let async_id = header.async_id();
        if header.status == NtStatus::PENDING {
            if async_id.is_none() || flight.async_id.is_some() {
                return Err(Violation::Interim.into());
            }
            flight.async_id = async_id;
            self.writer.flights.grant(header.credits);
            return Ok(());
        }
        if flight.async_id.is_some() && async_id != flight.async_id {
            return Err(Violation::OtherAsyncId.into());
        }
        let (purpose, begun) = (flight.purpose, flight.async_id.is_some());
        // A reply that cannot be read leaves its request in flight, to end with the connection.
        let read = match purpose {
            Purpose::Handshake => None,
            Purpose::Request { request, expected } => {
                Some((request, expected, expected.read(header.status, message)?))
            }
        };
        self.writer.flights.land(header.message_id);
        self.writer.flights.grant(header.credits);
        match read {
            None => self.handshake(header, message),
            // To log on again here, the client would need the password for as long as the connection lasts,
            // and would have to hold back what is asked meanwhile. A new connection does that anyway. The
            // server refused the request before it did anything, so it is safe to ask again; unless it said
            // before that it was at it.
            Some((request, ..)) if header.status == NtStatus::NETWORK_SESSION_EXPIRED => {
                self.complete(request, Err(RequestError::Lost { sent: begun }));
                Err(ConnectionError::SessionExpired)
            }
            Some((request, expected, result)) => {
                let logged_off = matches!((expected, &result), (Expected::LoggedOff, Ok(_)));
                self.complete(request, result);
                if logged_off {
                    self.close(ConnectionError::LoggedOff);
                }
                Ok(())
            }
        }
    }

    fn handshake(&mut self, header: &Header, message: &[u8]) -> Result<(), ConnectionError> {
        let State::Handshake { handshake, deadline } = core::mem::replace(&mut self.state, State::Closed)
        else {
            return Err(Defect::LateHandshake.into());
        };
        // A server never leaves a client without any ([MS-SMB2] 3.3.1.2), and every step is a request.
        if !self.writer.affords(0) {
            return Err(Violation::NoCredits.into());
        }
        let mut context = Context { config: &self.config, random: &mut self.random, time: self.time };
        match handshake.reply(header, message, &mut self.writer, &mut context) {
            Ok(Next::Continue(handshake)) => {
                self.state = State::Handshake { handshake, deadline };
            }
            Ok(Next::Ready(ready)) => {
                self.state = State::Ready(ready);
                self.events.push_back(Event::Ready(ready));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Ends the connection and everything that waits.
    fn close(&mut self, error: ConnectionError) {
        self.state = State::Closed;
        for flight in self.writer.flights.drain().into_values() {
            if let Purpose::Request { request, .. } = flight.purpose {
                let sent = self.writer.was_taken(&flight);
                self.events.push_back(Event::Completed { request, result: Err(RequestError::Lost { sent }) });
            }
        }
        for (request, _) in core::mem::take(&mut self.queue) {
            self.complete(request, Err(RequestError::Lost { sent: false }));
        }
        self.writer.discard();
        self.events.push_back(Event::Closed(error));
    }
}

#[cfg(test)]
mod tests;
