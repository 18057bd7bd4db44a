//! Between a text and the messages of services that read up to a NUL, as many do that are written in C.

use thiserror::Error;

/// A text that holds a NUL. The service would stop reading there without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the text holds a NUL, where the service would stop reading")]
pub struct HoldsNul;

/// The request for a text: its bytes with a NUL at the end.
///
/// # Errors
/// When the text holds a NUL already.
pub fn to_message(text: impl Into<Vec<u8>>) -> Result<Vec<u8>, HoldsNul> {
    let mut message = text.into();
    if message.contains(&0) {
        return Err(HoldsNul);
    }
    message.push(0);
    Ok(message)
}

/// A reply without the NUL that ends it; one without a NUL as it is.
pub fn without_nul(reply: &[u8]) -> &[u8] {
    reply.strip_suffix(&[0]).unwrap_or(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_message_that_ends_with_one_nul() {
        assert_eq!(to_message("").unwrap(), b"\0");
        assert_eq!(to_message("äb").unwrap(), "äb\0".as_bytes());
        assert_eq!(to_message("a\0b"), Err(HoldsNul));
    }

    #[test]
    fn one_closing_nul_of_a_reply_is_dropped() {
        assert_eq!(without_nul(b"ba\0"), b"ba");
        assert_eq!(without_nul(b"ba"), b"ba");
        assert_eq!(without_nul(b"\0\0"), b"\0");
    }
}
