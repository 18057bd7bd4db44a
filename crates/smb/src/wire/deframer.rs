//! Cutting the transport's stream into the messages of its frames.

use alloc::vec::Vec;

use thiserror::Error;

use super::{FRAME_PREFIX, FramePrefix, frame_prefix};

/// The most memory that is kept from one frame for the next one, in bytes: by a deframer, and by a shell that
/// lends it memory.
const KEPT: usize = 16 * 1024;
const KEPT_BY_SHELL: usize = 256 * 1024;

/// Why a stream cannot be cut any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The frame announces more bytes than are allowed now.
    #[error("a message of {length} bytes is longer than the {limit} that are allowed here")]
    TooLong {
        /// How long the message would be, in bytes.
        length: usize,
        /// How long it may be, in bytes.
        limit: usize,
    },
    /// The frame does not begin with the zero byte of the direct TCP transport ([MS-SMB2] 2.1).
    #[error("a frame of the unknown kind {0:#04x}")]
    UnknownKind(u8),
}

/// Cuts a stream into messages and holds the beginning of a frame whose end has not arrived.
///
/// It takes memory for the bytes that have arrived, never for what a frame announces.
#[derive(Debug, Default)]
pub struct Deframer {
    partial: Vec<u8>,
    /// Memory that the shell has lent for a frame that arrives in pieces.
    lent: Option<Vec<u8>>,
}

impl Deframer {
    /// Takes the first message off `bytes`. `None` when it is not whole yet: then all of `bytes` is kept.
    ///
    /// `limit` is the longest message allowed now, in bytes. It may differ from call to call, and a frame
    /// that has begun must fit the limit of each call. A caller that does not want more messages yet keeps
    /// `bytes` and calls again later.
    pub fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        limit: usize,
    ) -> Result<Option<Message<'a>>, FrameError> {
        if self.partial.is_empty()
            && let Some(length) = announced(bytes, limit)?
        {
            let Some((message, rest)) =
                bytes.get(FRAME_PREFIX..).and_then(|rest| rest.split_at_checked(length))
            else {
                self.fill(bytes, FRAME_PREFIX + length);
                return Ok(None);
            };
            *bytes = rest;
            return Ok(Some(Message::Whole(message)));
        }
        // The prefix first, then as much as it announces.
        self.fill(bytes, FRAME_PREFIX);
        let Some(length) = announced(&self.partial, limit)? else {
            return Ok(None);
        };
        self.fill(bytes, FRAME_PREFIX + length);
        let is_whole = self.partial.len() == FRAME_PREFIX + length;
        Ok(is_whole.then(|| Message::Assembled(Assembled { frame: core::mem::take(&mut self.partial) })))
    }

    /// How many bytes the beginning of a frame takes whose end has not arrived.
    #[must_use]
    pub fn held(&self) -> usize {
        self.partial.capacity()
    }

    /// How many bytes the frame announces that has begun, its prefix included; `None` between two frames.
    #[must_use]
    pub fn awaited(&self) -> Option<usize> {
        let prefix = match self.partial.first_chunk() {
            None if self.partial.is_empty() => return None,
            None => return Some(FRAME_PREFIX),
            Some(prefix) => *prefix,
        };
        match frame_prefix(prefix) {
            FramePrefix::Message(length) => Some(FRAME_PREFIX + length),
            FramePrefix::Unknown(_) => Some(FRAME_PREFIX),
        }
    }

    /// Uses the memory of a message for the next one that arrives in pieces.
    pub fn recycle(&mut self, message: Message<'_>) {
        if let Message::Assembled(Assembled { mut frame }) = message
            && self.partial.capacity() == 0
        {
            frame.clear();
            match &mut self.lent {
                Some(lent) if lent.capacity() == 0 && frame.capacity() <= KEPT_BY_SHELL => *lent = frame,
                _ => {
                    frame.shrink_to(KEPT);
                    self.partial = frame;
                }
            }
        }
    }

    /// Lends the memory of a former frame, until [`Self::take_back`]. Many connections, of which few receive
    /// at a time, need only one long buffer then. A frame takes it only if it would take as much by itself.
    pub fn lend(&mut self, memory: Vec<u8>) {
        self.lent = Some(memory);
    }

    /// Gives what was lent back, or the memory of a frame that is whole; empty if a frame needs it.
    pub fn take_back(&mut self) -> Vec<u8> {
        self.lent.take().unwrap_or_default()
    }

    /// Fills the frame up to `length` bytes.
    fn fill(&mut self, bytes: &mut &[u8], length: usize) {
        let missing = length.saturating_sub(self.partial.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        let needed = self.partial.len() + taken.len();
        if needed > self.partial.capacity() {
            // Twice as much each time, but never more than the frame needs.
            let room = length.min(2 * needed);
            match &mut self.lent {
                Some(lent) if (needed..=room).contains(&lent.capacity()) => {
                    let mut memory = core::mem::take(lent);
                    memory.extend_from_slice(&self.partial);
                    self.partial = memory;
                }
                _ => self.partial.reserve_exact(room - self.partial.len()),
            }
        }
        self.partial.extend_from_slice(taken);
        *bytes = rest;
    }
}

/// A message cut from the stream.
#[derive(Debug)]
pub enum Message<'a> {
    /// It arrived in one piece and was not copied.
    Whole(&'a [u8]),
    /// It arrived in several pieces.
    Assembled(Assembled),
}

impl Message<'_> {
    /// The message's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Assembled(Assembled { frame }) => frame.get(FRAME_PREFIX..).unwrap_or_default(),
        }
    }

    /// The message's bytes for decrypting them in place. A message that arrived in one piece is copied.
    #[must_use]
    pub fn to_mut(&mut self) -> &mut [u8] {
        if let Self::Whole(bytes) = *self {
            let mut frame = Vec::with_capacity(FRAME_PREFIX + bytes.len());
            frame.extend_from_slice(&[0; FRAME_PREFIX]);
            frame.extend_from_slice(bytes);
            *self = Self::Assembled(Assembled { frame });
        }
        match self {
            Self::Whole(_) => &mut [],
            Self::Assembled(Assembled { frame }) => frame.get_mut(FRAME_PREFIX..).unwrap_or_default(),
        }
    }
}

/// A message that arrived in several pieces, with the frame's prefix before it.
#[derive(Debug)]
pub struct Assembled {
    frame: Vec<u8>,
}

/// The length that a frame announces, once its prefix is there.
fn announced(bytes: &[u8], limit: usize) -> Result<Option<usize>, FrameError> {
    let Some(prefix) = bytes.first_chunk::<FRAME_PREFIX>() else {
        return Ok(None);
    };
    match frame_prefix(*prefix) {
        FramePrefix::Message(length) if length <= limit => Ok(Some(length)),
        FramePrefix::Message(length) => Err(FrameError::TooLong { length, limit }),
        FramePrefix::Unknown(kind) => Err(FrameError::UnknownKind(kind)),
    }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame_prefix_for;

    const LIMIT: usize = 1000;

    fn stream(messages: &[Vec<u8>]) -> Vec<u8> {
        messages.iter().flat_map(|message| [&frame_prefix_for(message.len())[..], message].concat()).collect()
    }

    fn feed(deframer: &mut Deframer, mut bytes: &[u8], into: &mut Vec<Vec<u8>>) -> Result<(), FrameError> {
        while let Some(mut message) = deframer.next(&mut bytes, LIMIT)? {
            into.push(message.bytes().to_vec());
            assert_eq!(message.to_mut().to_vec(), into[into.len() - 1]);
            deframer.recycle(message);
        }
        assert!(bytes.is_empty(), "what is not whole is kept");
        Ok(())
    }

    #[test]
    fn a_frame_that_is_too_long_or_of_another_kind_is_an_error_however_it_is_split() {
        let too_long = FrameError::TooLong { length: LIMIT + 1, limit: LIMIT };
        for (bytes, error) in
            [([0, 0, 0x03, 0xE9], too_long), ([0x81, 0, 0, 4], FrameError::UnknownKind(0x81))]
        {
            for cut in 0..bytes.len() {
                let mut deframer = Deframer::default();
                assert_eq!(feed(&mut deframer, &bytes[..cut], &mut vec![]), Ok(()));
                assert_eq!(feed(&mut deframer, &bytes[cut..], &mut vec![]), Err(error));
            }
        }
    }

    #[test]
    fn a_frame_that_has_begun_must_fit_a_limit_that_falls() {
        let mut deframer = Deframer::default();
        assert!(deframer.next(&mut &[0, 0, 0, 100, 1][..], 100).is_ok_and(|message| message.is_none()));
        let error = deframer.next(&mut &[2][..], 99).err();
        assert_eq!(error, Some(FrameError::TooLong { length: 100, limit: 99 }));
    }

    #[test]
    fn little_memory_is_kept_between_frames() {
        let mut deframer = Deframer::default();
        let frame = stream(&[vec![7; 4 * KEPT]]);
        let (head, mut tail) = frame.split_at(9);
        assert!(deframer.next(&mut &*head, frame.len()).is_ok_and(|message| message.is_none()));
        let message = deframer.next(&mut tail, frame.len()).ok().flatten().expect("a whole message");
        deframer.recycle(message);
        assert!(deframer.partial.capacity() <= KEPT);
    }

    #[test]
    fn the_memory_of_a_long_frame_serves_another_deframer_of_the_same_shell() {
        let frame = stream(&[vec![7; 4 * KEPT]]);
        let mut memory = Vec::new();
        let mut places = vec![];
        for _ in 0..2 {
            let mut deframer = Deframer::default();
            deframer.lend(core::mem::take(&mut memory));
            let (head, mut tail) = frame.split_at(frame.len() - 9);
            assert!(deframer.next(&mut &*head, frame.len()).is_ok_and(|message| message.is_none()));
            let message = deframer.next(&mut tail, frame.len()).ok().flatten().expect("a whole message");
            places.push(message.bytes().as_ptr());
            deframer.recycle(message);
            memory = deframer.take_back();
            assert_eq!((deframer.held(), memory.len()), (0, 0));
        }
        assert_eq!(places[0], places[1]);
    }

    #[test]
    fn a_frame_of_which_little_has_arrived_takes_no_long_memory() {
        let mut deframer = Deframer::default();
        deframer.lend(Vec::with_capacity(KEPT));
        assert!(deframer.next(&mut &[0, 0, 0x40, 0, 1][..], KEPT).is_ok_and(|message| message.is_none()));
        assert_eq!(deframer.take_back().capacity(), KEPT);
        assert!(deframer.held() <= 16, "{}", deframer.held());
    }

    proptest! {
        #[test]
        fn messages_survive_any_cuts(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            cuts in prop::collection::vec(1usize..30, 1..20),
        ) {
            let bytes = stream(&messages);
            let (mut deframer, mut found) = (Deframer::default(), vec![]);
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                feed(&mut deframer, piece, &mut found)?;
                rest = after;
            }
            prop_assert_eq!(found, messages);
            prop_assert!(deframer.partial.is_empty());
        }
    }
}
