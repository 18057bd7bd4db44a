//! Requests on their way: their message ids, their credits, and the purpose of each reply.

use alloc::collections::BTreeMap;

use super::RequestId;
use super::reply::Expected;
use crate::wire::Command;

/// A request that was written and whose final reply has not come.
#[derive(Debug)]
pub(super) struct Flight {
    /// The command, which the reply repeats.
    pub(super) command: Command,
    /// What the reply is for.
    pub(super) purpose: Purpose,
    /// The AsyncId that an interim reply gave it.
    pub(super) async_id: Option<u64>,
    /// Whether a CANCEL was sent. There is never another: it would be signed with the same nonce as the
    /// first, which gives AES-GMAC's key away.
    pub(super) cancelled: bool,
    /// How many bytes had been handed out for sending when it was written. It has been handed out itself once
    /// that number is larger.
    pub(super) written_at: u64,
}

impl Flight {
    fn is_of(&self, wanted: RequestId) -> bool {
        matches!(self.purpose, Purpose::Request { request, .. } if request == wanted)
    }
}

/// What a reply is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The handshake of the connection itself.
    Handshake,
    /// A request of the caller.
    Request { request: RequestId, expected: Expected },
}

/// Message ids and credits, [MS-SMB2] 3.2.4.1.2 to 3.2.4.1.6, and the requests in flight.
#[derive(Debug)]
pub(super) struct Flights {
    next_id: u64,
    credits: u16,
    wanted: u16,
    by_id: BTreeMap<u64, Flight>,
}

impl Flights {
    /// With the one credit that every connection begins with. `wanted` is how many to ask for.
    pub(super) fn new(wanted: u16) -> Self {
        Self { next_id: 0, credits: 1, wanted: wanted.max(1), by_id: BTreeMap::new() }
    }

    /// Whether a request of this charge can be sent now.
    pub(super) fn affords(&self, charge: u16) -> bool {
        self.credits >= charge.max(1)
    }

    /// Whether nothing is on its way, so that no more credits will come.
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// How many requests are on their way.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The id that the next request gets.
    pub(super) fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Enters a request of this charge, which must be affordable, and says how many credits it is to ask for.
    pub(super) fn enter(&mut self, charge: u16, flight: Flight) -> u16 {
        let charge = charge.max(1);
        debug_assert!(self.affords(charge));
        self.by_id.insert(self.next_id, flight);
        self.next_id += u64::from(charge);
        self.credits = self.credits.saturating_sub(charge);
        // At least its cost, so that the server has no reason to grant less than before, and what is missing.
        self.wanted.saturating_sub(self.credits).max(charge)
    }

    /// The request that a reply answers. Its flight goes on.
    pub(super) fn get_mut(&mut self, message_id: u64) -> Option<&mut Flight> {
        self.by_id.get_mut(&message_id)
    }

    /// Takes the credits that a reply grants.
    pub(super) fn grant(&mut self, credits: u16) {
        self.credits = self.credits.saturating_add(credits);
    }

    /// The final reply has come.
    pub(super) fn land(&mut self, message_id: u64) -> Option<Flight> {
        self.by_id.remove(&message_id)
    }

    /// The message id and flight of a request.
    pub(super) fn find(&mut self, wanted: RequestId) -> Option<(u64, &mut Flight)> {
        self.by_id.iter_mut().find(|(_, flight)| flight.is_of(wanted)).map(|(id, flight)| (*id, flight))
    }

    /// The flight of a request.
    pub(super) fn get(&self, wanted: RequestId) -> Option<&Flight> {
        self.by_id.values().find(|flight| flight.is_of(wanted))
    }

    /// Takes everything out, oldest first.
    pub(super) fn drain(&mut self) -> BTreeMap<u64, Flight> {
        core::mem::take(&mut self.by_id)
    }
}

/// What a request costs, [MS-SMB2] 3.2.4.1.5: a credit for each 64 KiB of what it carries or asks for,
/// whichever is more.
pub(super) fn charge(payload: usize) -> u16 {
    const PER_CREDIT: usize = 65_536;
    u16::try_from(payload.div_ceil(PER_CREDIT).max(1)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight() -> Flight {
        Flight {
            command: Command::ECHO,
            purpose: Purpose::Handshake,
            async_id: None,
            cancelled: false,
            written_at: 0,
        }
    }

    #[test]
    fn a_charge_takes_as_many_ids_and_credits() {
        let mut flights = Flights::new(100);
        assert!(!flights.affords(2));
        assert_eq!(flights.enter(1, flight()), 100);
        assert!(!flights.affords(1));
        flights.grant(10);
        assert!(flights.affords(10));
        assert_eq!((flights.next_id(), flights.enter(4, flight())), (1, 94));
        assert_eq!(flights.next_id(), 5);
        assert!(flights.affords(6) && !flights.affords(7));
    }

    #[test]
    fn asks_for_what_it_spends_when_it_has_enough() {
        let mut flights = Flights::new(4);
        flights.grant(99);
        assert_eq!(flights.enter(3, flight()), 3);
        flights.grant(u16::MAX);
        assert!(flights.affords(u16::MAX));
    }

    #[test]
    fn charges_by_64_kib() {
        for (payload, expected) in
            [(0, 1), (1, 1), (65_536, 1), (65_537, 2), (1 << 20, 16), (usize::MAX, u16::MAX)]
        {
            assert_eq!(charge(payload), expected, "{payload} bytes");
        }
    }
}
