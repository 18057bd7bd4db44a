//! A client's share of a pipe that takes a limited number of clients.

use std::fmt;

/// One open's share of a pipe that limits them, given back when it is dropped. A pipe without a limit gives
/// out slots that nobody counts.
pub struct Slot(Option<Box<dyn Send + Sync>>);

impl Slot {
    /// A slot of a pipe without a limit.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// A slot that drops `share` when it is given back.
    pub fn of(share: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(share)))
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Slot(limited)" } else { "Slot(unlimited)" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_slot_that_is_dropped_gives_its_share_back() {
        let share = Arc::new(());
        let slot = Slot::of(Arc::clone(&share));
        assert_eq!(Arc::strong_count(&share), 2);
        drop(slot);
        assert_eq!(Arc::strong_count(&share), 1);
    }
}
