//! The client under test, and whoever calls through it and knows what was asked.

use std::collections::BTreeMap;
use std::time::Duration;

use standpipe_smb::client::{
    Config, Connection, Event, Input, OpenPipe, READ_WRITE, ReadMode, Reply, RequestError, RequestId,
};

use super::Seen;
use crate::bytes::Bytes;
use crate::world;

/// What a request that has not ended is about.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// What is written to the open, and what its service answers.
    fill: u8,
    /// The most bytes that may come back.
    max: u32,
}

pub(super) struct Caller {
    connection: Connection,
    now: Duration,
    asked: BTreeMap<RequestId, Asked>,
    pipes: Vec<(OpenPipe, u8)>,
    fills: u8,
    /// Whether nobody with the keys has lied.
    honest: bool,
    /// Whether the client's stream still consists of whole frames.
    in_step: bool,
    /// Whether the handshake was changed on the way, so that it must not succeed.
    doomed: bool,
    sent: Vec<u8>,
    pub(super) seen: Seen,
}

impl Caller {
    pub(super) fn new(config: Config) -> Self {
        let now = Duration::from_secs(1);
        Self {
            connection: Connection::new(config, [0x22; 32], now, world::TODAY),
            now,
            asked: BTreeMap::new(),
            pipes: Vec::new(),
            fills: 0,
            honest: true,
            in_step: true,
            doomed: false,
            sent: Vec::new(),
            seen: Seen::default(),
        }
    }

    /// One of the ten things that can be asked of a client.
    pub(super) fn ask(&mut self, what: u8, input: &mut Bytes<'_>) {
        let which = input.u8();
        let client = &mut self.connection;
        let nobody = self.pipes.is_empty();
        if what <= 1 || what == 8 || what == 9 {
            let (request, fill) = match what {
                0 | 1 => {
                    self.fills = self.fills.wrapping_add(1).max(1);
                    let name = ["simple", "SIMPLE", "missing", ""][usize::from(which & 3)];
                    (client.open(name, READ_WRITE), self.fills)
                }
                8 => {
                    let place = usize::from(which) % self.asked.len().max(1);
                    if let Some(request) = self.asked.keys().nth(place).copied() {
                        client.cancel(request);
                    }
                    return self.look();
                }
                _ if which == 0xFF => (client.log_off(), 0),
                _ if which & 1 == 0 => (client.echo(), 0),
                _ => (client.wait(world::PIPE, Duration::from_millis(u64::from(which))), 0),
            };
            self.enter(request, fill, 0);
            return;
        }
        if nobody {
            return;
        }
        let (pipe, fill) = self.pipes[usize::from(which) % self.pipes.len()];
        let length = usize::from(input.u16());
        let bytes = vec![fill; length % 3000];
        let (request, max) = match what {
            2 | 3 => {
                let max = u32::from(input.u16());
                (client.transceive(pipe, &bytes, max), max)
            }
            4 => (client.write(pipe, &bytes), 0),
            5 => (client.read(pipe, length as u32), length as u32),
            6 => match length % 4 {
                0 => (client.peek(pipe, length as u32), length as u32),
                1 => (client.flush(pipe), 0),
                2 => (client.set_read_mode(pipe, ReadMode::Message), 0),
                _ => (client.set_read_mode(pipe, ReadMode::Byte), 0),
            },
            _ => (client.close_pipe(pipe), 0),
        };
        self.enter(request, fill, max);
    }

    fn enter(&mut self, request: RequestId, fill: u8, max: u32) {
        assert!(self.asked.insert(request, Asked { fill, max }).is_none(), "one name for two requests");
        self.look();
    }

    /// What the client has sent since the last time, message by message.
    pub(super) fn sent(&mut self) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.connection.take_transmit(&mut bytes) {
            self.sent.extend_from_slice(&bytes);
        }
        let mut messages = Vec::new();
        while let Some((length, rest)) = self.sent.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            messages.push(rest.get(..length).expect("frames are sent whole").to_vec());
            self.sent.drain(..4 + length);
        }
        messages
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        self.connection.handle(self.now, Input::Received(bytes));
    }

    /// The client gets a frame that the server did not send so. Where everything before was in order, that
    /// must not end any request but by ending all.
    pub(super) fn receive_foreign(&mut self, bytes: &[u8]) {
        let was_ready = self.connection.ready().is_some();
        self.receive(bytes);
        let guarded = self.honest && self.in_step;
        self.doomed |= guarded && !was_ready;
        while let Some(event) = self.connection.poll_event() {
            if let Event::Completed { result, .. } = &event {
                let lost = matches!(result, Err(RequestError::Lost { .. }));
                assert!(lost || !guarded, "ended by what the server did not say: {result:?}");
            }
            self.take(event);
        }
        self.check();
    }

    /// Somebody with the keys has said what the server did not.
    pub(super) fn is_lied_to(&mut self) {
        self.honest = false;
    }

    /// The stream was broken into.
    pub(super) fn lose_track(&mut self) {
        self.in_step = false;
    }

    /// A message of the client's was changed on its way.
    pub(super) fn was_changed(&mut self, newest: bool) {
        if self.connection.ready().is_none() && newest && self.honest {
            self.doomed = true;
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.connection.handle(self.now, Input::Timeout);
        self.look();
    }

    pub(super) fn hang_up(&mut self) {
        self.connection.handle(self.now, Input::Disconnected);
        self.look();
    }

    /// Looks at everything that happened.
    pub(super) fn look(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            self.take(event);
        }
        self.check();
    }

    fn take(&mut self, event: Event) {
        let refused = Err(RequestError::Lost { sent: false });
        let late = matches!(&event, Event::Completed { result, .. } if *result == refused);
        assert!(self.seen.closed.is_none() || late, "after the end: {event:?}");
        match event {
            Event::Ready(_) => {
                assert!(!std::mem::replace(&mut self.seen.ready, true), "ready twice");
                assert!(!self.doomed || !self.honest, "ready, though somebody changed the handshake");
            }
            Event::Completed { request, result } => self.completed(request, result),
            Event::Closed(error) => self.seen.closed = Some(error),
        }
    }

    fn completed(&mut self, request: RequestId, result: Result<Reply, RequestError>) {
        let asked = self.asked.remove(&request).expect("one end for each request");
        match result {
            Ok(Reply::Opened(pipe)) => {
                let known = self.pipes.iter().any(|(known, _)| *known == pipe);
                assert!(!known || !self.honest, "one pipe for two opens");
                self.pipes.push((pipe, asked.fill));
            }
            Ok(Reply::Data(data)) => {
                assert!(data.bytes.len() <= asked.max as usize, "more than was asked for");
                let own = data.bytes.iter().all(|byte| *byte == asked.fill);
                assert!(own || !self.honest, "the answer to somebody else");
                self.seen.data += 1;
            }
            Err(RequestError::Refused(_)) => self.seen.refused += 1,
            _ => {}
        }
    }

    /// Whether the next request would have to wait.
    #[cfg(test)]
    pub(super) fn is_out_of_credits(&self) -> bool {
        self.asked.len() >= 8 || self.fills > 200
    }

    fn check(&self) {
        assert_eq!(
            self.connection.outstanding() - self.handshake(),
            self.asked.len(),
            "requests without a name"
        );
    }

    /// Whether the connection has a request of its own under way.
    fn handshake(&self) -> usize {
        usize::from(self.connection.ready().is_none() && !self.connection.is_closed())
    }

    /// Nothing goes on after the end.
    pub(super) fn check_end(&mut self) {
        assert!(self.seen.closed.is_some() && self.connection.is_closed(), "no end");
        assert!(self.asked.is_empty(), "without an answer: {:?}", self.asked);
        assert!(self.connection.next_timeout().is_none(), "nothing to wait for");
    }
}
