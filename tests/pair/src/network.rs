//! The network between client and server: a stream each way, with what can happen to it.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use standpipe_smb::wire::{Deframer, FRAME_MAX, FRAME_PREFIX, Header, frame_prefix_for};

use crate::random::Random;

/// One of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Client,
    /// The server.
    Server,
}

/// After how many bytes the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// The side whose bytes are counted.
    pub from: Side,
    /// How many bytes of this side arrive. What follows is lost, and so is everything on its way in the other
    /// direction.
    pub after: usize,
}

/// What the network does.
#[derive(Debug, Clone)]
pub struct Network {
    /// The seed of every random choice of the network and the service.
    pub seed: u64,
    /// How long bytes are on their way. They arrive in their order.
    pub latency: Range<Duration>,
    /// Whether bytes arrive in pieces of random length.
    pub splits: bool,
    /// Whether the server's replies overtake each other, as those of a server may that works on several at
    /// once.
    pub reorders: bool,
    /// When the connection is lost, if at all.
    pub loss: Option<Loss>,
}

impl Network {
    /// A network that does everything at once and in order.
    #[must_use]
    pub fn instant() -> Self {
        Self { seed: 0, latency: Duration::ZERO..Duration::ZERO, splits: false, reorders: false, loss: None }
    }

    /// A network with latency that splits and reorders, but loses nothing.
    #[must_use]
    pub fn rough(seed: u64) -> Self {
        let latency = Duration::from_millis(1)..Duration::from_millis(40);
        Self { seed, latency, splits: true, reorders: true, loss: None }
    }

    /// The same, but the connection is lost.
    #[must_use]
    pub fn losing(self, loss: Loss) -> Self {
        Self { loss: Some(loss), ..self }
    }
}

/// Cuts bytes that consist of whole frames into their messages.
pub fn frames(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut deframer = Deframer::default();
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let message = deframer.next(&mut bytes, FRAME_MAX).expect("frames");
        messages.push(message.expect("both sides send whole frames").bytes().to_vec());
    }
    messages
}

/// A message as a frame.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&frame_prefix_for(message.len())[..], message].concat()
}

/// What travels in one direction.
#[derive(Debug)]
pub(crate) enum Travelling {
    Bytes(Vec<u8>),
    /// The sender has closed the connection behind everything it sent.
    End,
}

/// One direction of the connection.
#[derive(Debug, Default)]
pub(crate) struct Direction {
    under_way: VecDeque<(Duration, u64, Travelling)>,
    /// When the last byte arrives.
    last: Duration,
    /// How many bytes have arrived.
    arrived: usize,
}

impl Direction {
    /// Sends something. `order` tells what was sent earlier when both directions have something that arrives
    /// at the same time.
    pub(crate) fn send(
        &mut self,
        now: Duration,
        order: u64,
        network: &Network,
        random: &mut Random,
        what: Travelling,
    ) {
        let arrival = (now + random.duration(&network.latency)).max(self.last);
        self.last = arrival;
        match what {
            Travelling::Bytes(bytes) if network.splits => {
                let mut rest = &bytes[..];
                while !rest.is_empty() {
                    let (piece, after) = rest.split_at(1 + random.below(rest.len()));
                    self.under_way.push_back((self.last, order, Travelling::Bytes(piece.to_vec())));
                    self.last += random.duration(&(Duration::ZERO..Duration::from_millis(2)));
                    rest = after;
                }
            }
            what => self.under_way.push_back((arrival, order, what)),
        }
    }

    /// When the next piece arrives, and its order.
    pub(crate) fn due(&self) -> Option<(Duration, u64)> {
        self.under_way.front().map(|(arrival, order, _)| (*arrival, *order))
    }

    /// The next piece, shortened to what arrives before the loss after this many bytes; and whether the
    /// connection is lost with it.
    pub(crate) fn arrive(&mut self, loss: Option<usize>) -> Option<(Travelling, bool)> {
        let (_, _, what) = self.under_way.pop_front()?;
        let Travelling::Bytes(mut bytes) = what else {
            return Some((what, false));
        };
        let left = loss.map_or(usize::MAX, |after| after.saturating_sub(self.arrived));
        let lost = bytes.len() >= left;
        bytes.truncate(left);
        self.arrived += bytes.len();
        Some((Travelling::Bytes(bytes), lost))
    }

    /// How many bytes have arrived.
    pub(crate) fn arrived(&self) -> usize {
        self.arrived
    }

    pub(crate) fn clear(&mut self) {
        self.under_way.clear();
    }
}

/// Lets replies overtake each other. Those to one request keep their order, and what is encrypted or one of a
/// chain does not say which request it answers, so that it stays where it is.
pub(crate) fn reorder(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut messages = frames(bytes);
    for place in 1..messages.len() {
        let id = |message: &[u8]| {
            Header::decode(message)
                .ok()
                .filter(|header| header.next_command == 0)
                .map(|header| header.message_id)
        };
        let ids = (id(&messages[place - 1]), id(&messages[place]));
        if let (Some(before), Some(after)) = ids
            && before != after
            && random.below(2) == 0
        {
            messages.swap(place - 1, place);
        }
    }
    debug_assert_eq!(messages.iter().map(|message| message.len() + FRAME_PREFIX).sum::<usize>(), bytes.len());
    messages.iter().flat_map(|message| framed(message)).collect()
}
