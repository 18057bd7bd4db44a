//! The time as one look at the clock has found it: a connection looks once each time that it is woken.

use std::time::{Duration, SystemTime};

use standpipe_smb::FileTime;
use standpipe_smb::server::Now;
use tokio::time::Instant;

/// How long a look at the time of day counts, which is set by people and only told to clients.
const WALL_COUNTS: Duration = Duration::from_secs(1);

/// The clocks of one connection.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    now: Instant,
    /// The same since the start.
    monotonic: Duration,
    wall: FileTime,
    /// When [`Self::wall`] was read, since the start.
    wall_read: Duration,
}

impl Clock {
    /// Clocks that run since `started`.
    pub(super) fn new(started: Instant) -> Self {
        let now = Instant::now();
        let monotonic = now - started;
        Self { started, now, monotonic, wall: wall_clock(), wall_read: monotonic }
    }

    /// Looks at the clock.
    pub(super) fn read(&mut self) {
        self.now = Instant::now();
        self.monotonic = self.now - self.started;
        if self.monotonic.saturating_sub(self.wall_read) >= WALL_COUNTS {
            (self.wall, self.wall_read) = (wall_clock(), self.monotonic);
        }
    }

    /// The time of the last look.
    pub(super) fn instant(&self) -> Instant {
        self.now
    }

    /// The time of the last look, as the protocol counts it.
    pub(super) fn now(&self) -> Now {
        Now { monotonic: self.monotonic, wall: self.wall }
    }

    /// The instant of a time that the protocol has named.
    pub(super) fn at(&self, monotonic: Duration) -> Instant {
        standpipe_transport::deadline::after(self.started, monotonic)
    }
}

/// The time of day as the protocol counts it.
fn wall_clock() -> FileTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    FileTime::from_unix(since_1970)
}
