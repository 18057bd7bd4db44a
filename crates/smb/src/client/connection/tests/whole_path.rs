//! This client against this server, with a service behind it that turns every message around.

use std::collections::BTreeMap;
use std::string::ToString;
use std::sync::Arc;

use standpipe_security::{Account, AccountSet, NtHash, well_known};

use super::*;
use crate::auth::ServerNames;
use crate::server::{self, OpenId, Output, Pipe, PipeMode};

const ACL: &str = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)";

pub(super) fn server_config() -> server::Config {
    let mut accounts = AccountSet::new();
    for (name, rid, group) in
        [(USER, 1001, well_known::BUILTIN_USERS), ("visitor", 1002, well_known::BUILTIN_GUESTS)]
    {
        let account = Account {
            name: name.parse().expect("a name"),
            sid: well_known_account(rid),
            nt_hash: NtHash::of_password(PASSWORD),
            groups: vec![group],
            enabled: true,
        };
        accounts.add(account).expect("names differ");
    }
    let pipe = |name: &str, mode| Pipe {
        name: name.to_string(),
        mode,
        security_descriptor: ACL.parse().expect("an ACL"),
        max_instances: None,
        require_encryption: false,
    };
    let name = || "server".to_string();
    server::Config {
        names: ServerNames {
            netbios_computer: name(),
            netbios_domain: name(),
            dns_computer: name(),
            dns_domain: name(),
        },
        guid: [5; 16],
        pipes: vec![pipe("simple", PipeMode::Message), pipe("stream", PipeMode::Byte)],
        accounts: Arc::new(accounts),
        require_signing: true,
        session_lifetime: None,
        encryption: server::Encryption::Offered,
        min_dialect: Dialect::Smb202,
        max_dialect: Dialect::Smb311,
        limits: server::Limits::default(),
    }
}

fn well_known_account(rid: u32) -> standpipe_security::Sid {
    standpipe_security::Sid::new(5, &[21, 1, 2, 3, rid]).expect("a SID")
}

/// Client, server and service.
pub(super) struct World {
    pub(super) client: Connection,
    server: server::Connection,
    pub(super) time: Duration,
    /// Whether the service answers what it is sent.
    answering: bool,
    pub(super) opened: Vec<OpenId>,
    pub(super) results: BTreeMap<RequestId, Result<Reply, RequestError>>,
    pub(super) closed: Option<ConnectionError>,
    pub(super) became_ready: Option<Ready>,
    /// Everything that went over the network, both ways, frame after frame.
    pub(super) seen: Vec<Vec<u8>>,
}

impl World {
    fn new(config: Config) -> World {
        World::between(config, server_config())
    }

    pub(super) fn between(config: Config, server_config: server::Config) -> World {
        let now = server::Now { monotonic: Duration::ZERO, wall: FileTime(133_000_000_000_000_000) };
        World {
            client: Connection::new(config, [1; 32], Duration::ZERO, now.wall),
            server: server::Connection::new(Arc::new(server_config), [2; 32], now),
            time: Duration::ZERO,
            answering: true,
            opened: vec![],
            results: BTreeMap::new(),
            closed: None,
            became_ready: None,
            seen: vec![],
        }
    }

    pub(super) fn tell(&mut self, input: server::Input<'_>) {
        let now = server::Now { monotonic: self.time, wall: FileTime(133_000_000_000_000_000) };
        self.server.handle(now, input);
    }

    /// Runs until nobody has anything to do.
    pub(super) fn run(&mut self) {
        loop {
            let (mut request, mut reply) = (vec![], vec![]);
            let asked = self.client.take_transmit(&mut request);
            if asked {
                self.see(&request);
                self.tell(server::Input::Received(&request));
            }
            let worked = self.serve();
            let answered = self.server.take_transmit(&mut reply);
            if answered {
                self.see(&reply);
                self.client.handle(self.time, Input::Received(&reply));
            }
            while let Some(event) = self.client.poll_event() {
                match event {
                    Event::Ready(ready) => self.became_ready = Some(ready),
                    Event::Completed { request, result } => {
                        assert!(self.results.insert(request, result).is_none(), "ended twice");
                    }
                    Event::Closed(error) => self.closed = Some(error),
                }
            }
            if !asked && !worked && !answered {
                return;
            }
        }
    }

    fn see(&mut self, mut bytes: &[u8]) {
        while let Some((prefix, rest)) = bytes.split_first_chunk() {
            let (message, rest) = rest.split_at(u32::from_be_bytes(*prefix) as usize);
            self.seen.push(message.to_vec());
            bytes = rest;
        }
    }

    /// Does what the server wants of the service.
    fn serve(&mut self) -> bool {
        let mut worked = false;
        while let Some(output) = self.server.poll_output() {
            worked = true;
            match output {
                Output::Open { open, .. } => {
                    self.opened.push(open);
                    self.tell(server::Input::Opened { open, result: Ok(()) });
                }
                Output::Write { open, bytes } => {
                    self.tell(server::Input::Written { open, result: Ok(()) });
                    if self.answering {
                        let turned: Vec<u8> = bytes.iter().rev().copied().collect();
                        self.tell(server::Input::Data { open, bytes: &turned });
                    }
                }
                Output::Wait { wait, .. } => self.tell(server::Input::Waited { wait, available: true }),
                _ => {}
            }
        }
        worked
    }

    pub(super) fn result(&mut self, request: RequestId) -> Result<Reply, RequestError> {
        self.run();
        self.results.remove(&request).unwrap_or_else(|| panic!("no result yet; closed: {:?}", self.closed))
    }

    pub(super) fn open(&mut self, name: &str) -> OpenPipe {
        let open = self.client.open(name, READ_WRITE);
        match self.result(open) {
            Ok(Reply::Opened(pipe)) => pipe,
            other => panic!("{other:?}"),
        }
    }
}

pub(super) fn whole(bytes: &[u8]) -> Reply {
    Reply::Data(Data { bytes: bytes.to_vec(), more: false })
}

fn part(bytes: &[u8]) -> Reply {
    Reply::Data(Data { bytes: bytes.to_vec(), more: true })
}

#[test]
fn calls_are_answered_in_every_dialect_and_with_every_signature() {
    let one = |dialect| Config { min_dialect: dialect, max_dialect: dialect, ..config() };
    let signed = |algorithm| Config { signing: vec![algorithm], ..config() };
    let configs = Dialect::ALL.into_iter().map(one).chain(SigningAlgorithm::ALL.into_iter().map(signed));
    for config in configs {
        let mut world = World::new(config.clone());
        let pipe = world.open("simple");
        let ready = world.became_ready.expect("ready before anything is answered");
        assert_eq!(ready.dialect, config.max_dialect);
        if config.signing.len() == 1 {
            assert_eq!(ready.signing, config.signing[0]);
        }
        let call = world.client.transceive(pipe, b"Standpipe", 100);
        assert_eq!(world.result(call), Ok(whole(b"epipdnatS")), "{config:?}");

        let write = world.client.write(pipe, b"abc");
        assert_eq!(world.result(write), Ok(Reply::Written(3)));
        let read = world.client.read(pipe, 100);
        assert_eq!(world.result(read), Ok(whole(b"cba")));
        for ask in [Connection::echo, Connection::log_off] {
            let request = ask(&mut world.client);
            assert_eq!(world.result(request), Ok(Reply::Done));
        }
        assert_eq!(world.closed, Some(ConnectionError::LoggedOff));
    }
}

#[test]
fn a_large_message_goes_through_in_one_piece() {
    let mut world = World::new(config());
    let pipe = world.open("simple");
    let message: Vec<u8> = (0..300_000u32).map(|number| number as u8).collect();
    let call = world.client.transceive(pipe, &message, 300_000);
    let turned: Vec<u8> = message.into_iter().rev().collect();
    assert_eq!(world.result(call), Ok(whole(&turned)));
}

#[test]
fn a_message_is_read_in_parts() {
    let mut world = World::new(config());
    let pipe = world.open("simple");
    let mode = world.client.set_read_mode(pipe, ReadMode::Message);
    assert_eq!(world.result(mode), Ok(Reply::Done));
    let call = world.client.transceive(pipe, b"123456", 2);
    assert_eq!(world.result(call), Ok(part(b"65")));
    let peek = world.client.peek(pipe, 1);
    let peeked = Peeked {
        available: 4,
        messages: 1,
        message_length: 4,
        data: Data { bytes: b"4".to_vec(), more: true },
    };
    assert_eq!(world.result(peek), Ok(Reply::Peeked(peeked)));
    let read = world.client.read(pipe, 3);
    assert_eq!(world.result(read), Ok(part(b"432")));
    let read = world.client.read(pipe, 3);
    assert_eq!(world.result(read), Ok(whole(b"1")));
}

#[test]
fn a_read_waits_until_the_service_writes_and_ends_when_it_closes() {
    let mut world = World::new(config());
    let pipe = world.open("simple");
    let read = world.client.read(pipe, 100);
    world.run();
    world.time += Duration::from_secs(1);
    world.tell(server::Input::Timeout);
    world.run();
    assert!(world.results.is_empty(), "it is pending");
    let open = world.opened[0];
    world.tell(server::Input::Data { open, bytes: b"at last" });
    assert_eq!(world.result(read), Ok(whole(b"at last")));

    let read = world.client.read(pipe, 100);
    world.run();
    world.tell(server::Input::Closed { open });
    assert_eq!(world.result(read), Ok(Reply::End));
}

#[test]
fn a_pending_read_is_cancelled() {
    let mut world = World::new(config());
    let pipe = world.open("simple");
    for wait in [false, true] {
        let read = world.client.read(pipe, 100);
        world.run();
        if wait {
            world.time += Duration::from_secs(1);
            world.tell(server::Input::Timeout);
            world.run();
        }
        world.client.cancel(read);
        assert_eq!(world.result(read), Err(RequestError::Refused(NtStatus::CANCELLED)));
    }
    let echo = world.client.echo();
    assert_eq!(world.result(echo), Ok(Reply::Done), "the connection goes on");
}

#[test]
fn closing_a_pipe_ends_its_reads() {
    let mut world = World::new(config());
    let pipe = world.open("simple");
    let read = world.client.read(pipe, 100);
    let close = world.client.close_pipe(pipe);
    assert_eq!(world.result(close), Ok(Reply::Done));
    assert_eq!(world.results.remove(&read), Some(Ok(Reply::End)));
    let late = world.client.read(pipe, 100);
    assert_eq!(world.result(late), Err(RequestError::Refused(NtStatus::FILE_CLOSED)));
}

#[test]
fn many_calls_at_once_keep_their_answers_apart() {
    let mut world = World::new(config());
    let pipes: Vec<_> = (0..50).map(|_| world.open("simple")).collect();
    world.answering = false;
    let calls: Vec<_> = pipes.iter().map(|pipe| world.client.transceive(*pipe, b"?", 100)).collect();
    world.run();
    for (number, open) in world.opened.clone().into_iter().enumerate().rev() {
        world.tell(server::Input::Data { open, bytes: &[number as u8] });
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(world.result(call), Ok(whole(&[number as u8])));
    }
}

#[test]
fn a_stream_is_read_as_bytes() {
    let mut world = World::new(config());
    let pipe = world.open("stream");
    for bytes in [b"ab", b"cd"] {
        let write = world.client.write(pipe, bytes);
        assert_eq!(world.result(write), Ok(Reply::Written(2)));
    }
    let read = world.client.read(pipe, 3);
    assert_eq!(world.result(read), Ok(whole(b"bad")));
    let read = world.client.read(pipe, 3);
    assert_eq!(world.result(read), Ok(whole(b"c")));
}

#[test]
fn refusals_have_the_status_that_windows_gives() {
    let refused = |status| Err(RequestError::Refused(status));
    let mut world = World::new(config());
    let missing = world.client.open("missing", READ_WRITE);
    assert_eq!(world.result(missing), refused(NtStatus::OBJECT_NAME_NOT_FOUND));
    let wait = world.client.wait("missing", Duration::from_secs(1));
    assert_eq!(world.result(wait), refused(NtStatus::OBJECT_NAME_NOT_FOUND));
    let wait = world.client.wait("simple", Duration::from_secs(1));
    assert_eq!(world.result(wait), Ok(Reply::Done));

    let guest = Credentials::from_password("visitor", "", PASSWORD);
    let mut world = World::new(Config::new("server", guest));
    let denied = world.client.open("simple", READ_WRITE);
    assert_eq!(world.result(denied), refused(NtStatus::ACCESS_DENIED));

    for (user, password) in [(USER, "guess"), ("nobody", PASSWORD)] {
        let mut world = World::new(Config::new("server", Credentials::from_password(user, "", password)));
        world.run();
        let expected = ConnectionError::Refused { stage: Stage::LogOn, status: NtStatus::LOGON_FAILURE };
        assert_eq!(world.closed, Some(expected), "{user}");
    }
}

#[test]
fn a_session_that_expires_ends_the_connection_and_what_met_it_was_not_done() {
    let lifetime = Duration::from_hours(1);
    let config = server::Config { session_lifetime: Some(lifetime), ..server_config() };
    let mut world = World::between(super::config(), config);
    world.answering = false;
    let pipe = world.open("simple");
    let read = world.client.read(pipe, 100);
    world.run();
    world.time += lifetime;
    let write = world.client.write(pipe, b"late");
    assert_eq!(world.result(write), Err(RequestError::Lost { sent: false }));
    assert_eq!(world.closed, Some(ConnectionError::SessionExpired));
    assert_eq!(world.result(read), Err(RequestError::Lost { sent: true }));
}
