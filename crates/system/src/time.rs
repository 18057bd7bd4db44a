//! Lengths of time for people.

use std::fmt;
use std::time::Duration;

/// A length of time as a person writes it, not finer than anybody needs: `0s`, `736ms`, `1.2s`, `10s`,
/// `1m 5s`, `26h 3m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown(pub Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match (seconds, millis) {
            (0, 0) if self.0.is_zero() => f.write_str("0s"),
            (0, 0) => f.write_str("less than 1ms"),
            (0, millis) => write!(f, "{millis}ms"),
            (1..10, 100..) => write!(f, "{seconds}.{}s", millis / 100),
            (1..60, _) => write!(f, "{seconds}s"),
            (60..3600, _) if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            (60..3600, _) => write!(f, "{}m {}s", seconds / 60, seconds % 60),
            _ if seconds % 3600 < 60 => write!(f, "{}h", seconds / 3600),
            _ => write!(f, "{}h {}m", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_units_that_a_person_would_choose() {
        let shown = |micros| Shown(Duration::from_micros(micros)).to_string();
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(20), "less than 1ms");
        assert_eq!(shown(736_049), "736ms");
        assert_eq!(shown(1_000_000), "1s");
        assert_eq!(shown(1_249_000), "1.2s");
        assert_eq!(shown(30_700_000), "30s");
        assert_eq!(shown(60_000_000), "1m");
        assert_eq!(shown(65_000_000), "1m 5s");
        assert_eq!(shown(7_200_000_000), "2h");
        assert_eq!(shown(93_800_000_000), "26h 3m");
    }
}
