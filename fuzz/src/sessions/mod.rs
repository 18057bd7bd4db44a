//! The server's connection with clients that keep to the protocol, and know what they are owed.

mod ledger;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use standpipe_smb::crypto::{Cipher, SigningAlgorithm};
use standpipe_smb::server::{Config, Input, Limits, OpenFailure, Pipe, PipeMode, ServiceEnd, WriteFailure};
use standpipe_smb::{Dialect, NtStatus};

use self::ledger::Ledger;
use self::requests::Draft;
use crate::bytes::Bytes;
use crate::memory::Meter;
use crate::peer::{self, Client, Terms, number};
use crate::shell::{Server, open_result, write_result};
use crate::world;

/// More steps than this find nothing new, and only take time.
const MAX_STEPS: usize = 400;

/// One connection with up to two sessions: opens, reads, writes, transceives, compounds related and not,
/// CANCEL, LOGOFF, time and what services do, as the input says; every request as a client may send it,
/// signed or encrypted.
///
/// Each request is answered once, by its own reply, rightly protected; what is read from a pipe was written
/// by its own service, and what a service gets was written by the client that has it open; nobody uses the
/// open of another session, and nobody opens a pipe that insists on encryption without it; no more credits
/// are given than the limit says, and never none; what the connection holds stays below what its limits add
/// up to; and once the services are gone, nothing is left without an answer.
///
/// # Panics
/// When that does not hold.
pub fn sessions(data: &[u8]) {
    let _ = play(data);
}

/// What was seen of the play.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Reads and transceives that brought data.
    pub(crate) data: usize,
    /// Requests that were announced before they were answered.
    pub(crate) interim: usize,
    /// Replies with `STATUS_CANCELLED`.
    pub(crate) cancelled: usize,
    /// Sessions that got valid.
    pub(crate) log_ons: usize,
    /// Replies with another status than success.
    pub(crate) refused: usize,
}

fn limits() -> Limits {
    Limits {
        max_transfer: 65_536,
        sessions: 3,
        trees: 3,
        opens: 8,
        credits: 64,
        pending: 24,
        waits: 4,
        compound: 6,
        read_ahead: 2048,
        write_backlog: 16 * 1024,
        ..Limits::default()
    }
}

fn config() -> Config {
    let config = world::config();
    let pipes = config.pipes.clone().into_iter().chain([
        Pipe { name: "stream".to_owned(), security_descriptor: None, ..config.pipes[0].clone() },
        Pipe { name: "sealed".to_owned(), require_encryption: true, ..config.pipes[0].clone() },
        Pipe {
            name: "closed".to_owned(),
            security_descriptor: Some("D:(A;;GRGW;;;BA)".parse().expect("SDDL")),
            ..config.pipes[0].clone()
        },
    ]);
    Config { pipes: pipes.collect(), limits: limits(), ..config }
}

/// The ends of the services behind these pipes: `stream` has the only descriptor of its pipe.
fn ends() -> Vec<ServiceEnd> {
    let message = ServiceEnd::from(PipeMode::Message);
    let descriptor = Some(Arc::new("D:(A;;GRGW;;;AU)".parse().expect("SDDL")));
    vec![message.clone(), ServiceEnd { mode: PipeMode::Byte, descriptor }, message.clone(), message]
}

fn play(data: &[u8]) -> Seen {
    let mut input = Bytes::new(data);
    let terms = terms(input.u8());
    let meter = Meter::start();
    let mut world = World::new(terms);
    for _ in 0..MAX_STEPS {
        if input.is_empty() || world.server.closed {
            break;
        }
        world.step(&mut input);
    }
    world.end();
    let most = world::most_memory(&limits()) + 64 * data.len();
    assert!(meter.peak() <= most, "{} bytes held, {most} allowed", meter.peak());
    world.ledger.seen
}

fn terms(choice: u8) -> Terms {
    let (dialect, signing) = match choice & 7 {
        0 => (Dialect::Smb202, SigningAlgorithm::HmacSha256),
        1 => (Dialect::Smb210, SigningAlgorithm::HmacSha256),
        2 => (Dialect::Smb302, SigningAlgorithm::AesCmac),
        3 => (Dialect::Smb311, SigningAlgorithm::HmacSha256),
        4 => (Dialect::Smb311, SigningAlgorithm::AesCmac),
        _ => (Dialect::Smb311, SigningAlgorithm::AesGmac),
    };
    let cipher = match (choice >> 3 & 7, dialect) {
        (0..4, _) | (_, Dialect::Smb202 | Dialect::Smb210) => None,
        (_, Dialect::Smb302) | (4, _) => Some(Cipher::Aes128Ccm),
        (5, _) => Some(Cipher::Aes256Ccm),
        (6, _) => Some(Cipher::Aes128Gcm),
        _ => Some(Cipher::Aes256Gcm),
    };
    Terms { dialect, cipher, signing }
}

/// The clients' session of a connection, its server and its services.
struct World {
    terms: Terms,
    server: Server,
    sessions: Vec<Client>,
    ledger: Ledger,
    /// What the server said in its answer to NEGOTIATE.
    hint: Vec<u8>,
    /// The connection's part of the pre-authentication hash.
    preauth: Option<standpipe_smb::crypto::PreauthHash>,
    /// A compound being put together, and how many requests it is still to get.
    compound: Vec<Draft>,
    missing: u8,
    /// Whether the server was told to stop, so that nobody can log on any more.
    draining: bool,
    /// What came in and is not a whole frame yet.
    received: Vec<u8>,
}

impl World {
    fn new(terms: Terms) -> Self {
        let mut server = Server::new(config(), ends());
        let mut client = Client::default();
        let hint = client.negotiate(terms, |frame| server.exchange(frame)).expect("NEGOTIATE is answered");
        let mut world = Self {
            terms,
            server,
            sessions: Vec::new(),
            ledger: Ledger::new(client.message_id),
            hint,
            preauth: client.preauth.clone(),
            compound: Vec::new(),
            missing: 0,
            draining: false,
            received: Vec::new(),
        };
        world.log_on();
        assert_eq!(world.sessions.len(), 1, "an honest client can log on");
        world
    }

    /// A log-on and a tree connect, if the connection has a session to spare.
    fn log_on(&mut self) {
        if self.sessions.len() == 2 || self.draining || !self.ledger.is_quiet() {
            return;
        }
        let mut client = Client::default();
        client.preauth.clone_from(&self.preauth);
        client.message_id = self.ledger.next_id();
        let Self { server, terms, hint, ledger, .. } = self;
        let mut exchange = |frame: &[u8]| {
            let answer = server.exchange(frame);
            ledger.credit(&answer);
            answer
        };
        let valid = client.set_up(*terms, hint, &mut exchange);
        let connected = valid.and_then(|()| client.connect_tree(exchange));
        self.ledger.used_up_to(client.message_id);
        if connected.is_some() {
            self.ledger.seen.log_ons += 1;
            self.sessions.push(client);
        } else {
            assert!(self.server.closed, "an honest log-on was refused");
        }
    }

    /// One thing that a client, a service or the time does.
    fn step(&mut self, input: &mut Bytes<'_>) {
        match input.u8() % 24 {
            0 => self.server.answer_open(input.u8(), Ok(())),
            1 => {
                let (which, result) = (input.u8(), open_result(input.u8()));
                self.server.answer_open(which, result);
            }
            2 | 3 => self.take_write(Ok(())),
            4 => {
                let result = write_result(input.u8());
                self.take_write(result);
            }
            5 | 6 => {
                let (which, length) = (input.u8(), usize::from(input.u16()) % 5000);
                if let Some(open) = self.server.nth_opened(which) {
                    let fill = self.server.opened[&open];
                    self.server.write(open, &vec![fill; length]);
                }
            }
            7 => {
                let (which, how) = (input.u8(), input.u8());
                if let Some(open) = self.server.nth_opened(which) {
                    self.server.feed(match how % 3 {
                        0 => Input::Closed { open },
                        1 => Input::Disconnected { open },
                        _ => Input::Lost { open },
                    });
                }
            }
            8 => self.server.answer_wait(input.u8() & 1 == 0),
            9 => self.server.pass(Duration::from_millis(u64::from(input.u8()))),
            10 => self.log_on(),
            11 => {
                self.send_compound();
                self.missing = 1 + input.u8() % 5;
            }
            12 => {
                if input.u8() == 0xFF {
                    self.draining = true;
                    self.server.feed(Input::Drain);
                }
            }
            _ => {
                if let Some(draft) = requests::draw(input, &self.sessions, &mut self.ledger) {
                    self.add(draft);
                }
            }
        }
        self.collect();
    }

    /// A service takes the oldest write. It knows from then on whose pipe it serves.
    fn take_write(&mut self, result: Result<(), WriteFailure>) {
        let taken = self.server.answer_write(result);
        if let (Some((open, bytes)), Ok(())) = (taken, result)
            && let Some(first) = bytes.first()
        {
            assert!(bytes.iter().all(|byte| byte == first), "two clients' bytes in one message");
            if let Some(fill) = self.server.opened.get_mut(&open) {
                assert!(*fill == 0 || fill == first, "bytes of another client's open");
                *fill = *first;
            }
            // 0 names nobody: those write it for whom no name was left, and services have it that got nothing
            // yet.
            let named = self.server.opened.values().filter(|fill| *fill == first && **fill != 0);
            assert!(named.count() <= 1, "one client's open at two services");
        }
    }

    fn add(&mut self, draft: Draft) {
        // Requests that are encrypted together belong to one session.
        let fits = self.compound.first().is_none_or(|first| {
            self.sessions[first.session].encryption.is_none() || first.session == draft.session
        });
        if !fits {
            self.send_compound();
        }
        self.compound.push(draft);
        self.missing = self.missing.saturating_sub(1);
        if self.missing == 0 {
            self.send_compound();
        }
    }

    /// Sends what was put together as one message.
    fn send_compound(&mut self) {
        self.missing = 0;
        let drafts = std::mem::take(&mut self.compound);
        let Some(first) = drafts.first().map(|draft| draft.session) else { return };
        let last = drafts.len() - 1;
        let mut message = Vec::new();
        let mut previous = None;
        for (place, draft) in drafts.into_iter().enumerate() {
            let Some(mut element) = self.ledger.enter(draft, &mut self.sessions, previous.as_ref()) else {
                break; // no credits left; what there is goes out
            };
            if place < last {
                element.bytes.resize(element.bytes.len().next_multiple_of(8), 0);
                let length = element.bytes.len() as u32;
                element.bytes[20..24].copy_from_slice(&length.to_le_bytes());
            }
            message.push(element.bytes.clone());
            // What a CANCEL says is inherited by nobody, unless it stands first.
            if !element.cancels || previous.is_none() {
                previous = Some(element);
            }
        }
        // The last one that fitted is the last.
        if let Some(last) = message.last_mut() {
            last[20..24].copy_from_slice(&[0; 4]);
        }
        let client = &mut self.sessions[first];
        if client.encryption.is_none() {
            for element in &mut message {
                let session = number(element, 40, 8);
                // A related element is signed as what it inherits says.
                let signer = self.sessions.iter().find(|client| client.session == session);
                if let Some(key) = signer.and_then(|client| client.signing.as_ref()) {
                    key.sign(element, standpipe_smb::crypto::Sender::Client);
                }
            }
        }
        let mut message = message.concat();
        if message.is_empty() {
            return;
        }
        if let Some((sealer, _)) = &mut self.sessions[first].encryption {
            sealer.seal(&mut message, 0).expect("there are nonces enough");
        }
        self.server.feed(Input::Received(&peer::frame(&message)));
    }

    /// Takes what the server sent, and holds it against what it owes.
    fn collect(&mut self) {
        let sent = self.server.flush();
        self.received.extend_from_slice(&sent);
        while let Some((length, rest)) = self.received.split_first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            let mut message = rest.get(..length).expect("frames are sent whole").to_vec();
            self.received.drain(..4 + length);
            self.ledger.settle(&mut message, &self.sessions);
        }
        self.ledger.check_credits(limits().credits);
    }

    /// Everything comes to its end, and every request to its answer.
    fn end(&mut self) {
        self.send_compound();
        self.collect();
        while !self.server.closed {
            let before = self.ledger.outstanding();
            while !self.server.opening.is_empty() {
                self.server.answer_open(0, Err(OpenFailure::NotListening));
            }
            while !self.server.writes.is_empty() {
                self.take_write(Err(WriteFailure::Gone));
            }
            while !self.server.waits.is_empty() {
                self.server.answer_wait(false);
            }
            for open in self.server.opened.clone().into_keys() {
                self.server.feed(Input::Closed { open });
            }
            self.server.pass(Duration::from_millis(10));
            self.collect();
            if self.ledger.outstanding() == before && self.server.opening.is_empty() {
                break;
            }
        }
        if !self.server.closed {
            assert_eq!(self.ledger.outstanding(), 0, "requests without an answer: {:?}", self.ledger);
        }
    }
}

/// Statuses that may come without a signature: there is no key, or this is not the reply yet.
fn may_be_plain(status: NtStatus) -> bool {
    [NtStatus::PENDING, NtStatus::USER_SESSION_DELETED].contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a pipe whose backend takes it, in a session.
    const OPEN: [u8; 6] = [13, 0, 0, 0, 0, 0];

    fn seen(terms: u8, steps: &[&[u8]]) -> Seen {
        play(&[&[terms], &steps.concat()[..]].concat())
    }

    #[test]
    fn a_call_goes_there_and_back_on_any_terms() {
        for terms in 0..64 {
            let write = [13, 5, 0, 5, 0];
            let seen = seen(terms, &[&OPEN, &write, &[2, 5, 0, 7, 0], &[13, 9, 0, 0, 1]]);
            assert_eq!((seen.data, seen.log_ons), (1, 1), "{terms}: {seen:?}");
        }
    }

    #[test]
    fn a_request_that_waits_is_announced_and_cancelled() {
        let read = [13, 9, 0, 0, 1];
        let seen = seen(5, &[&OPEN, &read, &[9, 50], &[13, 25, 0]]);
        assert_eq!((seen.interim, seen.cancelled), (1, 1), "{seen:?}");
    }

    #[test]
    fn a_second_session_has_no_part_in_the_first_ones_opens() {
        for terms in [5, 5 + 6 * 8] {
            let write = [13, 5, 0x80, 5, 0];
            let seen = seen(terms, &[&OPEN, &[10], &write, &[2]]);
            assert_eq!((seen.log_ons, seen.refused), (2, 1), "{seen:?}");
        }
    }

    #[test]
    fn a_pipe_that_insists_on_encryption_is_closed_to_others() {
        let open = [13, 0, 0, 3, 0, 0];
        let write = [13, 5, 0, 5, 0];
        let steps: [&[u8]; 4] = [&open, &write, &[2, 5, 0, 7, 0], &[13, 9, 0, 0, 1]];
        assert_eq!(seen(5, &steps).data, 0);
        assert_eq!(seen(5 + 6 * 8, &steps).data, 1);
    }

    #[test]
    fn a_compound_opens_writes_reads_and_closes() {
        let steps: [&[u8]; 7] = [
            &[11, 3],
            &[13, 0x00, 0, 0],
            &[13, 0x85, 0, 9, 0],
            &[13, 0x89, 0, 0, 1],
            &[13, 0x93, 0],
            &[0, 0],
            &[2],
        ];
        for terms in [0, 5, 5 + 6 * 8] {
            let seen = seen(terms, &steps);
            assert_eq!(seen.log_ons, 1);
            assert!(seen.refused > 0, "a read may not wait within a compound: {seen:?}");
        }
    }
}
