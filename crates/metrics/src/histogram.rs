//! How long something took, in classes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Counter;

/// The upper ends of the classes in microseconds, and as Prometheus writes them in seconds. What took
/// longer is in a class without an end.
const ENDS: [(u64, &str); 14] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
];

/// How long something took: how often, by class, and in all.
#[derive(Debug, Default)]
pub struct Histogram {
    classes: [Counter; ENDS.len() + 1],
    /// In microseconds.
    sum: AtomicU64,
}

impl Histogram {
    /// Something took that long.
    pub fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let class = ENDS.partition_point(|(end, _)| *end < micros);
        if let Some(class) = self.classes.get(class) {
            class.add();
        }
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// How often something took not longer than each end, and in all: `+Inf` is the last.
    pub(crate) fn cumulated(&self) -> Vec<(&'static str, u64)> {
        let ends = ENDS.iter().map(|(_, end)| *end).chain(["+Inf"]);
        let counts = self.classes.iter().scan(0_u64, |sum, class| {
            *sum = sum.saturating_add(class.get());
            Some(*sum)
        });
        ends.zip(counts).collect()
    }

    /// In seconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of 200 years have a place in it")]
    pub(crate) fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_every_class_that_does_not_end_before_it() {
        let histogram = Histogram::default();
        for micros in [100, 101, 5_000_000, 31_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let at = |end: &str| histogram.cumulated().iter().find(|(name, _)| *name == end).unwrap().1;
        assert_eq!([at("0.0001"), at("0.00025"), at("1"), at("5"), at("30"), at("+Inf")], [1, 2, 2, 3, 3, 4]);
        assert!((histogram.sum() - 36.000_201).abs() < 1e-9);
    }

    #[test]
    fn the_ends_rise_and_their_names_are_their_values() {
        assert!(ENDS.is_sorted_by(|one, next| one.0 < next.0));
        for (micros, name) in ENDS {
            let seconds: f64 = name.parse().unwrap();
            assert!((seconds - Duration::from_micros(micros).as_secs_f64()).abs() < 1e-12, "{name}");
        }
    }
}
