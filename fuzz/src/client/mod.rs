//! The client's connection, with somebody between it and the server who means no good.

mod caller;
#[cfg(test)]
mod lengths;

use std::collections::VecDeque;
use std::time::Duration;

use standpipe_smb::client::{Config, Encryption, Limits};
use standpipe_smb::crypto::{Cipher, SigningAlgorithm};
use standpipe_smb::server::{Input as ServerInput, PipeMode};
use standpipe_smb::{Dialect, server};

use self::caller::Caller;
use crate::bytes::Bytes;
use crate::memory::Meter;
use crate::peer::{frame, number};
use crate::shell::{Server, open_result};
use crate::tap::Tap;
use crate::world;

/// More steps than this find nothing new, and only take time.
const MAX_STEPS: usize = 400;
/// Messages remembered for a replay.
const REMEMBERED: usize = 32;
/// What a client with these limits holds at most, with what surrounds it here.
const MOST_MEMORY: usize = 6 * 1024 * 1024;

/// Our client against our server. Whoever is between them reorders, drops, changes, replays, cuts, chains,
/// reflects and invents messages, as the input says; with the session's keys, too, as a hostile server could.
///
/// Each request ends once, and all of them when the connection ends; what is read was written by the service
/// of that very pipe; nothing that was changed on the way ends a request; a log-on that was changed on the
/// way does not get ready; and a server that knows the keys can lie about what the service said, but not make
/// the client panic, hang or hold without bound.
///
/// # Panics
/// When that does not hold.
pub fn client(data: &[u8]) {
    let _ = play(data);
}

/// What came of a play.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) ready: bool,
    pub(crate) closed: Option<standpipe_smb::client::ConnectionError>,
    /// Replies that brought data.
    pub(crate) data: usize,
    /// Requests that the server refused.
    pub(crate) refused: usize,
}

fn play(data: &[u8]) -> Seen {
    let mut input = Bytes::new(data);
    let choice = input.u8();
    let meter = Meter::start();
    let mut world = World::new(choice);
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
    world.end();
    let most = MOST_MEMORY + world::most_memory(&limits()) + 128 * data.len();
    assert!(meter.peak() <= most, "{} bytes held, {most} allowed", meter.peak());
    world.caller.seen
}

fn limits() -> server::Limits {
    server::Limits {
        max_transfer: 65_536,
        opens: 8,
        read_ahead: 4096,
        write_backlog: 65_536,
        ..server::Limits::default()
    }
}

fn config(choice: u8) -> Config {
    let (dialect, signing) = match choice & 7 {
        0 => (Dialect::Smb202, SigningAlgorithm::HmacSha256),
        1 => (Dialect::Smb210, SigningAlgorithm::HmacSha256),
        2 => (Dialect::Smb302, SigningAlgorithm::AesCmac),
        3 => (Dialect::Smb311, SigningAlgorithm::HmacSha256),
        4 => (Dialect::Smb311, SigningAlgorithm::AesCmac),
        _ => (Dialect::Smb311, SigningAlgorithm::AesGmac),
    };
    let cipher = [Cipher::Aes128Ccm, Cipher::Aes256Ccm, Cipher::Aes128Gcm, Cipher::Aes256Gcm];
    let encrypts = dialect >= Dialect::Smb300 && choice & 0x20 != 0;
    Config {
        max_dialect: dialect,
        signing: vec![signing],
        encryption: if encrypts { Encryption::Required } else { Encryption::WhenAsked },
        ciphers: vec![cipher[usize::from(choice >> 3 & 3)]],
        limits: Limits { max_transfer: 65_536, credits: 16, ..Limits::default() },
        ..Config::new("server", crate::peer::credentials())
    }
}

/// Client, server, and somebody between.
struct World {
    caller: Caller,
    server: Server,
    tap: Tap,
    newest: bool,
    /// Messages on their way to the client, as the server sent them.
    under_way: VecDeque<Vec<u8>>,
    /// Messages that were there already, and requests, newest last.
    past: VecDeque<Vec<u8>>,
    requests: VecDeque<Vec<u8>>,
    /// What came from the server and is not a whole message yet.
    received: Vec<u8>,
    /// A change to the next message of the client's.
    change: Option<(u16, u8)>,
}

impl World {
    fn new(choice: u8) -> Self {
        let config = config(choice);
        let newest = config.max_dialect == Dialect::Smb311;
        let offer = server::Config { limits: limits(), ..world::config() };
        let mut world = Self {
            caller: Caller::new(config),
            server: Server::new(offer, vec![PipeMode::Message.into()]),
            tap: Tap::default(),
            newest,
            under_way: VecDeque::new(),
            past: VecDeque::new(),
            requests: VecDeque::new(),
            received: Vec::new(),
            change: None,
        };
        world.move_requests();
        world
    }

    fn step(&mut self, input: &mut Bytes<'_>) {
        let choice = input.u8() % 32;
        let which = if matches!(choice, 16..=25) { input.u8() } else { 0 };
        match choice {
            0..=9 => self.caller.ask(choice, input),
            10..=15 => self.deliver_all(),
            16 => {
                if let Some(message) = self.taken(which) {
                    self.deliver(&message);
                }
            }
            17 => drop(self.taken(which)),
            18 | 19 => {
                if let Some(original) = self.taken(which) {
                    let changed = change(original.clone(), choice, input);
                    self.deliver_foreign(&changed, Some(&original));
                }
            }
            20 | 21 => {
                // The same by somebody who knows the keys: inside, what was changed is in order.
                if let Some(original) = self.taken(which) {
                    let sealed = original.starts_with(b"\xFDSMB");
                    let changed = change(self.tap.open(&original), choice, input);
                    self.lie(changed, sealed);
                }
            }
            22 => {
                if let Some(message) = nth(&self.past, which).cloned() {
                    self.deliver_foreign(&message, None);
                }
            }
            23 => {
                if let Some(message) = nth(&self.requests, which).cloned() {
                    self.deliver_foreign(&message, None);
                }
            }
            24 => {
                // An answer that the server never gave, to a request of the client's.
                let sealed = which & 0x80 != 0;
                let Some(request) = nth(&self.requests, which & 0x7F).cloned() else { return };
                let reply = self.invented(&request, input);
                self.lie(reply, sealed);
            }
            25 => {
                let Some(message) = self.taken(which) else { return };
                for piece in frame(&message).chunks(1 + usize::from(input.u8())) {
                    self.caller.receive(piece);
                }
                self.caller.look();
            }
            26 => {
                // Two messages in one frame. Whoever signs them has to have the keys.
                let (Some(first), Some(second)) = (self.taken(0), self.taken(0)) else { return };
                let sealed = first.starts_with(b"\xFDSMB");
                let (mut first, second) = (self.tap.open(&first), self.tap.open(&second));
                if first.len() >= 64 && second.len() >= 64 {
                    first.resize(first.len().next_multiple_of(8), 0);
                    let length = first.len() as u32;
                    first[20..24].copy_from_slice(&length.to_le_bytes());
                    first.extend_from_slice(&second);
                    self.lie(first, sealed);
                }
            }
            27 => {
                let framed = input.u8() & 1 == 0;
                let bytes = input.block();
                if framed {
                    self.deliver_foreign(bytes, None);
                } else if !bytes.is_empty() {
                    self.caller.lose_track();
                    self.caller.receive(bytes);
                    self.caller.look();
                }
            }
            28 => {
                let (how, which) = (input.u8(), input.u8());
                match (how % 5, self.server.nth_opened(which)) {
                    (0, _) => self.server.answer_open(which, open_result(how >> 4)),
                    (1, Some(open)) => self.server.feed(ServerInput::Closed { open }),
                    (2, Some(open)) => self.server.feed(ServerInput::Disconnected { open }),
                    (3, Some(open)) => self.server.feed(ServerInput::Lost { open }),
                    (4, _) => self.server.answer_wait(how & 0x10 == 0),
                    _ => {}
                }
            }
            29 => {
                let time = Duration::from_millis(u64::from(input.u16()));
                self.server.pass(time);
                self.caller.pass(time);
            }
            30 => self.change = Some((input.u16(), input.u8())),
            _ => {
                if input.u8() == 0xFF {
                    self.caller.hang_up();
                }
            }
        }
        self.move_requests();
    }

    /// The message on its way that a byte of the input means.
    fn taken(&mut self, which: u8) -> Option<Vec<u8>> {
        let place = usize::from(which) % self.under_way.len().max(1);
        self.under_way.remove(place)
    }

    /// The client gets a message as the server sent it.
    fn deliver(&mut self, message: &[u8]) {
        self.caller.receive(&frame(message));
        self.caller.look();
        remember(&mut self.past, message);
    }

    fn deliver_all(&mut self) {
        while let Some(message) = self.under_way.pop_front() {
            self.deliver(&message);
            self.move_requests();
        }
    }

    /// The client gets a message that the server did not send, or not now, from somebody without keys.
    fn deliver_foreign(&mut self, message: &[u8], original: Option<&[u8]>) {
        if original == Some(message) {
            return self.deliver(message);
        }
        // An empty frame is a keep-alive, which changes nothing.
        if message.is_empty() {
            self.caller.receive(&frame(message));
            return self.caller.look();
        }
        // Before 3.1.1, nothing vouches for the first messages as they pass.
        let early = matches!(original, Some(original)
            if matches!(number(original, 12, 2), 0 | 1) && number(original, 8, 4) != 0
                || number(original, 12, 2) == 0);
        if self.newest || !early {
            self.caller.receive_foreign(&frame(message));
        } else {
            self.caller.receive(&frame(message));
            self.caller.look();
        }
    }

    /// The client gets a message that the server did not send, from somebody with the keys.
    fn lie(&mut self, message: Vec<u8>, sealed: bool) {
        if self.tap.has_keys() {
            self.caller.is_lied_to();
            let message = self.tap.protect(message, sealed);
            self.caller.receive(&frame(&message));
            self.caller.look();
        }
    }

    /// A reply to this request, with the status and body that the input says.
    fn invented(&self, request: &[u8], input: &mut Bytes<'_>) -> Vec<u8> {
        let mut reply = request.get(..64).unwrap_or(&[0; 64]).to_vec();
        reply[8..12].copy_from_slice(&input.u32().to_le_bytes());
        reply[14] = input.u8();
        reply[16] = 1 | input.u8() & 2;
        reply[20..24].fill(0);
        reply[40..48].copy_from_slice(&self.tap.session().to_le_bytes());
        reply.extend_from_slice(input.block());
        reply
    }

    /// What the client has sent goes to the server, whose services answer; what the server sends in turn is
    /// on its way.
    fn move_requests(&mut self) {
        for mut message in self.caller.sent() {
            self.tap.request(&message);
            remember(&mut self.requests, &message);
            if let Some((place, change)) = self.change.take()
                && change != 0
            {
                let place = usize::from(place) % message.len();
                message[place] ^= change;
                self.caller.was_changed(self.newest);
            }
            self.server.feed(ServerInput::Received(&frame(&message)));
            self.collect();
        }
        self.serve();
        self.collect();
    }

    /// The services answer whatever they get with as many bytes of the same kind.
    fn serve(&mut self) {
        while !self.server.opening.is_empty() {
            self.server.answer_open(0, Ok(()));
        }
        while let Some((open, bytes)) = self.server.answer_write(Ok(())) {
            if let (Some(first), Some(fill)) = (bytes.first(), self.server.opened.get_mut(&open)) {
                assert!(bytes.iter().all(|byte| byte == first), "two callers' bytes in one message");
                assert!(*fill == 0 || fill == first, "bytes of another caller's open");
                *fill = *first;
            }
            self.server.write(open, &bytes);
        }
    }

    fn collect(&mut self) {
        self.received.extend_from_slice(&self.server.flush());
        while let Some((length, rest)) = self.received.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let message = rest.get(..length).expect("frames are sent whole").to_vec();
            self.received.drain(..4 + length);
            self.tap.reply(&message);
            self.under_way.push_back(message);
        }
    }

    /// The connection ends, and every request with it.
    fn end(&mut self) {
        self.caller.hang_up();
        self.caller.check_end();
    }
}

fn nth(messages: &VecDeque<Vec<u8>>, which: u8) -> Option<&Vec<u8>> {
    // 0 is the newest: most inputs mean that.
    let place = usize::from(which) % messages.len().max(1);
    messages.iter().rev().nth(place)
}

fn remember(messages: &mut VecDeque<Vec<u8>>, message: &[u8]) {
    if messages.len() == REMEMBERED {
        messages.pop_front();
    }
    messages.push_back(message.to_vec());
}

/// A message with some bytes changed, or its end cut off or replaced.
fn change(mut message: Vec<u8>, choice: u8, input: &mut Bytes<'_>) -> Vec<u8> {
    if choice & 1 == 0 {
        for _ in 0..=input.u8() % 3 {
            let (place, change) = (usize::from(input.u16()), input.u8());
            let place = place % message.len().max(1);
            if let Some(byte) = message.get_mut(place) {
                *byte ^= change;
            }
        }
    } else {
        message.truncate(usize::from(input.u16()));
        message.extend_from_slice(input.block());
    }
    message
}

#[cfg(test)]
mod tests {
    use standpipe_smb::client::ConnectionError;

    use super::*;

    const HANDSHAKE: [u8; 1] = [10];
    const OPEN: [u8; 3] = [0, 0, 10];
    const CALL: [u8; 6] = [2, 0, 7, 0, 100, 0];

    fn seen(choice: u8, steps: &[&[u8]]) -> Seen {
        play(&[&[choice], &steps.concat()[..]].concat())
    }

    #[test]
    fn a_call_is_answered_on_any_terms() {
        for choice in 0..64 {
            let seen = seen(choice, &[&HANDSHAKE, &OPEN, &CALL, &[10]]);
            assert!(seen.ready && seen.data == 1, "{choice}: {seen:?}");
        }
    }

    #[test]
    fn a_change_ends_the_connection_and_whoever_knows_the_keys_is_believed() {
        for choice in [0, 2, 3, 4, 5] {
            let changed = seen(choice, &[&HANDSHAKE, &OPEN, &CALL, &[18, 0, 0, 80, 0, 1]]);
            assert!(matches!(changed.closed, Some(ConnectionError::BadSignature)), "{changed:?}");
            assert_eq!(changed.data, 0);
            let lied = seen(choice, &[&HANDSHAKE, &OPEN, &CALL, &[20, 0, 0, 114, 0, 1]]);
            assert_eq!(lied.data, 1, "{choice}: {lied:?}");
        }
        let encrypted = seen(0x25, &[&HANDSHAKE, &OPEN, &CALL, &[18, 0, 0, 80, 0, 1]]);
        assert!(matches!(encrypted.closed, Some(ConnectionError::BadSignature)), "{encrypted:?}");
    }

    #[test]
    fn a_changed_log_on_does_not_get_ready() {
        for message in 0..3 {
            let honest: Vec<u8> = [16, 0].repeat(message);
            let seen = seen(5, &[&honest, &[18, 0, 0, 90, 0, 1], &HANDSHAKE]);
            assert!(!seen.ready && seen.closed.is_some(), "{message}: {seen:?}");
        }
    }

    #[test]
    fn an_invented_answer_is_taken_from_whoever_has_the_keys() {
        let status = 0xC000_0022_u32.to_le_bytes();
        let invent =
            [&[24, 0][..], &status, &[1, 0], &9_u16.to_le_bytes(), &[9, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        let seen = seen(5, &[&HANDSHAKE, &OPEN, &CALL, &invent]);
        assert_eq!(seen.refused, 1, "{seen:?}");
    }
}
