//! How many lines of one kind go into the log: who floods the server with refusals must not flood its disk.

use std::collections::HashMap;
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

/// Accounts that have lines of their own at once. Only names of accounts that exist come here.
const ACCOUNTS: usize = 10_000;

/// Counts lines, for all connections of a server.
#[derive(Debug, Default)]
pub(crate) struct LogLimit {
    kinds: [Mutex<Lines>; KINDS.len()],
    /// Of each account, when it had a line last, and what was left out since.
    accounts: Mutex<HashMap<String, Lines>>,
}

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
        let mut lines = self.kinds.get(kind as usize)?.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// The same about one account that exists, which has a line in each period whatever is said of others: a
    /// flood of other names does not hide that it is guessed at.
    pub(crate) fn line_about(&self, kind: Kind, account: &str) -> Option<Line> {
        let now = Instant::now();
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.len() >= ACCOUNTS {
            accounts.retain(|_, lines| lines.since.is_some_and(|since| now.duration_since(since) < PERIOD));
        }
        let is_new = !accounts.contains_key(account);
        if is_new && accounts.len() >= ACCOUNTS {
            drop(accounts);
            return self.line(kind);
        }
        let lines = accounts.entry(account.to_owned()).or_default();
        if lines.since.is_some_and(|since| now.duration_since(since) < PERIOD) {
            let line = self.line(kind);
            lines.suppressed += u64::from(line.is_none());
            return line;
        }
        lines.since = Some(now);
        Some(Line { suppressed: take(&mut lines.suppressed) })
    }

    /// Logs how much was left out and never told, at the end.
    pub(crate) fn tell_rest(&self) {
        for (kind, lines) in NAMES.iter().zip(&self.kinds) {
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

    #[tokio::test(start_paused = true)]
    async fn an_account_that_is_guessed_at_has_a_line_of_its_own_in_a_flood_of_others() {
        let limit = LogLimit::default();
        while limit.line(Kind::LogOn).is_some() {}
        assert_eq!(limit.line_about(Kind::LogOn, "anna"), Some(Line { suppressed: None }));
        assert_eq!(limit.line_about(Kind::LogOn, "anna"), None, "one in a period");
        assert_eq!(limit.line_about(Kind::LogOn, "anna"), None);
        assert_eq!(limit.line_about(Kind::LogOn, "bert"), Some(Line { suppressed: None }));
        tokio::time::advance(PERIOD).await;
        while limit.line(Kind::LogOn).is_some() {}
        assert_eq!(limit.line_about(Kind::LogOn, "anna"), Some(Line { suppressed: Some(2) }));
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_no_end_of_accounts_and_one_of_memory() {
        let limit = LogLimit::default();
        for number in 0..2 * ACCOUNTS {
            limit.line_about(Kind::LogOn, &number.to_string());
        }
        assert_eq!(limit.accounts.lock().unwrap().len(), ACCOUNTS);
        tokio::time::advance(PERIOD).await;
        assert!(limit.line_about(Kind::LogOn, "anna").is_some());
        assert_eq!(limit.accounts.lock().unwrap().len(), 1);
    }

    #[test]
    fn every_kind_has_its_place() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, index);
        }
    }
}
