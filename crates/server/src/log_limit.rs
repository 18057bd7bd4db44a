//! How many lines of one kind go into the log: who floods the server with refusals must not flood its disk.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Lines of one kind in one period; what is beyond is only counted.
const LINES: u32 = 20;
const PERIOD: Duration = Duration::from_secs(10);

/// What a line tells of, as far as clients can cause any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A connection that was refused or had to make room.
    Connection,
    /// A log-on that was refused, or that nobody tried in time.
    LogOn,
    /// An open that was refused.
    Open,
    /// A signature that was missing or wrong.
    Signature,
    /// A connection that was closed because of what its client did.
    Closed,
    /// A service that cannot be reached, read or written.
    Service,
}

const KINDS: [Kind; 6] =
    [Kind::Connection, Kind::LogOn, Kind::Open, Kind::Signature, Kind::Closed, Kind::Service];

/// What the kinds are called in the log, in the same order.
const NAMES: [&str; KINDS.len()] = ["connections", "log-ons", "opens", "signatures", "closed", "services"];

/// Counts lines, for all connections of a server.
#[derive(Debug, Default)]
pub(crate) struct LogLimit([Mutex<Lines>; KINDS.len()]);

#[derive(Debug, Default)]
struct Lines {
    since: Option<Instant>,
    logged: u32,
    suppressed: u64,
}

/// A line that goes into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// How many of its kind were left out before it; `None` for none, which then is not printed.
    pub(crate) suppressed: Option<u64>,
}

impl LogLimit {
    /// Whether another line of this kind goes into the log.
    pub(crate) fn line(&self, kind: Kind) -> Option<Line> {
        let now = Instant::now();
        let mut lines = self.0.get(kind as usize)?.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.since.is_none_or(|since| now.duration_since(since) >= PERIOD) {
            lines.since = Some(now);
            lines.logged = 0;
        }
        if lines.logged == LINES {
            lines.suppressed += 1;
            return None;
        }
        lines.logged += 1;
        Some(Line { suppressed: take(&mut lines.suppressed) })
    }

    /// Logs how much was left out and never told, at the end.
    pub(crate) fn tell_rest(&self) {
        for (kind, lines) in NAMES.iter().zip(&self.0) {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(suppressed) = take(&mut lines.suppressed) {
                tracing::warn!(kind, suppressed, "lines were left out of this log");
            }
        }
    }
}

fn take(count: &mut u64) -> Option<u64> {
    Some(std::mem::take(count)).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_becomes_a_number_in_the_next_periods_first_line() {
        let limit = LogLimit::default();
        let logged = |kind| (0..1000).filter(|_| limit.line(kind).is_some()).count();
        assert_eq!(logged(Kind::LogOn), LINES as usize);
        assert_eq!(logged(Kind::Open), LINES as usize, "another kind has lines of its own");
        tokio::time::advance(PERIOD).await;
        assert_eq!(limit.line(Kind::LogOn), Some(Line { suppressed: Some(1000 - u64::from(LINES)) }));
        assert_eq!(limit.line(Kind::LogOn), Some(Line { suppressed: None }), "told once");
    }

    #[test]
    fn every_kind_has_its_place() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }
}
