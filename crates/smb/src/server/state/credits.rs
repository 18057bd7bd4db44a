//! Which message ids a client may use, [MS-SMB2] 3.3.1.1 and 3.3.5.2.3.

/// The most ids the window can span.
const SPAN: u64 = 512;
const WORDS: usize = SPAN as usize / 64;

/// The ids a client has been granted and has not used.
///
/// The window runs from the oldest unused id to the newest granted one. An id is used once; the span is
/// bounded, so a client that leaves holes stops being granted more.
#[derive(Debug)]
pub(crate) struct CreditWindow {
    /// The oldest id that was not used.
    low: u64,
    /// One past the newest id granted.
    high: u64,
    /// A bit for each id of the window, at its id modulo [`SPAN`]: used.
    used: [u64; WORDS],
    /// How far `high` may be ahead of `low`.
    limit: u64,
}

impl CreditWindow {
    /// A window that holds the id 0, which the first request must use.
    pub(crate) fn new(limit: u16) -> Self {
        Self { low: 0, high: 1, used: [0; WORDS], limit: u64::from(limit).clamp(1, SPAN) }
    }

    /// Uses `charge` ids from `first` on; a charge of 0 counts as 1. `false` if any of them was not granted
    /// or is used already, and then nothing changes.
    pub(crate) fn consume(&mut self, first: u64, charge: u16) -> bool {
        let Some(end) = first.checked_add(u64::from(charge.max(1))) else {
            return false;
        };
        if first < self.low || end > self.high || (first..end).any(|id| self.is_used(id)) {
            return false;
        }
        for id in first..end {
            *self.word(id) |= Self::bit(id);
        }
        while self.low < self.high && self.is_used(self.low) {
            let id = self.low;
            *self.word(id) &= !Self::bit(id);
            self.low += 1;
        }
        true
    }

    /// Grants up to `requested` credits, at least one where the limit allows, and gives how many.
    pub(crate) fn grant(&mut self, requested: u16) -> u16 {
        let room = self.limit.saturating_sub(self.high - self.low);
        let granted = u64::from(requested.max(1)).min(room);
        // `granted` is at most `requested.max(1)`, so it fits.
        self.high += granted;
        granted as u16
    }

    /// How many credits the client has not used.
    pub(crate) fn left(&self) -> u64 {
        let used: u32 = self.used.iter().map(|word| word.count_ones()).sum();
        (self.high - self.low).saturating_sub(u64::from(used))
    }

    fn bit(id: u64) -> u64 {
        1 << (id % 64)
    }

    fn word(&mut self, id: u64) -> &mut u64 {
        &mut self.used[(id % SPAN) as usize / 64]
    }

    fn is_used(&self, id: u64) -> bool {
        self.used[(id % SPAN) as usize / 64] & Self::bit(id) != 0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_id_is_zero_and_each_is_used_once() {
        let mut window = CreditWindow::new(512);
        assert!(!window.consume(1, 1), "not granted");
        assert!(window.consume(0, 0), "a charge of 0 counts as 1");
        assert!(!window.consume(0, 1), "used");
        assert_eq!(window.grant(0), 1, "a client always keeps one");
        assert!(window.consume(1, 1));
    }

    #[test]
    fn a_request_can_use_several_ids_in_any_order() {
        let mut window = CreditWindow::new(512);
        assert!(window.consume(0, 1));
        assert_eq!(window.grant(10), 10);
        assert!(window.consume(5, 4));
        assert!(!window.consume(8, 1));
        assert!(!window.consume(4, 2), "overlaps, and takes nothing");
        assert!(window.consume(1, 4));
        assert!(window.consume(9, 2));
        assert!(!window.consume(11, 1));
    }

    #[test]
    fn grants_stop_at_the_limit_until_holes_are_filled() {
        let mut window = CreditWindow::new(8);
        assert!(window.consume(0, 1));
        assert_eq!(window.grant(100), 8);
        assert!(window.consume(2, 7));
        assert_eq!(window.grant(5), 0, "id 1 is still a credit in hand");
        assert!(window.consume(1, 1));
        assert_eq!(window.grant(5), 5);
    }

    #[test]
    fn no_id_is_out_of_range() {
        let mut window = CreditWindow::new(512);
        assert!(!window.consume(u64::MAX, 1));
        assert!(!window.consume(u64::MAX, u16::MAX));
    }

    proptest! {
        /// The window agrees with a plain set of granted and used ids.
        #[test]
        fn behaves_like_a_set(limit in 1u16..=512, steps in proptest::collection::vec((0u64..40, 0u16..4, 0u16..40), 1..200)) {
            let mut window = CreditWindow::new(limit);
            let mut available = BTreeSet::from([0u64]);
            let mut high = 1u64;
            for (ahead, charge, requested) in steps {
                let first = available.first().copied().unwrap_or(high).saturating_sub(2) + ahead;
                let ids: BTreeSet<u64> = (first..first + u64::from(charge.max(1))).collect();
                let legal = ids.is_subset(&available);
                prop_assert_eq!(window.consume(first, charge), legal);
                if legal {
                    available.retain(|id| !ids.contains(id));
                    let granted = window.grant(requested);
                    available.extend(high..high + u64::from(granted));
                    high += u64::from(granted);
                    prop_assert!(!available.is_empty(), "the client must keep a credit");
                    prop_assert!(available.len() <= usize::from(limit));
                    prop_assert_eq!(window.left(), available.len() as u64);
                }
            }
        }
    }
}
