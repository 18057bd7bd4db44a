//! A client that calls a pipe, a server with a service behind it, and an attacker between them.

use std::cell::RefCell;

pub(crate) use standpipe_pair::Side as From;
pub(crate) use standpipe_pair::server_config;
use standpipe_pair::{Pair, Service};
use standpipe_smb::Dialect;
use standpipe_smb::client::{self, ConnectionError, READ_WRITE, Ready, Reply, RequestError};
use standpipe_smb::server::{self, DisconnectReason};
use standpipe_smb::wire::Command;

/// What the client asks the service.
pub(crate) const REQUEST: &[u8] = b"pay Mallory nothing";

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

    /// Counts whether the client protects what it sends once it can.
    fn count(&mut self, message: &[u8]) {
        let early = [Command::NEGOTIATE, Command::SESSION_SETUP];
        if command_of(message).is_some_and(|command| early.contains(&command)) {
            return;
        }
        self.after_log_on += 1;
        let is_signed = message[16] & 8 != 0;
        self.protected += usize::from(message.starts_with(b"\xFDSMB") || is_signed);
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
    client::Config { max_dialect: dialect, ..standpipe_pair::client_config() }
}

/// Opens the pipe and calls it, with this attacker between: it is given every message and says what arrives
/// instead.
pub(crate) fn attacked(
    client: client::Config,
    server: server::Config,
    attack: impl FnMut(From, Vec<u8>) -> Vec<Sent>,
) -> Outcome {
    let outcome = RefCell::new(Outcome::default());
    let mut attack = attack;
    let middle = |from, message: Vec<u8>| {
        if from == From::Client {
            outcome.borrow_mut().count(&message);
        }
        attack(from, message).into_iter().map(|Sent { from, bytes }| (from, bytes)).collect()
    };
    let mut pair = Pair::new(client, server).with_middle(Box::new(middle));
    let opening = pair.client.open("simple", READ_WRITE);
    let mut result = None;
    pair.run_with(|pair| match pair.results.remove(&opening) {
        Some(Ok(Reply::Opened(pipe))) => {
            result = Some(Err(pair.client.transceive(pipe, REQUEST, 100)));
            // Something else is under way at the same time.
            pair.client.echo();
        }
        Some(refused) => result = Some(Ok(refused)),
        None => {}
    });
    let result = match result {
        Some(Err(calling)) => pair.results.remove(&calling),
        Some(Ok(refused)) => Some(refused),
        None => None,
    };
    let (ready, error) = (pair.became_ready, pair.closed);
    let Service { disconnect, opened, reached, .. } = std::mem::take(&mut pair.service);
    drop(pair);
    Outcome { ready, error, disconnect, result, opens: opened.len(), reached, ..outcome.into_inner() }
}

/// The same between a client and a server as they are by default, on a dialect.
pub(crate) fn attacked_on(dialect: Dialect, attack: impl FnMut(From, Vec<u8>) -> Vec<Sent>) -> Outcome {
    attacked(client_config(dialect), server_config(), attack)
}

/// An attacker that changes messages of one command and side, and lets all others pass.
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

#[test]
fn without_an_attack_every_call_goes_well() {
    for dialect in Dialect::ALL {
        attacked_on(dialect, pass).went_well();
    }
}
