//! Writing requests: ids, credits, protection.

use alloc::vec::Vec;

use super::ConnectionError;
use super::flight::{Flight, Flights, Purpose, charge};
use super::protection::{Protection, of_session};
use crate::NtStatus;
use crate::wire::{Command, Empty, FRAME_PREFIX, Flags, Header, TreeOrAsync, frame_prefix_for};

/// What is written for the server, and what every request's header needs.
pub(super) struct RequestWriter {
    out: Vec<u8>,
    /// How many bytes were handed out for sending.
    taken: u64,
    pub(super) flights: Flights,
    /// 0 until the server gives one.
    pub(super) session_id: u64,
    /// 0 until the server gives one.
    pub(super) tree_id: u32,
    /// Signs or encrypts every message, once there is a session.
    pub(super) protection: Protection,
    /// Whether one request can cost several credits (`Connection.SupportsMultiCredit`).
    pub(super) multi_credit: bool,
}

impl RequestWriter {
    pub(super) fn new(credits: u16) -> Self {
        Self {
            out: Vec::new(),
            taken: 0,
            flights: Flights::new(credits),
            session_id: 0,
            tree_id: 0,
            protection: Protection::None,
            multi_credit: false,
        }
    }

    /// Whether a request can be written now. `payload` is how many bytes it carries or asks for, whichever is
    /// more.
    pub(super) fn affords(&self, payload: usize) -> bool {
        self.flights.affords(self.charge(payload))
    }

    fn charge(&self, payload: usize) -> u16 {
        if self.multi_credit { charge(payload) } else { 1 }
    }

    /// Writes a request, which must be affordable. `body` appends what follows the header; it gets the place
    /// where the header begins. Gives the message.
    pub(super) fn send(
        &mut self,
        command: Command,
        purpose: Purpose,
        payload: usize,
        body: impl FnOnce(&mut Vec<u8>, usize),
    ) -> &[u8] {
        let charge = self.charge(payload);
        let message_id = self.flights.next_id();
        let written_at = self.taken + self.out.len() as u64;
        let flight = Flight { command, purpose, async_id: None, cancelled: false, written_at };
        let credits = self.flights.enter(charge, flight);
        let header = Header {
            // [MS-SMB2] 3.2.4.1.5: 0 where a request always costs one.
            credit_charge: if self.multi_credit { charge } else { 0 },
            credits,
            ..self.header(command, message_id)
        };
        self.write(&header, body)
    }

    /// Writes a CANCEL for a request in flight, [MS-SMB2] 3.2.4.24. It has the request's message id, costs
    /// nothing and is not answered.
    pub(super) fn cancel(&mut self, message_id: u64, async_id: Option<u64>) {
        let mut header = self.header(Command::CANCEL, message_id);
        if let Some(async_id) = async_id {
            header.tree_or_async = TreeOrAsync::Async(async_id);
        }
        self.write(&header, |out, _| Empty::encode(out));
    }

    fn header(&self, command: Command, message_id: u64) -> Header {
        Header {
            credit_charge: 0,
            status: NtStatus::SUCCESS,
            command,
            credits: 0,
            flags: Flags::default(),
            next_command: 0,
            message_id,
            tree_or_async: TreeOrAsync::Tree(self.tree_id),
            session_id: self.session_id,
        }
    }

    fn write(&mut self, header: &Header, body: impl FnOnce(&mut Vec<u8>, usize)) -> &[u8] {
        let frame = self.out.len();
        let start = frame + FRAME_PREFIX;
        self.out.resize(start, 0);
        header.encode(&mut self.out);
        body(&mut self.out, start);
        if self.protection.apply(&mut self.out, start).is_none() {
            // Rather no message than a plain one. It does not come to that: nobody sends 2^64 messages, nor
            // one that is longer than a frame.
            self.out.truncate(frame);
            return &[];
        }
        let (prefix, message) = self.out[frame..].split_at_mut(FRAME_PREFIX);
        prefix.copy_from_slice(&frame_prefix_for(message.len()));
        message
    }

    /// Verifies a reply that came as it is.
    pub(super) fn verify_plain(&self, header: &Header, message: &[u8]) -> Result<(), ConnectionError> {
        self.protection.verify(header, message, self.session_id)
    }

    /// Verifies a reply that came encrypted. Whose it is must be said inside as it is outside
    /// ([MS-SMB2] 3.2.5.1.1).
    pub(super) fn verify_opened(&self, header: &Header) -> Result<(), ConnectionError> {
        of_session(header, self.session_id)
    }

    /// Swaps what is written with `into`.
    pub(super) fn take(&mut self, into: &mut Vec<u8>) -> bool {
        debug_assert!(into.is_empty());
        if self.out.is_empty() {
            return false;
        }
        self.taken += self.out.len() as u64;
        core::mem::swap(&mut self.out, into);
        self.out.clear();
        true
    }

    /// Whether a request in flight was handed out for sending.
    pub(super) fn was_taken(&self, flight: &Flight) -> bool {
        flight.written_at < self.taken
    }

    /// Throws away what is written and was not handed out.
    pub(super) fn discard(&mut self) {
        self.out.clear();
    }
}
