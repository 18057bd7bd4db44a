//! The pair: two cores, the network between them, and a clock that only tests move.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use standpipe_smb::client::{
    self, ConnectionError, Event, OpenPipe, READ_WRITE, Ready, Reply, RequestError, RequestId,
};
use standpipe_smb::server::{self, Now};

use crate::config::TODAY;
use crate::network::{Direction, Loss, Network, Side, Travelling, framed, frames, reorder};
use crate::random::Random;
use crate::service::Service;

/// How many things may happen before a test is given up: a pair that does not come to rest goes in circles.
const MAX_STEPS: usize = 20_000;

/// Somebody between the two: gets every message with its sender, and says which messages arrive instead, and
/// from whom they seem to be.
pub type Middle<'m> = Box<dyn FnMut(Side, Vec<u8>) -> Vec<(Side, Vec<u8>)> + 'm>;

/// A client and a server with a network between them.
pub struct Pair<'m> {
    /// The client. Ask it for things at any time, then [run](Self::run).
    pub client: client::Connection,
    /// The service behind the server.
    pub service: Service,
    /// How requests ended that nobody has [taken](Self::result).
    pub results: BTreeMap<RequestId, Result<Reply, RequestError>>,
    /// What was agreed on, once the client is logged on.
    pub became_ready: Option<Ready>,
    /// Why the client's connection is over.
    pub closed: Option<ConnectionError>,
    /// Every message that was sent, in the order in which it was.
    pub sent: Vec<(Side, Vec<u8>)>,
    server: server::Connection,
    /// Whether the connection is there for the server.
    server_is_connected: bool,
    /// Whether each side has said that it is done.
    said_end: [bool; 2],
    to_server: Direction,
    to_client: Direction,
    network: Network,
    middle: Option<Middle<'m>>,
    random: Random,
    now: Duration,
    order: u64,
    steps: usize,
    /// How many events the client has had.
    events: usize,
}

impl<'m> Pair<'m> {
    /// A client that was just connected to a server, over a network that does everything at once.
    #[must_use]
    pub fn new(client: client::Config, server: server::Config) -> Self {
        let now = Now { monotonic: Duration::ZERO, wall: TODAY };
        Self {
            client: client::Connection::new(client, [1; 32], Duration::ZERO, TODAY),
            service: Service::default(),
            results: BTreeMap::new(),
            became_ready: None,
            closed: None,
            sent: Vec::new(),
            server: server::Connection::new(Arc::new(server), [2; 32], now),
            server_is_connected: true,
            said_end: [false; 2],
            to_server: Direction::default(),
            to_client: Direction::default(),
            network: Network::instant(),
            middle: None,
            random: Random::new(0),
            now: Duration::ZERO,
            order: 0,
            steps: 0,
            events: 0,
        }
    }

    /// The same over this network.
    #[must_use]
    pub fn over(mut self, network: Network) -> Self {
        self.random = Random::new(network.seed);
        self.network = network;
        self
    }

    /// The same with a service that takes up to this long for each answer.
    #[must_use]
    pub fn with_slow_service(mut self, delay: Duration) -> Self {
        self.service.delay = Duration::ZERO..delay;
        self
    }

    /// The same with somebody between the two.
    #[must_use]
    pub fn with_middle(mut self, middle: Middle<'m>) -> Self {
        self.middle = Some(middle);
        self
    }

    /// The time that has passed.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.now
    }

    /// How many bytes of a side have arrived.
    #[must_use]
    pub fn arrived(&self, from: Side) -> usize {
        match from {
            Side::Client => self.to_server.arrived(),
            Side::Server => self.to_client.arrived(),
        }
    }

    /// Hands an input to the server, as its shell would.
    pub fn tell(&mut self, input: server::Input<'_>) {
        self.server.handle(Now { monotonic: self.now, wall: TODAY }, input);
    }

    /// Runs until nothing is on its way and nobody has anything to do. Time passes only as far as that takes;
    /// nobody waits for a time that runs out.
    pub fn run(&mut self) {
        self.pump();
        while let Some(due) = self.next_due(false) {
            self.step(due);
        }
    }

    /// The same, and calls `look` whenever something has happened: for what is asked for as soon as something
    /// else has ended.
    pub fn run_with(&mut self, mut look: impl FnMut(&mut Self)) {
        self.pump();
        self.let_look(&mut look);
        while let Some(due) = self.next_due(false) {
            self.step(due);
            self.let_look(&mut look);
        }
    }

    /// Calls `look` until it causes nothing more at once.
    fn let_look(&mut self, look: &mut impl FnMut(&mut Self)) {
        loop {
            look(self);
            let events = self.events;
            self.pump();
            if events == self.events {
                return;
            }
        }
    }

    /// Lets this much time pass with everything that happens in it, and then runs.
    pub fn pass(&mut self, time: Duration) {
        self.pump();
        let until = self.now + time;
        while let Some(due) = self.next_due(true).filter(|due| *due <= until) {
            self.step(due);
        }
        self.now = until;
        self.run();
    }

    /// The end of a request, which must have come once everything has run.
    #[track_caller]
    pub fn result(&mut self, request: RequestId) -> Result<Reply, RequestError> {
        self.run();
        self.results.remove(&request).unwrap_or_else(|| panic!("no result yet; closed: {:?}", self.closed))
    }

    /// Opens a pipe, which must succeed.
    #[track_caller]
    pub fn open(&mut self, name: &str) -> OpenPipe {
        let open = self.client.open(name, READ_WRITE);
        match self.result(open) {
            Ok(Reply::Opened(pipe)) => pipe,
            other => panic!("{other:?}"),
        }
    }

    /// When the next thing happens. Without `waits`, times that run out count only when they have come
    /// already.
    fn next_due(&self, waits: bool) -> Option<Duration> {
        let arrivals = [self.to_server.due(), self.to_client.due()].into_iter().flatten().map(|(due, _)| due);
        let busy = arrivals.chain(self.service.due()).min();
        let timeout = self.next_timeout();
        match (busy, timeout) {
            (Some(busy), Some(timeout)) => Some(busy.min(timeout)),
            (Some(busy), None) => Some(busy),
            (None, timeout) => timeout.filter(|timeout| waits || *timeout <= self.now),
        }
    }

    fn next_timeout(&self) -> Option<Duration> {
        let server = self.server.next_timeout().filter(|_| self.server_is_connected);
        [self.client.next_timeout(), server].into_iter().flatten().min()
    }

    /// Does the one thing that is due.
    fn step(&mut self, due: Duration) {
        self.steps += 1;
        assert!(self.steps < MAX_STEPS, "the pair goes in circles: {self:?}");
        self.now = self.now.max(due);
        let (to_server, to_client) = (self.to_server.due(), self.to_client.due());
        let is_due = |arrival: Option<(Duration, u64)>| arrival.filter(|(arrival, _)| *arrival <= due);
        let server_first = match (is_due(to_server), is_due(to_client)) {
            (Some(server), Some(client)) => Some(server < client),
            (server, client) => server.map(|_| true).or(client.map(|_| false)),
        };
        if self.service.due().is_some_and(|at| at <= due) {
            if let Some(answer) = self.service.next()
                && self.server_is_connected
            {
                self.tell(answer.input());
            }
        } else if self.next_timeout().is_some_and(|at| at <= due) {
            if self.server.next_timeout().is_some_and(|at| at <= due) && self.server_is_connected {
                self.tell(server::Input::Timeout);
            }
            self.client.handle(self.now, client::Input::Timeout);
        } else if let Some(server_first) = server_first {
            self.arrive(if server_first { Side::Client } else { Side::Server });
        }
        self.pump();
    }

    /// Delivers the next piece of this side.
    fn arrive(&mut self, from: Side) {
        let loss = self.network.loss.filter(|loss| loss.from == from).map(|loss| loss.after);
        let direction = match from {
            Side::Client => &mut self.to_server,
            Side::Server => &mut self.to_client,
        };
        let Some((what, lost)) = direction.arrive(loss) else {
            return;
        };
        match (from, what) {
            (Side::Client, Travelling::Bytes(bytes)) if self.server_is_connected => {
                self.tell(server::Input::Received(&bytes));
            }
            // Somebody in the middle can keep the connection up without the client.
            (Side::Client, Travelling::End) => self.server_is_connected &= self.middle.is_some(),
            (Side::Server, Travelling::Bytes(bytes)) => {
                self.client.handle(self.now, client::Input::Received(&bytes));
            }
            (Side::Server, Travelling::End) => self.client.handle(self.now, client::Input::Disconnected),
            (Side::Client, Travelling::Bytes(_)) => {}
        }
        if lost {
            self.pump();
            self.lose();
        }
    }

    /// The connection is lost: everything on its way, and both sides learn it.
    pub fn lose(&mut self) {
        self.to_server.clear();
        self.to_client.clear();
        self.server_is_connected = false;
        self.said_end = [true; 2];
        self.client.handle(self.now, client::Input::Disconnected);
    }

    /// Collects everything that the cores have to say.
    fn pump(&mut self) {
        loop {
            while let Some(output) = self.server.poll_output() {
                self.service.take(self.now, &mut self.random, output);
            }
            // An answer that takes no time is given in place.
            if self.service.due().is_some_and(|due| due <= self.now)
                && let Some(answer) = self.service.next()
            {
                if self.server_is_connected {
                    self.tell(answer.input());
                }
                continue;
            }
            break;
        }
        let mut bytes = Vec::new();
        if self.client.take_transmit(&mut bytes) && !self.said_end[0] {
            self.send(Side::Client, &bytes);
        }
        let mut bytes = Vec::new();
        if self.server.take_transmit(&mut bytes) && !self.said_end[1] {
            self.send(Side::Server, &bytes);
        }
        while let Some(event) = self.client.poll_event() {
            self.look(event);
        }
        for (side, has_ended) in
            [(Side::Client, self.client.is_closed()), (Side::Server, self.service.disconnect.is_some())]
        {
            if has_ended && !std::mem::replace(&mut self.said_end[side as usize], true) {
                self.put(side, Travelling::End);
            }
        }
    }

    fn look(&mut self, event: Event) {
        self.events += 1;
        match event {
            Event::Ready(ready) => assert!(self.became_ready.replace(ready).is_none(), "ready twice"),
            Event::Completed { request, result } => {
                assert!(self.results.insert(request, result).is_none(), "{request:?} ended twice");
            }
            Event::Closed(error) => assert!(self.closed.replace(error).is_none(), "closed twice"),
        }
    }

    fn send(&mut self, from: Side, bytes: &[u8]) {
        let messages = frames(bytes);
        self.sent.extend(messages.iter().map(|message| (from, message.clone())));
        if let Some(mut middle) = self.middle.take() {
            for message in messages {
                for (seems_from, message) in middle(from, message) {
                    self.put(seems_from, Travelling::Bytes(framed(&message)));
                }
            }
            self.middle = Some(middle);
        } else if from == Side::Server && self.network.reorders {
            let bytes = reorder(bytes, &mut self.random);
            self.put(from, Travelling::Bytes(bytes));
        } else {
            self.put(from, Travelling::Bytes(bytes.to_vec()));
        }
    }

    fn put(&mut self, from: Side, what: Travelling) {
        self.order += 1;
        let direction = match from {
            Side::Client => &mut self.to_server,
            Side::Server => &mut self.to_client,
        };
        direction.send(self.now, self.order, &self.network, &mut self.random, what);
    }
}

impl std::fmt::Debug for Pair<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair")
            .field("network", &self.network)
            .field("now", &self.now)
            .field("steps", &self.steps)
            .field("client", &self.client)
            .field("closed", &self.closed)
            .field("disconnect", &self.service.disconnect)
            .finish_non_exhaustive()
    }
}

impl Drop for Pair<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Loss { from, after } =
                self.network.loss.unwrap_or(Loss { from: Side::Client, after: usize::MAX });
            #[allow(clippy::print_stderr, reason = "a failing test says how to have the same run again")]
            {
                eprintln!(
                    "the pair's seed: {:#x}; lost after {after} bytes of {from:?}; {self:?}",
                    self.network.seed
                );
            }
        }
    }
}
