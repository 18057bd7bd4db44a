#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(test, allow(missing_docs))]

use core::time::Duration;

/// A wait that doubles with each failure, up to a longest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Backoff {
    /// The whole wait after so many failures in a row; none after no failure.
    #[must_use]
    pub fn full(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// Between half and all of [`Self::full`], so that attempts which failed together are not repeated
    /// together.
    ///
    /// `random` is any number; evenly spread numbers give evenly spread waits.
    #[must_use]
    pub fn jittered(&self, failures: u32, random: u64) -> Duration {
        let full = self.full(failures);
        let half = full / 2;
        // The top 16 bits are fine enough for a wait and keep the product within Duration's u32 factor.
        half + half * (random >> 48) as u32 / u32::from(u16::MAX)
    }
}

/// The next number of a sequence that `seed` fixes (SplitMix64), spread evenly over all 64 bits. It can be
/// predicted, so it is for jitter only.
pub fn next_random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };

    #[test]
    fn the_wait_grows_to_the_longest() {
        let waits = [0, 1, 2, 3, 4, 5, 6, 7, u32::MAX].map(|failures| BACKOFF.full(failures).as_secs());
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(BACKOFF.jittered(3, u64::MAX), BACKOFF.full(3));
    }

    #[test]
    fn a_first_wait_beyond_the_longest_is_cut() {
        let backoff = Backoff { first: Duration::MAX, longest: Duration::from_secs(5) };
        assert_eq!(backoff.full(40), Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn a_jittered_wait_lies_between_half_and_all(failures: u32, random: u64) {
            let (wait, full) = (BACKOFF.jittered(failures, random), BACKOFF.full(failures));
            prop_assert!(wait >= full / 2 && wait <= full);
        }
    }
}
