//! The numbers by which a watcher decides.

use std::num::NonZeroU32;
use std::time::Duration;

use standpipe_backoff::Backoff;

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
    /// The wait after a first start that failed; it doubles with each failure that follows. A service that
    /// dies for the first time, or after a stable run, is started again without a wait. 500 ms.
    pub backoff_first: Duration,
    /// The longest wait after a failure. 30 s.
    pub backoff_cap: Duration,
    /// How long a service may take to stop before it is killed. 10 s.
    pub stop_grace: Duration,
    /// How long a stop may take in all, however much progress the service reports. 10 s. Never less than
    /// `stop_grace`.
    pub stop_cap: Duration,
    /// How long a killed service may take to be gone before the watcher stops waiting for it. 5 s.
    pub kill_timeout: Duration,
    /// A running service that misses this many probes in a row counts as hung. 3.
    pub hung_after: NonZeroU32,
}

impl Policy {
    /// How the wait grows with the failures.
    pub(crate) fn backoff(&self) -> Backoff {
        Backoff { first: self.backoff_first, longest: self.backoff_cap }
    }
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
            stop_cap: Duration::from_secs(10),
            kill_timeout: Duration::from_secs(5),
            hung_after: NonZeroU32::MIN.saturating_add(2),
        }
    }
}
