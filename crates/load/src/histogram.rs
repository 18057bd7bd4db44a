//! Counts of durations in classes that are fine enough for percentiles and few enough to be cheap.

use std::time::Duration;

/// Classes for each doubling: a percentile is at most 1/64 too high.
const CLASSES: u64 = 64;
/// The bits of [`CLASSES`].
const BITS: u32 = CLASSES.trailing_zeros();

/// Durations, counted by nanoseconds in classes of 1.6 % width.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    longest: u64,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let class = class_of(nanoseconds);
        if class >= self.counts.len() {
            self.counts.resize(class + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(class) {
            *count += 1;
        }
        self.count += 1;
        self.longest = self.longest.max(nanoseconds);
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.count += other.count;
        self.longest = self.longest.max(other.longest);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that `share` of all (0.5 for the median) do not exceed, exact to 1.6 %; zero if there are
    /// none.
    pub fn percentile(&self, share: f64) -> Duration {
        #[expect(clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "counts are far below 2^52")]
        let wanted = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (class, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(longest_of(class).min(self.longest));
            }
        }
        Duration::ZERO
    }

    /// The longest duration, exactly.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }
}

/// Up to twice [`CLASSES`] each number has a class of its own; then each doubling has [`CLASSES`] of them.
fn class_of(value: u64) -> usize {
    let shift = (u64::BITS - (value | CLASSES).leading_zeros()) - 1 - BITS;
    (u64::from(shift) * CLASSES + (value >> shift)) as usize
}

/// The largest number of a class.
fn longest_of(class: usize) -> u64 {
    let class = class as u64;
    let shift = (class / CLASSES).saturating_sub(1);
    let start = (class - shift * CLASSES) << shift;
    start + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn percentiles_are_those_of_what_was_counted() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(0.5), Duration::ZERO);
        (1..=1000).for_each(|micros| histogram.record(Duration::from_micros(micros)));
        for (share, exact) in [(0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000)] {
            let found = histogram.percentile(share).as_secs_f64() / (f64::from(exact) * 1e-6);
            assert!((1.0..1.016).contains(&found), "{share}: {found}");
        }
        assert_eq!(histogram.longest(), Duration::from_millis(1));
    }

    #[test]
    fn merging_is_counting_together() {
        let (mut one, mut other, mut all) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for micros in 0..500_u64 {
            let duration = Duration::from_micros(micros * micros);
            if micros % 3 == 0 {
                one.record(duration);
            } else {
                other.record(duration);
            }
            all.record(duration);
        }
        one.merge(&other);
        assert_eq!((one.count(), one.longest()), (all.count(), all.longest()));
        assert_eq!(one.percentile(0.9), all.percentile(0.9));
    }

    proptest! {
        #[test]
        fn every_number_is_in_its_class(value in any::<u64>(), shift in 0..64_u32) {
            let value = value >> shift;
            let class = class_of(value);
            prop_assert!(value <= longest_of(class));
            prop_assert!(class == 0 || value > longest_of(class - 1));
        }
    }
}
