//! The port of an endpoint: one, one of several, or any.

use std::fmt;

/// Which ports an endpoint may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// This one.
    Fixed(u16),
    /// One of these, both ends included; the first is smaller than the last.
    Range(u16, u16),
    /// One that the system chooses.
    Dynamic,
}

impl Ports {
    /// The port, when there is only one.
    pub fn fixed(self) -> Option<u16> {
        match self {
            Self::Fixed(port) => Some(port),
            Self::Range(..) | Self::Dynamic => None,
        }
    }

    /// The first and the last one, unless any will do.
    pub fn bounds(self) -> Option<(u16, u16)> {
        match self {
            Self::Fixed(port) => Some((port, port)),
            Self::Range(first, last) => Some((first, last)),
            Self::Dynamic => None,
        }
    }

    /// `4445`, `20000-20010`, `dynamic`; 0 is the same as `dynamic`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let text = text.trim();
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?
        };
        match text.trim() {
            "dynamic" => Some(Self::Dynamic),
            text => match text.split_once('-') {
                Some((first, last)) => match (number(first)?, number(last)?) {
                    (0, _) => None,
                    (first, last) if first == last => Some(Self::Fixed(first)),
                    (first, last) => (first < last).then_some(Self::Range(first, last)),
                },
                None => number(text).map(|port| if port == 0 { Self::Dynamic } else { Self::Fixed(port) }),
            },
        }
    }
}

/// As it is written in the file.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(port) => write!(f, "{port}"),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
            Self::Dynamic => f.write_str("dynamic"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_one_or_one_of_several_or_any() {
        let cases = [
            ("445", Some(Ports::Fixed(445))),
            ("0", Some(Ports::Dynamic)),
            ("dynamic", Some(Ports::Dynamic)),
            ("20000-20010", Some(Ports::Range(20000, 20010))),
            (" 20000 - 20010 ", Some(Ports::Range(20000, 20010))),
            ("20000-20000", Some(Ports::Fixed(20000))),
            ("20010-20000", None),
            ("0-10", None),
            ("65536", None),
            ("+1", None),
            ("", None),
            ("1-2-3", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Ports::parse(text), expected, "{text}");
        }
        for ports in [Ports::Fixed(1), Ports::Range(1, 2), Ports::Dynamic] {
            assert_eq!(Ports::parse(&ports.to_string()), Some(ports));
        }
    }
}
