//! Cutting the transport's stream into messages.

use alloc::vec::Vec;

use super::ConnectionError;
use crate::wire::{FRAME_PREFIX, FramePrefix, frame_prefix};

/// Holds the beginning of a frame whose end has not arrived.
#[derive(Default)]
pub(super) struct Frames {
    partial: Vec<u8>,
}

impl Frames {
    /// Takes bytes as they arrive and gives the first whole message, if there is one, and what follows it. Whole
    /// messages that arrive at once are not copied.
    ///
    /// `limit` is the longest message taken, in bytes. Memory is taken for what has arrived, never for what was
    /// announced.
    pub(super) fn next<'a>(&mut self, bytes: &'a [u8], limit: usize) -> Result<Next<'a>, ConnectionError> {
        if self.partial.is_empty() {
            if let Some((message, rest)) = split(bytes, limit)? {
                return Ok(Next::Whole { message, rest });
            }
            self.partial.extend_from_slice(bytes);
            return Ok(Next::Incomplete);
        }
        // The prefix first, then as much as it announces.
        let mut rest = bytes;
        if self.partial.len() < FRAME_PREFIX {
            rest = self.fill(rest, FRAME_PREFIX);
        }
        if let Some(length) = announced(&self.partial, limit)? {
            rest = self.fill(rest, FRAME_PREFIX + length);
            if self.partial.len() == FRAME_PREFIX + length {
                let mut message = core::mem::take(&mut self.partial);
                message.drain(..FRAME_PREFIX);
                return Ok(Next::Assembled { message, rest });
            }
        }
        Ok(Next::Incomplete)
    }

    /// Fills up to `length` bytes and gives what is left.
    fn fill<'a>(&mut self, bytes: &'a [u8], length: usize) -> &'a [u8] {
        let missing = length.saturating_sub(self.partial.len()).min(bytes.len());
        let (taken, rest) = bytes.split_at(missing);
        self.partial.extend_from_slice(taken);
        rest
    }
}

/// What [`Frames::next`] found.
pub(super) enum Next<'a> {
    /// A message that arrived in one piece.
    Whole { message: &'a [u8], rest: &'a [u8] },
    /// A message that arrived in pieces.
    Assembled { message: Vec<u8>, rest: &'a [u8] },
    /// No whole message yet; everything is kept.
    Incomplete,
}

/// The length that a prefix announces, once it is there.
fn announced(bytes: &[u8], limit: usize) -> Result<Option<usize>, ConnectionError> {
    let Some(prefix) = bytes.first_chunk::<FRAME_PREFIX>() else {
        return Ok(None);
    };
    match frame_prefix(*prefix) {
        FramePrefix::Message(length) if length <= limit => Ok(Some(length)),
        FramePrefix::Message(_) => {
            Err(ConnectionError::Violation("a message longer than anything asked for"))
        }
        FramePrefix::Unknown(_) => Err(ConnectionError::Violation("a frame of an unknown kind")),
    }
}

/// The first whole message and what follows it.
fn split(bytes: &[u8], limit: usize) -> Result<Option<Split<'_>>, ConnectionError> {
    let Some(length) = announced(bytes, limit)? else {
        return Ok(None);
    };
    Ok(bytes.get(FRAME_PREFIX..).and_then(|rest| rest.split_at_checked(length)))
}

type Split<'a> = (&'a [u8], &'a [u8]);

#[cfg(test)]
mod tests {
    use std::vec;

    use proptest::prelude::*;

    use super::*;
    use crate::wire::frame_prefix_for;

    fn stream(messages: &[Vec<u8>]) -> Vec<u8> {
        messages.iter().flat_map(|message| [&frame_prefix_for(message.len())[..], message].concat()).collect()
    }

    fn feed(frames: &mut Frames, mut bytes: &[u8], into: &mut Vec<Vec<u8>>) -> Result<(), ConnectionError> {
        loop {
            match frames.next(bytes, 1000)? {
                Next::Whole { message, rest } => {
                    into.push(message.to_vec());
                    bytes = rest;
                }
                Next::Assembled { message, rest } => {
                    into.push(message);
                    bytes = rest;
                }
                Next::Incomplete => return Ok(()),
            }
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    #[test]
    fn what_is_too_long_or_no_frame_is_an_error() {
        for bytes in [[0, 0, 0x03, 0xE9], [0x81, 0, 0, 4]] {
            assert!(feed(&mut Frames::default(), &bytes, &mut vec![]).is_err());
            let mut frames = Frames::default();
            feed(&mut frames, &bytes[..1], &mut vec![]).err();
            assert!(feed(&mut frames, &bytes[1..], &mut vec![]).is_err());
        }
    }

    proptest! {
        #[test]
        fn messages_survive_any_cuts(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6),
            cuts in prop::collection::vec(1usize..30, 1..20),
        ) {
            let bytes = stream(&messages);
            let (mut frames, mut found) = (Frames::default(), vec![]);
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                feed(&mut frames, piece, &mut found)?;
                rest = after;
            }
            prop_assert_eq!(found, messages);
            prop_assert!(frames.partial.is_empty());
        }
    }
}
