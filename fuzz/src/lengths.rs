//! Every length, offset and count that a client can send, with values that promise more than there is.
//!
//! Rather than name the fields, each place of each message is taken for one: two and four bytes of it are set
//! to what a length should never be. What the server allocates for a message is counted, and must be a small
//! multiple of what came in, whatever the message says.

use std::time::Duration;

use standpipe_smb::Dialect;
use standpipe_smb::crypto::{Cipher, SigningAlgorithm};
use standpipe_smb::server::{Input, PipeMode};

use crate::memory::Meter;
use crate::peer::{self, Client, Terms, frame};
use crate::shell::Server;
use crate::world;

/// The most that one message of a stranger makes the server allocate, in bytes, whatever it says: a few times
/// the longest frame that a stranger may send (`Limits::frame_before_logon`, 20 KiB).
const BEFORE_LOG_ON: usize = 8 * 1024;
/// The most that a stranger's connection holds at any time, in bytes: that, and what two log-ons leave
/// behind.
const STRANGER_HOLDS: usize = 32 * 1024;
/// The most that one short message of a user makes the server allocate, in bytes, when the service says
/// nothing. At times room for the requests that wait is doubled; about a hundred of them wait here, with 128
/// bytes each.
const AFTER_LOG_ON: usize = 20 * 1024;

/// What is put at each place of a message.
pub(crate) fn extremes(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let values: [&'static [u8]; 10] = [
        &[0xFF],
        &[0x84],
        &[0xFF; 2],
        &[0xFF, 0x7F],
        &[0, 0x80],
        &[0xFF; 4],
        &[0xFF, 0xFF, 0xFF, 0x7F],
        &[0, 0, 0, 0x80],
        &[0, 0, 0x10, 0],
        &[0; 4],
    ];
    (0..message.len()).flat_map(move |place| {
        values.into_iter().filter_map(move |value| {
            let mut changed = message.to_vec();
            changed.get_mut(place..place + value.len())?.copy_from_slice(value);
            Some(changed)
        })
    })
}

fn terms(dialect: Dialect, encrypted: bool) -> Terms {
    let cipher = encrypted.then_some(Cipher::Aes128Ccm);
    Terms { dialect, cipher, signing: SigningAlgorithm::AesGmac }
}

fn server() -> Server {
    Server::new(world::config(), vec![PipeMode::Message.into()])
}

/// How much the server allocates at most while it takes these bytes.
fn cost(server: &mut Server, bytes: &[u8]) -> usize {
    let meter = Meter::start();
    drop(server.exchange(bytes));
    meter.peak()
}

/// The frames of an honest log-on.
fn log_on(dialect: Dialect) -> Vec<Vec<u8>> {
    let (mut client, mut server, mut frames) = (Client::default(), server(), Vec::new());
    let exchange = |bytes: &[u8]| {
        frames.push(bytes.to_vec());
        server.exchange(bytes)
    };
    client.log_on(terms(dialect, dialect == Dialect::Smb311), exchange).expect("an honest client can log on");
    frames.truncate(3); // without the tree connect
    frames
}

#[test]
fn lengths_that_a_stranger_announces_cost_nothing() {
    for dialect in [Dialect::Smb202, Dialect::Smb302, Dialect::Smb311] {
        let frames = log_on(dialect);
        for (place, message) in frames.iter().enumerate() {
            for changed in extremes(message) {
                let mut server = server();
                for before in &frames[..place] {
                    server.exchange(before);
                }
                let cost = cost(&mut server, &changed);
                assert!(cost <= BEFORE_LOG_ON, "{dialect}, message {place}: {cost} bytes for {changed:02x?}");
            }
        }
    }
}

#[test]
fn an_announced_frame_costs_nothing_before_it_comes() {
    for (logged_on, announced) in
        [(false, 20 * 1024), (false, 0xFF_FFFF), (true, 0x10_FFFF), (true, 0xFF_FFFF)]
    {
        let (mut client, mut server) = (Client::default(), server());
        if logged_on {
            let terms = terms(Dialect::Smb311, false);
            client.log_on(terms, |frame| server.exchange(frame)).expect("an honest client can log on");
        }
        let [_, length @ ..] = u32::to_be_bytes(announced);
        let start = [&[0][..], &length, b"\xFESMB"].concat();
        let cost = cost(&mut server, &start);
        assert!(cost <= 4096, "{announced:#x} bytes announced, {cost} allocated");
        // Nor when it comes bit by bit, as long as it does not come.
        let meter = Meter::start();
        for _ in 0..100 {
            drop(server.exchange(&[0; 10]));
        }
        assert!(meter.peak() <= 8192, "{meter:?}");
    }
}

/// Over its whole life, and whatever it sends: a stranger's connection ends or holds little.
#[test]
fn a_strangers_connection_holds_little_at_any_time() {
    let frames = log_on(Dialect::Smb311);
    let first_setup = &frames[1];
    let longest = vec![0; 20 * 1024];
    let junk: [&[u8]; 4] = [first_setup, &frame(&longest), &frame(b"\xFFSMB"), &longest[..1000]];
    for (place, flood) in junk.into_iter().enumerate() {
        let meter = Meter::start();
        let mut server = server();
        let small = meter.held();
        drop(server.exchange(&frames[0]));
        for round in 0..2000_u64 {
            if server.closed {
                break;
            }
            let mut message = flood.to_vec();
            if message.len() > 36 {
                // The next message id, so that it is looked at.
                message[28..36].copy_from_slice(&(round + 1).to_le_bytes());
            }
            drop(server.exchange(&message));
            let held = meter.peak() - small;
            assert!(held <= STRANGER_HOLDS, "flood {place}, round {round}: {held} bytes held");
        }
        drop(server.exchange(&[]));
        server.pass(Duration::from_secs(46));
        assert!(server.closed, "a stranger is sent away in time");
    }
}

/// Every request of somebody who is logged on, signed and encrypted, with each place changed before it is.
#[test]
fn lengths_that_a_user_announces_cost_nothing() {
    let file = [0xFF; 16];
    let mut query = vec![0; 40];
    query[..8].copy_from_slice(&[41, 0, 1, 18, 0xFF, 0xFF, 0, 0]);
    let mut set = vec![0; 32];
    set[..9].copy_from_slice(&[33, 0, 1, 23, 8, 0, 0, 0, 96]);
    set.extend_from_slice(&[0; 8]);
    let mut wait = vec![0; 8];
    wait.extend_from_slice(&[12, 0, 0, 0, 1, 0]);
    wait.extend(world::PIPE.encode_utf16().flat_map(u16::to_le_bytes));
    // A CREATE with a context, MxAc, behind its name.
    let mut create = peer::create_body();
    create.extend_from_slice(&[0; 4]);
    create[48..52].copy_from_slice(&136_u32.to_le_bytes());
    create[52..56].copy_from_slice(&24_u32.to_le_bytes());
    create.extend_from_slice(&[0, 0, 0, 0, 16, 0, 4, 0, 0, 0, 24, 0, 0, 0, 0, 0]);
    create.extend_from_slice(b"MxAc\0\0\0\0");
    let requests: [(u16, Vec<u8>); 12] = [
        (peer::CREATE, create),
        (peer::READ, peer::read_body(file, 0xFFFF)),
        (peer::WRITE, peer::write_body(file, b"Hello")),
        (peer::IOCTL, peer::ioctl_body(0x0011_C017, file, 0xFFFF, b"Hello")),
        (peer::IOCTL, peer::ioctl_body(0x0011_400C, file, 0xFFFF, b"")),
        (peer::IOCTL, peer::ioctl_body(0x0011_0018, file, 0, &wait)),
        (peer::IOCTL, peer::ioctl_body(0x0014_0204, file, 24, &[0xFF; 24])),
        (peer::TREE_CONNECT, peer::tree_connect_body()),
        (peer::CLOSE, peer::close_body(file)),
        (16, query),
        (17, set),
        (peer::SESSION_SETUP, peer::session_setup_body(&peer::initiator().start(&[]).expect("a token").1)),
    ];
    for encrypted in [false, true] {
        for (command, body) in &requests {
            let mut pair = Pair::new(encrypted);
            for mut changed in extremes(body) {
                pair.renew_if_closed(encrypted);
                pair.put_file(*command, &mut changed);
                let message = pair.client.message(*command, &changed);
                pair.expect_little(&message);
            }
        }
    }
}

/// What chains requests, and what surrounds an encrypted message.
#[test]
fn chains_and_seals_cost_what_they_are_long() {
    let mut pair = Pair::new(false);
    for next in [1, 8, 63, 64, 72, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFF8, u32::MAX] {
        pair.renew_if_closed(false);
        let mut message = pair.client.unsigned(13, &[4, 0, 0, 0, 0, 0, 0, 0]);
        message[20..24].copy_from_slice(&next.to_le_bytes());
        message.extend_from_slice(&pair.client.unsigned(13, &[4, 0, 0, 0]));
        let message = pair.client.finish(message);
        pair.expect_little(&message);
    }
    let mut pair = Pair::new(true);
    let mut sealed = pair.client.message(13, &[4, 0, 0, 0]);
    let header = sealed[4..56].to_vec();
    for changed in extremes(&header) {
        pair.renew_if_closed(true);
        sealed[4..56].copy_from_slice(&changed);
        pair.expect_little(&sealed);
    }
}

/// A logged-on client with an open pipe, and its server.
struct Pair {
    client: Client,
    server: Server,
}

impl Pair {
    fn new(encrypted: bool) -> Self {
        let (mut client, mut server) = (Client::default(), server());
        let terms = terms(if encrypted { Dialect::Smb302 } else { Dialect::Smb311 }, encrypted);
        client.log_on(terms, |frame| server.exchange(frame)).expect("an honest client can log on");
        let mut pair = Self { client, server };
        let create = pair.client.message(peer::CREATE, &peer::create_body());
        pair.server.exchange(&create);
        pair.server.answer_open(0, Ok(()));
        let answer = pair.server.flush();
        pair.client.receive(&answer);
        assert_eq!(pair.client.files.len(), 1);
        pair
    }

    /// After a while, too, since a client gets no credits beyond what it was granted.
    fn renew_if_closed(&mut self, encrypted: bool) {
        if self.server.closed || self.client.message_id > 200 {
            *self = Self::new(encrypted);
        }
    }

    /// Puts the open's id where the body says "any".
    fn put_file(&self, command: u16, body: &mut [u8]) {
        let place = match command {
            peer::READ | peer::WRITE | 17 => 16,
            peer::CLOSE | peer::IOCTL => 8,
            16 => 24,
            _ => return,
        };
        if body[place..place + 16] == [0xFF; 16] {
            body[place..place + 16].copy_from_slice(&self.client.files[0]);
        }
    }

    fn expect_little(&mut self, message: &[u8]) {
        let cost = cost(&mut self.server, message);
        assert!(cost <= AFTER_LOG_ON, "{cost} bytes for {message:02x?}");
        // Whatever waits now is not what is tested.
        self.server.feed(Input::Timeout);
        while self.server.answer_write(Ok(())).is_some() {}
        self.server.answer_open(0, Ok(()));
        drop(self.server.flush());
    }
}
