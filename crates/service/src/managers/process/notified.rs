//! What a service tells of itself: the messages of `sd_notify(3)`.

use std::time::Duration;

/// One message of a service, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// It is ready.
    pub(super) ready: bool,
    /// It needs this much more time.
    pub(super) extend: Option<Duration>,
    /// What it is doing, in words.
    pub(super) status: Option<String>,
}

impl Told {
    /// The message with this text: one assignment in each line. What is unknown is left out.
    pub(super) fn parse(text: &str) -> Self {
        let mut told = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "READY" => told.ready |= value == "1",
                "EXTEND_TIMEOUT_USEC" => {
                    told.extend = value.parse().ok().map(Duration::from_micros).or(told.extend);
                }
                "STATUS" if !value.is_empty() => told.status = Some(value.to_owned()),
                _ => {}
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_line_by_line_and_what_is_unknown_is_left_out() {
        let told = Told::parse("STATUS=loading 3 = 4\nEXTEND_TIMEOUT_USEC=1500000\nMAINPID=7\nnonsense");
        let expected = Told {
            ready: false,
            extend: Some(Duration::from_millis(1500)),
            status: Some("loading 3 = 4".to_owned()),
        };
        assert_eq!(told, expected);
        assert!(Told::parse("READY=1").ready);
        assert_eq!(Told::parse("READY=0\nEXTEND_TIMEOUT_USEC=-1\nSTATUS="), Told::default());
    }
}
