//! The credit of one direction of a stream, at both of its ends.

use super::fields::{Malformed, Part};
use super::{PIECE_OVERHEAD, WINDOW};

/// How much was taken away before the receiver gives it back: a quarter of the window, so that a frame for it
/// is rare.
const GIVE_BACK: usize = WINDOW / 4;

/// What a sender may still send.
#[derive(Debug)]
pub struct Sending {
    credit: usize,
}

impl Default for Sending {
    fn default() -> Self {
        Self { credit: WINDOW }
    }
}

impl Sending {
    /// How many bytes the next piece may have; `None` while none may be sent.
    #[must_use]
    pub fn room(&self) -> Option<usize> {
        self.credit.checked_sub(PIECE_OVERHEAD)
    }

    /// A piece of so many bytes is sent, which must be within [`Self::room`].
    pub fn spend(&mut self, length: usize) {
        self.credit = self.credit.saturating_sub(length.saturating_add(PIECE_OVERHEAD));
    }

    /// The receiver gave credit. More than a window in all is none of its business.
    pub fn gain(&mut self, credit: u32) -> Result<(), Malformed> {
        let credit = usize::try_from(credit).unwrap_or(usize::MAX).saturating_add(self.credit);
        if credit > WINDOW {
            return Err(Malformed(Part::Credit));
        }
        self.credit = credit;
        Ok(())
    }
}

/// What a receiver holds, and what it owes.
#[derive(Debug, Default)]
pub struct Receiving {
    held: usize,
    owed: usize,
}

impl Receiving {
    /// A piece of so many bytes arrived.
    pub fn hold(&mut self, length: usize) -> Result<(), Malformed> {
        let held = self.held.saturating_add(length).saturating_add(PIECE_OVERHEAD);
        if held.saturating_add(self.owed) > WINDOW {
            return Err(Malformed(Part::Credit));
        }
        self.held = held;
        Ok(())
    }

    /// A piece of so many bytes left the queue. Returns the credit to give now, where it is time to.
    pub fn release(&mut self, length: usize) -> Option<u32> {
        let cost = length.saturating_add(PIECE_OVERHEAD).min(self.held);
        self.held -= cost;
        self.owed += cost;
        if self.owed < GIVE_BACK {
            return None;
        }
        u32::try_from(std::mem::take(&mut self.owed)).ok()
    }
}
