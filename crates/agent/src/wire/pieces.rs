//! Messages in pieces.

use super::MAX_MESSAGE;

/// A message that is longer than [`MAX_MESSAGE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message is longer than the {MAX_MESSAGE} bytes that are taken here")]
pub struct TooLong;

/// Puts a message together from its pieces.
#[derive(Debug, Default)]
pub struct Assembler {
    message: Vec<u8>,
}

impl Assembler {
    /// Takes a piece. Returns the message when the piece is its last.
    pub fn add(&mut self, bytes: Vec<u8>, last: bool) -> Result<Option<Vec<u8>>, TooLong> {
        if self.message.len().saturating_add(bytes.len()) > MAX_MESSAGE {
            return Err(TooLong);
        }
        if self.message.is_empty() {
            self.message = bytes;
        } else {
            self.message.extend_from_slice(&bytes);
        }
        Ok(last.then(|| std::mem::take(&mut self.message)))
    }
}
