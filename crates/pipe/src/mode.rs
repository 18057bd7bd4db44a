//! Whether a pipe carries messages or bytes.

use std::fmt;
use std::str::FromStr;

/// What a pipe carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// Each write is one message and is read as one, empty ones included.
    #[default]
    Message,
    /// Bytes without boundaries.
    Byte,
}

/// A mode's name that is neither `message` nor `byte`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pipe mode: expected `message` or `byte`")]
pub struct UnknownMode(String);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "message",
            Self::Byte => "byte",
        })
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "message" => Ok(Self::Message),
            "byte" => Ok(Self::Byte),
            other => Err(UnknownMode(other.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        for mode in [Mode::Message, Mode::Byte] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
    }

    #[test]
    fn names_the_text_it_refuses() {
        let error = "datagram".parse::<Mode>().unwrap_err();
        assert!(error.to_string().contains("`datagram`"), "{error}");
    }
}
