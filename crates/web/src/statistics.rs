//! What a site counts.

use std::time::Duration;

use standpipe_metrics::{Counter, Histogram};

use crate::calls::{CallError, CallErrorKind, Reply};

/// What became of the calls of one name.
#[derive(Debug, Default)]
pub struct CallStatistics {
    answered: Counter,
    failed: [Counter; CallErrorKind::ALL.len()],
    durations: Histogram,
}

impl CallStatistics {
    pub(crate) fn record(&self, result: &Result<Reply, CallError>, took: Duration) {
        let counter = match result {
            Ok(_) => Some(&self.answered),
            Err(error) => self.failed.get(error.kind as usize),
        };
        if let Some(counter) = counter {
            counter.add();
        }
        self.durations.observe(took);
    }

    /// How many calls ended in each way: `ok`, or the code of a [`CallErrorKind`].
    pub fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let codes = CallErrorKind::ALL.map(CallErrorKind::code).into_iter();
        let failed = codes.zip(self.failed.iter().map(Counter::get));
        std::iter::once(("ok", self.answered.get())).chain(failed)
    }

    /// How long calls took, whatever became of them.
    pub fn durations(&self) -> &Histogram {
        &self.durations
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_a_counter_of_its_own() {
        let statistics = CallStatistics::default();
        for kind in CallErrorKind::ALL {
            statistics.record(&Err(CallError::new(kind)), Duration::ZERO);
        }
        assert!(statistics.results().all(|(code, count)| count == u64::from(code != "ok")));
    }
}
