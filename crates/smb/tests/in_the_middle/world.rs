//! A client that calls a pipe, a server with a service behind it, and an attacker between them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use standpipe_security::{Account, AccountSet, NtHash, Sid, well_known};
use standpipe_smb::auth::ServerNames;
use standpipe_smb::auth::client::Credentials;
use standpipe_smb::client::{
    self, ConnectionError, Event, OpenPipe, READ_WRITE, Ready, Reply, RequestError, RequestId,
};
use standpipe_smb::server::{self, DisconnectReason, Input, Now, Output, Pipe, PipeMode};
use standpipe_smb::wire::Command;
use standpipe_smb::{Dialect, FileTime};

const USER: &str = "serviceUser";
const PASSWORD: &str = "correct horse";
const WALL: FileTime = FileTime(133_500_000_000_000_000);
/// What the client asks the service.
pub(crate) const REQUEST: &[u8] = b"pay Mallory nothing";

/// Whose message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Client,
    Server,
}

/// A message that arrives: it seems to come from `from`.
pub(crate) struct Sent {
    pub(crate) from: From,
    pub(crate) bytes: Vec<u8>,
}

/// What became of a call under attack.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) ready: Option<Ready>,
    /// Why the client ended the connection.
    pub(crate) error: Option<ConnectionError>,
    /// Why the server did.
    pub(crate) disconnect: Option<DisconnectReason>,
    /// How the call, or the open before it, ended.
    pub(crate) result: Option<Result<Reply, RequestError>>,
    /// How often the service was asked to take an open.
    pub(crate) opens: usize,
    /// What the service got to see.
    pub(crate) reached: Vec<Vec<u8>>,
    /// Messages that were signed or encrypted, and all after the log-on.
    pub(crate) protected: usize,
    pub(crate) after_log_on: usize,
}

impl Outcome {
    /// The client gave up before it was ready, and nothing was opened.
    #[track_caller]
    pub(crate) fn failed(&self) -> ConnectionError {
        assert_eq!(self.ready, None, "{self:?}");
        assert!(self.reached.is_empty() && self.opens == 0, "{self:?}");
        self.error.unwrap_or_else(|| panic!("the attack went unnoticed: {self:?}"))
    }

    /// The call was answered by the service, once.
    #[track_caller]
    pub(crate) fn went_well(&self) {
        let turned: Vec<u8> = REQUEST.iter().rev().copied().collect();
        assert!(matches!(&self.result, Some(Ok(Reply::Data(data))) if data.bytes == turned), "{self:?}");
        assert_eq!(self.reached, [REQUEST], "{self:?}");
        assert_eq!(self.protected, self.after_log_on, "{self:?}");
    }
}

pub(crate) fn client_config(dialect: Dialect) -> client::Config {
    client::Config {
        max_dialect: dialect,
        ..client::Config::new("server", Credentials::from_password(USER, "", PASSWORD))
    }
}

pub(crate) fn server_config() -> server::Config {
    let mut accounts = AccountSet::new();
    let account = Account {
        name: USER.parse().expect("a name"),
        sid: Sid::new(5, &[21, 1, 2, 3, 1001]).expect("a SID"),
        nt_hash: NtHash::of_password(PASSWORD),
        groups: vec![well_known::BUILTIN_USERS],
        enabled: true,
    };
    accounts.add(account).expect("the only account");
    let name = || "server".to_owned();
    server::Config {
        names: ServerNames {
            netbios_computer: name(),
            netbios_domain: name(),
            dns_computer: name(),
            dns_domain: name(),
        },
        guid: [5; 16],
        pipes: vec![Pipe {
            name: "simple".to_owned(),
            mode: PipeMode::Message,
            security_descriptor: "D:(A;;GRGW;;;AU)".parse().expect("an ACL"),
            max_instances: None,
            require_encryption: false,
        }],
        accounts: Arc::new(accounts),
        require_signing: true,
        session_lifetime: None,
        encryption: server::Encryption::Offered,
        min_dialect: Dialect::Smb202,
        max_dialect: Dialect::Smb311,
        limits: server::Limits::default(),
    }
}

/// Opens the pipe and calls it, with this attacker between: it is given every message and says what arrives instead.
pub(crate) fn attacked(
    client: client::Config,
    server: server::Config,
    attack: impl FnMut(From, Vec<u8>) -> Vec<Sent>,
) -> Outcome {
    let now = Now { monotonic: Duration::ZERO, wall: WALL };
    let mut world = World {
        client: client::Connection::new(client, [1; 32], Duration::ZERO, WALL),
        server: server::Connection::new(Arc::new(server), [2; 32], now),
        under_way: VecDeque::new(),
        opening: None,
        calling: None,
        server_is_gone: false,
        outcome: Outcome::default(),
    };
    world.opening = Some(world.client.open("simple", READ_WRITE));
    world.run(attack);
    world.outcome
}

/// The same between a client and a server as they are by default, on a dialect.
pub(crate) fn attacked_on(dialect: Dialect, attack: impl FnMut(From, Vec<u8>) -> Vec<Sent>) -> Outcome {
    attacked(client_config(dialect), server_config(), attack)
}

/// An attacker who changes messages of one command and side, and lets all others pass.
pub(crate) fn changing(
    side: From,
    command: Command,
    mut change: impl FnMut(&mut Vec<u8>),
) -> impl FnMut(From, Vec<u8>) -> Vec<Sent> {
    move |from, mut bytes| {
        if from == side && command_of(&bytes) == Some(command) {
            change(&mut bytes);
        }
        pass(from, bytes)
    }
}

pub(crate) fn pass(from: From, bytes: Vec<u8>) -> Vec<Sent> {
    vec![Sent { from, bytes }]
}

/// The command of a message that can be read.
pub(crate) fn command_of(message: &[u8]) -> Option<Command> {
    (message.starts_with(b"\xFESMB") && message.len() >= 64)
        .then(|| Command(u16::from_le_bytes([message[12], message[13]])))
}

struct World {
    client: client::Connection,
    server: server::Connection,
    under_way: VecDeque<Sent>,
    opening: Option<RequestId>,
    calling: Option<RequestId>,
    server_is_gone: bool,
    outcome: Outcome,
}

impl World {
    fn run(&mut self, mut attack: impl FnMut(From, Vec<u8>) -> Vec<Sent>) {
        // An attacker who repeats what it gets would go on for ever.
        for _ in 0..200 {
            let mut bytes = vec![];
            if self.client.take_transmit(&mut bytes) {
                for message in split(&bytes) {
                    self.count(&message);
                    self.under_way.extend(attack(From::Client, message));
                }
            }
            self.serve();
            let mut bytes = vec![];
            if self.server.take_transmit(&mut bytes) {
                for message in split(&bytes) {
                    self.under_way.extend(attack(From::Server, message));
                }
            }
            let Some(sent) = self.under_way.pop_front() else {
                if !self.server_is_gone {
                    break;
                }
                self.server_is_gone = false;
                self.client.handle(Duration::ZERO, client::Input::Disconnected);
                self.look();
                continue;
            };
            let bytes = framed(&sent.bytes);
            match sent.from {
                From::Client => self.tell(Input::Received(&bytes)),
                From::Server => self.client.handle(Duration::ZERO, client::Input::Received(&bytes)),
            }
            self.look();
        }
    }

    fn tell(&mut self, input: Input<'_>) {
        self.server.handle(Now { monotonic: Duration::ZERO, wall: WALL }, input);
    }

    /// Whether the client protects what it sends once it can.
    fn count(&mut self, message: &[u8]) {
        let early = [Command::NEGOTIATE, Command::SESSION_SETUP];
        if command_of(message).is_some_and(|command| early.contains(&command)) {
            return;
        }
        self.outcome.after_log_on += 1;
        let is_signed = message[16] & 8 != 0;
        self.outcome.protected += usize::from(message.starts_with(b"\xFDSMB") || is_signed);
    }

    /// The service turns around what it gets.
    fn serve(&mut self) {
        while let Some(output) = self.server.poll_output() {
            match output {
                Output::Open { open, .. } => {
                    self.outcome.opens += 1;
                    self.tell(Input::Opened { open, result: Ok(()) });
                }
                Output::Write { open, bytes } => {
                    self.tell(Input::Written { open, result: Ok(()) });
                    let turned: Vec<u8> = bytes.iter().rev().copied().collect();
                    self.outcome.reached.push(bytes);
                    self.tell(Input::Data { open, bytes: &turned });
                }
                Output::Disconnect(reason) => {
                    self.outcome.disconnect = Some(reason);
                    self.server_is_gone = true;
                }
                _ => {}
            }
        }
    }

    fn look(&mut self) {
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::Ready(ready) => self.outcome.ready = Some(ready),
                Event::Closed(error) => self.outcome.error = Some(error),
                Event::Completed { request, result } if self.opening == Some(request) => {
                    if let Ok(Reply::Opened(pipe)) = result {
                        self.call(pipe);
                    } else {
                        self.outcome.result = Some(result);
                    }
                }
                Event::Completed { request, result } if self.calling == Some(request) => {
                    let before = self.outcome.result.replace(result);
                    assert_eq!(before, None, "ended twice");
                }
                Event::Completed { .. } => {}
            }
        }
    }

    fn call(&mut self, pipe: OpenPipe) {
        self.calling = Some(self.client.transceive(pipe, REQUEST, 100));
        // Something else under way at the same time.
        self.client.echo();
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    [&length.to_be_bytes(), message].concat()
}

fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = vec![];
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (message, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        messages.push(message.to_vec());
        bytes = rest;
    }
    messages
}

#[test]
fn without_an_attack_every_call_goes_well() {
    for dialect in Dialect::ALL {
        attacked_on(dialect, pass).went_well();
    }
}
