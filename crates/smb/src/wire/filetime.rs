//! Windows' time of day, [MS-DTYP] 2.3.3.

use core::time::Duration;

/// A moment: the number of 100-nanosecond intervals since 1601-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct FileTime(pub u64);

impl FileTime {
    /// Seconds from 1601-01-01 to 1970-01-01.
    const UNIX_EPOCH_SECONDS: u64 = 11_644_473_600;

    /// The moment this long after 1970-01-01 00:00 UTC; saturates in the year 60056.
    pub fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().saturating_add(Self::UNIX_EPOCH_SECONDS);
        Self(seconds.saturating_mul(10_000_000).saturating_add(u64::from(since_epoch.subsec_nanos()) / 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unix_epoch_is_where_ms_dtyp_puts_it() {
        assert_eq!(FileTime::from_unix(Duration::ZERO), FileTime(116_444_736_000_000_000));
        assert_eq!(FileTime::from_unix(Duration::from_nanos(1_500)).0 % 10_000_000, 15);
    }
}
