//! The numbers by which a watcher decides.

use std::num::NonZeroU32;
use std::time::Duration;

/// The numbers by which a watcher decides. `Default` gives the story's where it had one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How often a running service is looked at, beside the notifications. 10 s.
    pub check_interval: Duration,
    /// How long a start may take without a sign of progress. 10 s.
    pub start_timeout: Duration,
    /// How long a start may take in all, however much progress it reports. 5 min. Never less than
    /// `start_timeout`.
    pub start_cap: Duration,
    /// With this many failures and no stable run between them, the watcher gives up. 5.
    pub max_failures: NonZeroU32,
    /// A run this long makes the watcher forget earlier failures. 5 min.
    pub stable_after: Duration,
    /// The wait after the first failure; it doubles with each that follows. 500 ms.
    pub backoff_first: Duration,
    /// The longest wait after a failure. 30 s.
    pub backoff_cap: Duration,
    /// How long a service may take to stop before it is killed. 10 s.
    pub stop_grace: Duration,
    /// How long a killed service may take to be gone before the watcher stops waiting for it. 5 s.
    pub kill_timeout: Duration,
    /// A running service that misses this many probes in a row counts as hung. 3.
    pub hung_after: NonZeroU32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            check_interval: Duration::from_secs(10),
            start_timeout: Duration::from_secs(10),
            start_cap: Duration::from_mins(5),
            max_failures: NonZeroU32::MIN.saturating_add(4),
            stable_after: Duration::from_mins(5),
            backoff_first: Duration::from_millis(500),
            backoff_cap: Duration::from_secs(30),
            stop_grace: Duration::from_secs(10),
            kill_timeout: Duration::from_secs(5),
            hung_after: NonZeroU32::MIN.saturating_add(2),
        }
    }
}

/// A wait that doubles from `first` with each failure up to `cap`, taken to between half and all of itself by
/// `jitter`, so that instances which failed together do not retry together.
///
/// `failures` counts from 1; `jitter` is any number, evenly spread numbers give evenly spread waits.
pub fn backoff(first: Duration, cap: Duration, failures: u32, jitter: u64) -> Duration {
    let factor = 1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let full = first.saturating_mul(factor).min(cap);
    let half = full / 2;
    // The top 16 bits are fine enough for a wait and keep the product within Duration's u32 factor.
    half + half * (jitter >> 48) as u32 / u32::from(u16::MAX)
}

/// The next number of a sequence that `seed` fixes (SplitMix64), spread evenly over all 64 bits. For jitter
/// only: it is not unpredictable.
pub fn next_jitter(seed: &mut u64) -> u64 {
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

    #[test]
    fn grows_to_the_cap() {
        let wait = |failures| backoff(Duration::from_secs(1), Duration::from_secs(30), failures, u64::MAX);
        let waits: Vec<u64> = (1..=7).map(|n| wait(n).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }

    proptest! {
        #[test]
        fn stays_between_half_and_all(failures in 1u32.., jitter: u64) {
            let (first, cap) = (Duration::from_millis(500), Duration::from_secs(30));
            let wait = backoff(first, cap, failures, jitter);
            prop_assert!(wait >= first / 2 && wait <= cap);
        }
    }
}
