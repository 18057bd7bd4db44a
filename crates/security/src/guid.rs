//! GUIDs, which name kinds of objects in object entries.

use core::fmt;

/// A GUID ([MS-DTYP] 2.3.4), kept as its 16 bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid(pub [u8; 16]);

impl Guid {
    /// Reads the 36 characters of `bf967aba-0de6-11d0-a285-00aa003049e2`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 16];
        let mut at = TEXT_ORDER.into_iter();
        let mut digits = text.split('-');
        for length in [8, 4, 4, 4, 12] {
            let group = digits.next().filter(|group| group.len() == length)?.as_bytes();
            for pair in group.as_chunks::<2>().0 {
                let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
                *bytes.get_mut(at.next()?)? = (high? << 4 | low?) as u8;
            }
        }
        digits.next().is_none().then_some(Self(bytes))
    }
}

/// The first three fields are little-endian on the wire and not in text.
const TEXT_ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, at) in TEXT_ORDER.into_iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{:02x}", self.0[at])?;
        }
        Ok(())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use hex_literal::hex;

    #[test]
    fn text_and_wire_differ_in_byte_order() {
        let text = "bf967aba-0de6-11d0-a285-00aa003049e2";
        let guid = Guid::parse(&text.to_uppercase()).unwrap();
        assert_eq!(guid.0, hex!("ba7a96bf e60d d011 a285 00aa003049e2"));
        assert_eq!(guid.to_string(), text);
    }

    #[test]
    fn any_other_text_is_refused() {
        for text in [
            "",
            "bf967aba",
            "bf967aba-0de6-11d0-a285-00aa003049e2-",
            "bf967ab-a0de6-11d0-a285-00aa003049e2",
            "xf967aba-0de6-11d0-a285-00aa003049e2",
            "{f967aba-0de6-11d0-a285-00aa003049e}",
            "ääää-0de6-11d0-a285-00aa003049e2",
        ] {
            assert_eq!(Guid::parse(text), None, "{text}");
        }
    }
}
