//! UTF-16 text as the protocol carries it.

use alloc::string::String;
use alloc::vec::Vec;

/// Decodes little-endian UTF-16 without a terminator. `None` for an odd length or a lone surrogate.
#[must_use]
pub fn decode_utf16(bytes: &[u8]) -> Option<String> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return None;
    };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))).collect::<Result<_, _>>().ok()
}

/// Encodes as little-endian UTF-16 without a terminator.
#[must_use]
pub fn encode_utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_the_round_trip() {
        for text in ["", "simple", "Füße 👍🏽 日本"] {
            assert_eq!(decode_utf16(&encode_utf16(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn odd_lengths_and_lone_surrogates_are_rejected() {
        assert_eq!(decode_utf16(&[0x41]), None);
        assert_eq!(decode_utf16(&[0x00, 0xD8]), None);
    }
}
