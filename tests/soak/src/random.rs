//! Numbers that look random and follow from a seed, so that a run can be had again.

use std::ops::Range;
use std::time::Duration;

/// SplitMix64: small, fast, and good enough to choose what a client does next.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers of one of many: each client has its own, so what one does changes nothing for the others.
    pub(crate) fn of(seed: u64, number: u64) -> Self {
        let mut random = Self(seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.len() as u64) as usize
    }

    /// Whether something happens that happens this many times in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// A length of time up to `longest`.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64))
    }

    /// A length that is mostly small, sometimes large, and often beside a power of two.
    pub(crate) fn length(&mut self, longest: usize) -> usize {
        let bits = longest.max(2).ilog2();
        let power = 1usize << self.below(u64::from(bits) + 1);
        let around = match self.below(4) {
            0 => power - 1,
            1 => power,
            2 => power + 1,
            _ => power + self.below(power as u64) as usize,
        };
        around.min(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed, client| {
            let mut random = Random::of(seed, client);
            [(); 5].map(|()| random.next())
        };
        assert_eq!(numbers(1, 1), numbers(1, 1));
        assert_ne!(numbers(1, 1), numbers(1, 2));
        assert_ne!(numbers(1, 1), numbers(2, 1));
    }

    #[test]
    fn lengths_reach_their_end_and_stay_within() {
        let mut random = Random::of(7, 0);
        let lengths: Vec<_> = (0..2000).map(|_| random.length(1000)).collect();
        assert!(lengths.iter().all(|length| *length <= 1000));
        assert!(lengths.contains(&1000) && lengths.contains(&0) && lengths.contains(&513));
    }
}
