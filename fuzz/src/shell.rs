//! The server's connection with a shell around it, whose backends do what a target tells them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use standpipe_smb::server::{
    Config, Connection, Event, Input, Now, OpenFailure, OpenId, Output, PipeId, ServiceEnd, SessionId,
    WaitId, WriteFailure,
};

use crate::bytes::Bytes;
use crate::world;

/// More than one request's answer can be: the largest transfer, and room for what surrounds it.
const MAX_ANSWER: usize = 2 * 1024 * 1024;
/// More than is ever sent at once: twice the largest transfer, and the replies to the last message.
const MAX_TRANSMIT: usize = 64 * MAX_ANSWER;

/// A shell that does nothing by itself. It watches over what the connection wants of it.
pub(crate) struct Server {
    pub(crate) connection: Connection,
    pub(crate) now: Now,
    /// The services' ends of the pipes, in the order of the configuration.
    ends: Vec<ServiceEnd>,
    /// Opens whose backend was asked for and has not answered.
    pub(crate) opening: BTreeMap<OpenId, PipeId>,
    /// Opens whose backend took them, and what the backend is to know of them: the target's business.
    pub(crate) opened: BTreeMap<OpenId, u8>,
    /// Writes that wait for their answer, oldest first.
    pub(crate) writes: VecDeque<(OpenId, Vec<u8>)>,
    pub(crate) waits: BTreeSet<WaitId>,
    /// Sessions that have started and not ended.
    pub(crate) sessions: BTreeSet<SessionId>,
    /// Log-ons that went well.
    pub(crate) log_ons: usize,
    pub(crate) closed: bool,
}

impl Server {
    pub(crate) fn new(config: Config, ends: Vec<ServiceEnd>) -> Self {
        let now = Now { monotonic: Duration::from_secs(1), wall: world::TODAY };
        Self {
            connection: Connection::new(Arc::new(config), [0x11; 32], now),
            now,
            ends,
            opening: BTreeMap::new(),
            opened: BTreeMap::new(),
            writes: VecDeque::new(),
            waits: BTreeSet::new(),
            sessions: BTreeSet::new(),
            log_ons: 0,
            closed: false,
        }
    }

    /// Bytes of the client; what the server sends in answer.
    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.feed(Input::Received(bytes));
        self.flush()
    }

    pub(crate) fn flush(&mut self) -> Vec<u8> {
        let mut sent = Vec::new();
        let any = self.connection.take_transmit(&mut sent);
        assert_eq!(any, !sent.is_empty(), "whether there is something to send");
        assert!(sent.len() <= MAX_TRANSMIT, "an answer of {} bytes", sent.len());
        sent
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now.monotonic += time;
        self.feed(Input::Timeout);
    }

    pub(crate) fn feed(&mut self, input: Input<'_>) {
        self.connection.handle(self.now, input);
        while let Some(output) = self.connection.poll_output() {
            assert!(
                !self.closed
                    || matches!(output, Output::Close { .. } | Output::CancelWait { .. } | Output::Event(_)),
                "wanted after the end: {output:?}"
            );
            self.carry_out(output);
        }
        if let Some(due) = self.connection.next_timeout() {
            assert!(due < self.now.monotonic + Duration::from_hours(1), "a wake-up that never comes");
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Open { open, pipe, .. } => {
                assert!(self.log_ons > 0, "opened by nobody");
                assert!(self.opening.insert(open, pipe).is_none(), "opened twice");
            }
            Output::Write { open, bytes } => {
                assert!(self.opened.contains_key(&open), "written to what is not open");
                assert!(bytes.len() <= MAX_ANSWER, "{} bytes written at once", bytes.len());
                self.writes.push_back((open, bytes));
            }
            Output::Close { open } => {
                let was = self.opening.remove(&open).is_some() | self.opened.remove(&open).is_some();
                assert!(was, "closed what was not open");
                self.writes.retain(|(each, _)| *each != open);
            }
            Output::Wait { wait, timeout, .. } => {
                assert!(self.log_ons > 0, "waited for by nobody");
                assert!(timeout <= Duration::from_mins(1), "a wait of {timeout:?}");
                assert!(self.waits.insert(wait), "waited for twice");
            }
            Output::CancelWait { wait } => {
                self.waits.remove(&wait);
            }
            Output::SessionStarted { session, .. } => {
                assert!(self.sessions.insert(session), "started twice");
            }
            Output::SessionEnded { session } => {
                assert!(self.sessions.remove(&session), "ended without a start");
            }
            Output::EndSession { session, .. } => {
                assert!(
                    !self.sessions.contains(&session),
                    "its own sessions are the connection's own business"
                );
            }
            Output::Event(Event::LoggedOn { .. }) => self.log_ons += 1,
            Output::Event(_) => {}
            Output::Disconnect(_) => self.closed = true,
        }
    }

    /// The open that a byte of the input means.
    pub(crate) fn nth_opened(&self, which: u8) -> Option<OpenId> {
        self.opened.keys().nth(usize::from(which) % self.opened.len().max(1)).copied()
    }

    /// A backend answers an open, the one that a byte of the input means.
    pub(crate) fn answer_open(&mut self, which: u8, result: Result<(), OpenFailure>) {
        let place = usize::from(which) % self.opening.len().max(1);
        let Some((&open, &PipeId(pipe))) = self.opening.iter().nth(place) else { return };
        self.opening.remove(&open);
        if result.is_ok() {
            self.opened.insert(open, 0);
        }
        let result = result.map(|()| self.ends[pipe].clone());
        self.feed(Input::Opened { open, result });
    }

    /// A backend takes the oldest write, or does not; what was written.
    pub(crate) fn answer_write(&mut self, result: Result<(), WriteFailure>) -> Option<(OpenId, Vec<u8>)> {
        let (open, bytes) = self.writes.pop_front()?;
        self.feed(Input::Written { open, result });
        Some((open, bytes))
    }

    /// A service writes, if the server wants it to now.
    pub(crate) fn write(&mut self, open: OpenId, bytes: &[u8]) {
        if self.connection.wants_data(open) {
            self.feed(Input::Data { open, bytes });
        }
    }

    /// A wait ends.
    pub(crate) fn answer_wait(&mut self, available: bool) {
        if let Some(wait) = self.waits.pop_first() {
            self.feed(Input::Waited { wait, available });
        }
    }

    /// Something that a backend does: what was asked of it is answered, or a service acts of its own accord.
    pub(crate) fn backend_event(&mut self, input: &mut Bytes<'_>) {
        let kind = input.u8();
        let which = input.u8();
        match kind % 9 {
            0 | 1 => self.answer_open(which, open_result(kind >> 4)),
            2 | 3 => {
                let Some(open) = self.nth_opened(which) else { return };
                self.write(open, input.block());
            }
            4 => {
                self.answer_write(write_result(kind >> 4));
            }
            5 => {
                let Some(open) = self.nth_opened(which) else { return };
                self.feed(Input::Closed { open });
            }
            6 => {
                let Some(open) = self.nth_opened(which) else { return };
                self.feed(Input::Disconnected { open });
            }
            7 => {
                let Some(open) = self.nth_opened(which) else { return };
                self.feed(Input::Lost { open });
            }
            _ => self.answer_wait(kind >> 4 != 0),
        }
    }
}

/// Four ways in which a backend does not take an open; more often it does.
pub(crate) fn open_result(which: u8) -> Result<(), OpenFailure> {
    match which {
        0 => Err(OpenFailure::NotListening),
        1 => Err(OpenFailure::AllInstancesBusy),
        2 => Err(OpenFailure::Refused),
        3 => Err(OpenFailure::OutOfResources),
        _ => Ok(()),
    }
}

/// Two ways in which a backend does not take a write; more often it does.
pub(crate) fn write_result(which: u8) -> Result<(), WriteFailure> {
    match which {
        0 => Err(WriteFailure::Gone),
        1 => Err(WriteFailure::TooLong),
        2 => Err(WriteFailure::Lost),
        _ => Ok(()),
    }
}
