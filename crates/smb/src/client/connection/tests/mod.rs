//! The client against a server that does what each test wants.

mod encryption;
mod handshake;
mod requests;
mod server;

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use self::server::{Behaviour, PASSWORD, Server, USER, Validate};
use super::super::{Data, Limits, OpenPipe, Peeked, READ_WRITE, Stage};
use super::*;
use crate::Dialect;
use crate::auth::client::{Credentials, InitiatorError};
use crate::crypto::SigningAlgorithm;
use crate::wire::header::SIGNATURE_RANGE;
use crate::wire::{
    ControlCode, CreateRequest, CreateResponse, Empty, FileId, FrameError, IoctlRequest, IoctlResponse,
    Opened, PipePeek, PipeWaitRequest, ReadRequest, ReadResponse, WriteRequest, WriteResponse,
    encode_close_response, encode_error,
};

const NOW: Duration = Duration::from_secs(1000);
const FILE: FileId = FileId { persistent: 3, volatile: 4 };
const PIPE: OpenPipe = OpenPipe(FILE);

fn config() -> Config {
    Config::new("server", Credentials::from_password(USER, "", PASSWORD))
}

fn connect(config: Config) -> Connection {
    Connection::new(config, [9; 32], NOW, FileTime(0))
}

/// A client and a server that follows a script.
struct ScriptedPair {
    client: Connection,
    server: Server,
}

impl ScriptedPair {
    fn new(behaviour: Behaviour) -> Self {
        Self { client: connect(config()), server: Server::new(behaviour) }
    }

    /// Both after a good handshake.
    fn ready(dialect: Dialect) -> Self {
        Self::ready_with(config(), Behaviour::good(dialect))
    }

    fn ready_with(config: Config, behaviour: Behaviour) -> Self {
        let mut pair = Self { client: connect(config), server: Server::new(behaviour) };
        let events = pair.exchange();
        assert!(matches!(events[..], [Event::Ready(_)]), "{events:?}");
        pair
    }

    /// Lets both talk until neither has anything to say.
    fn exchange(&mut self) -> Vec<Event> {
        loop {
            let mut bytes = vec![];
            if self.client.take_transmit(&mut bytes) {
                self.server.receive(&bytes);
            }
            let bytes = self.server.take();
            if bytes.is_empty() {
                return self.events();
            }
            self.client.handle(NOW, Input::Received(&bytes));
        }
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.client.poll_event()).collect()
    }

    /// The one request that the server has.
    fn request(&mut self) -> (Header, Vec<u8>) {
        assert!(self.exchange().is_empty());
        assert_eq!(self.server.requests.len(), 1);
        self.server.requests.remove(0)
    }

    /// The result of the one request that ended.
    fn result(&mut self, request: RequestId) -> Result<Reply, RequestError> {
        match &self.exchange()[..] {
            [Event::Completed { request: ended, result }] if *ended == request => result.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// The error that ended the connection.
    fn error(&mut self) -> ConnectionError {
        match self.exchange().pop() {
            Some(Event::Closed(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}
