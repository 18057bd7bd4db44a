//! Points in time that users' durations lead to, and sleeping until one.

use std::future::pending;
use std::time::Duration;

use tokio::time::Instant;

/// As good as never, and still a time every clock can tell: some 30 years.
const NEVER: Duration = Duration::from_hours(30 * 365 * 24);

/// The time `wait` after `start`; for a wait longer than clocks reach, a time that nobody lives to see.
#[must_use]
pub fn after(start: Instant, wait: Duration) -> Instant {
    start.checked_add(wait.min(NEVER)).unwrap_or(start)
}

/// Sleeps until `deadline`; for ever without one.
pub async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_a_time_too() {
        let start = Instant::now();
        assert_eq!(after(start, Duration::from_secs(3)) - start, Duration::from_secs(3));
        assert!(after(start, Duration::MAX) - start >= NEVER);
    }
}
