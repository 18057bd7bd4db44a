//! What a server process holds: memory and file descriptors.

use std::fs;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// One part of this many at a run's beginning does not count: caches fill, and the first burst of log-ons is
/// over.
const WARM_UP: usize = 5;

/// What one process held, over the run.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    process: u32,
    began: Instant,
    samples: Mutex<Vec<Sample>>,
}

/// At one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) at: Duration,
    /// Resident memory in KiB.
    pub(crate) resident: u64,
    pub(crate) descriptors: usize,
}

/// The medians of resident memory, in KiB, in the thirds of a run after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Thirds {
    pub(crate) first: u64,
    pub(crate) middle: u64,
    pub(crate) last: u64,
}

impl Measured {
    pub(crate) fn new(name: &'static str, process: u32) -> Self {
        Self { name, process, began: Instant::now(), samples: Mutex::default() }
    }

    /// Looks now; `None` when the process is gone.
    pub(crate) fn look(&self) -> Option<Sample> {
        Some(Sample {
            at: self.began.elapsed(),
            resident: resident(&fs::read_to_string(format!("/proc/{}/status", self.process)).ok()?)?,
            descriptors: fs::read_dir(format!("/proc/{}/fd", self.process)).ok()?.count(),
        })
    }

    /// Looks and keeps it.
    pub(crate) fn sample(&self) -> Option<Sample> {
        let sample = self.look()?;
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        Some(sample)
    }

    /// As many samples as asked for, evenly spread.
    pub(crate) fn curve(&self, points: usize) -> Vec<Sample> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let last = samples.len().saturating_sub(1);
        (0..points)
            .filter_map(|point| samples.get(point * last / points.max(2).saturating_sub(1)))
            .copied()
            .collect()
    }

    /// By how many KiB the straight line through the samples after the warm-up rises over the whole of them;
    /// `None` when there are too few.
    pub(crate) fn rise(&self) -> Option<i64> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let points: Vec<_> = samples.iter().map(|sample| (sample.at.as_millis(), sample.resident)).collect();
        rise(points.get(points.len() / WARM_UP..)?)
    }

    /// `None` when there are too few samples.
    pub(crate) fn thirds(&self) -> Option<Thirds> {
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        thirds(&samples.iter().map(|sample| sample.resident).collect::<Vec<_>>())
    }
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn thirds(resident: &[u64]) -> Option<Thirds> {
    let counted = resident.get(resident.len() / WARM_UP..)?;
    let third = counted.len() / 3;
    let median = |part: &[u64]| {
        let mut sorted = part.to_vec();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    };
    Some(Thirds {
        first: median(counted.get(..third)?)?,
        middle: median(counted.get(third..2 * third)?)?,
        last: median(counted.get(2 * third..)?)?,
    })
}

/// The rise of the line of least squares from the first point to the last.
fn rise(points: &[(u128, u64)]) -> Option<i64> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let count = i128::try_from(points.len()).ok()?;
    let (mut x, mut y, mut xx, mut xy) = (0, 0, 0, 0);
    for &(at, resident) in points {
        let (at, resident) = (i128::try_from(at.checked_sub(first)?).ok()?, i128::from(resident));
        (x, y, xx, xy) = (x + at, y + resident, xx + at * at, xy + at * resident);
    }
    let length = i128::try_from(last.checked_sub(first)?).ok()?;
    let slope = ((count * xy - x * y) * length).checked_div(count * xx - x * x)?;
    i64::try_from(slope).ok()
}

impl Thirds {
    /// Whether memory is flat, but for what an allocator makes of it, after a run of this length.
    ///
    /// A leak of 100 bytes for each of some ten thousand connections of a long run would be a megabyte; of
    /// one for each of its hundred thousands of calls, ten and more. What stays without a leak is what the
    /// allocator's arenas, one for each thread, keep of the busiest moment there was so far, and that comes
    /// later in one than in another: a tenth, and a few megabytes that weigh only where there is little. A
    /// short run is all warm-up, and shows only what grows without any bound.
    ///
    /// The straight line through all samples may rise by as much and no more: one burst at the end does not
    /// make it, and a slow growth does not hide in one burst at the beginning.
    pub(crate) fn is_flat(self, rise: i64, run: Duration) -> bool {
        const FEW_MEGABYTES: u64 = 4 * 1024;
        const LONG: Duration = Duration::from_mins(5);
        let allowed = FEW_MEGABYTES + if run < LONG { self.first } else { self.first / 10 };
        self.last <= self.first + allowed && rise <= i64::try_from(allowed).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_system_says() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t   12345 kB\nThreads:\t1\n"), Some(12345));
        assert!(Measured::new("this", std::process::id()).look().is_some_and(|now| now.resident > 100));
    }

    #[test]
    fn the_warm_up_does_not_count_and_growth_is_seen() {
        let is_flat = |resident: &[u64], run| {
            let points: Vec<_> = (0..).zip(resident).map(|(at, &now)| (at * 500, now)).collect();
            let rise = rise(&points[points.len() / WARM_UP..]).unwrap();
            thirds(resident).unwrap().is_flat(rise, run)
        };
        let flat: Vec<u64> = (0..100).map(|at| if at < 15 { at * 1000 } else { 50_000 + at % 7 }).collect();
        let (long, short) = (Duration::from_mins(10), Duration::from_secs(30));
        assert!(is_flat(&flat, long));
        let growing: Vec<u64> = (0..100).map(|at| 50_000 + at * 300).collect();
        assert!(!is_flat(&growing, long) && is_flat(&growing, short));
        let bursting: Vec<u64> = (0..100).map(|at| 10_000 + at * 1000).collect();
        assert!(!is_flat(&bursting, short));
        // It grew in the middle and its end is lower again, but the line through it rises.
        let uneven: Vec<u64> =
            (0..100).map(|at| 50_000 + at * 400 - if at > 84 { 20_000 } else { 0 }).collect();
        assert!(thirds(&uneven).unwrap().is_flat(0, long) && !is_flat(&uneven, long));
        assert_eq!(rise(&[(0, 10), (500, 20), (1000, 30)]), Some(20));
        assert_eq!(rise(&[(0, 10)]), None);
        assert_eq!(thirds(&[1, 2]), None);
    }
}
