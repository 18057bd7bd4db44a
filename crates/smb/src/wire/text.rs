//! UTF-16 text as the protocol carries it.

use alloc::string::String;
use alloc::vec::Vec;

use super::Malformed;

/// Decodes little-endian UTF-16 without a terminator. An odd length or a lone surrogate is malformed.
pub fn decode_utf16(bytes: &[u8], what: &'static str) -> Result<String, Malformed> {
    let (units, []) = bytes.as_chunks::<2>() else {
        return Err(Malformed(what));
    };
    char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit)))
        .collect::<Result<String, _>>()
        .map_err(|_| Malformed(what))
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
            assert_eq!(decode_utf16(&encode_utf16(text), "text").as_deref(), Ok(text));
        }
    }

    #[test]
    fn rejects_odd_lengths_and_lone_surrogates() {
        assert!(decode_utf16(&[0x41], "text").is_err());
        assert!(decode_utf16(&[0x00, 0xD8], "text").is_err());
    }
}
