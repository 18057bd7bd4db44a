//! Frames out of a stream of bytes that is split anywhere.

use super::MAX_FRAME;
use super::fields::{Malformed, Part};
use super::frame::Frame;

/// The length that stands before a frame, in bytes.
const PREFIX: usize = 4;

/// Frames out of a stream of bytes. It holds at most one frame that is not complete yet.
#[derive(Debug, Default)]
pub struct Decoder {
    held: Vec<u8>,
}

impl Decoder {
    /// Takes bytes, and hands every frame that is complete now to `each`, in order. After an error the stream
    /// cannot be read further.
    pub fn receive<E: From<Malformed>>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Frame) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.held.is_empty() {
            let rest = take_frames(bytes, &mut each)?;
            self.held.extend_from_slice(rest);
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        let rest = take_frames(&self.held, &mut each)?.len();
        self.held.drain(..self.held.len() - rest);
        Ok(())
    }

    /// Whether the stream may end here: no frame has begun.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.held.is_empty()
    }
}

/// Hands the frames at the beginning of `bytes` to `each`, and returns the bytes after them.
fn take_frames<'a, E: From<Malformed>>(
    mut bytes: &'a [u8],
    each: &mut impl FnMut(Frame) -> Result<(), E>,
) -> Result<&'a [u8], E> {
    while let Some((length, rest)) = bytes.split_first_chunk::<PREFIX>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_FRAME {
            return Err(Malformed(Part::Length).into());
        }
        let Some((frame, rest)) = rest.split_at_checked(length) else { break };
        each(Frame::decode(frame)?)?;
        bytes = rest;
    }
    Ok(bytes)
}
