//! As much of DER as SPNEGO needs: definite lengths, tags of one byte. Nothing here recurses, so the depth is
//! that of the grammar.

use alloc::vec::Vec;

use crate::wire::Malformed;

/// Reads values one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Der { rest: bytes, what }
    }

    pub(super) fn malformed(&self) -> Malformed {
        Malformed::new(self.what, "DER")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next value, whatever its tag: the tag and a reader over its contents.
    pub(super) fn any(&mut self) -> Result<(u8, Self), Malformed> {
        let (tag, contents, rest) = self.split()?;
        self.rest = rest;
        Ok((tag, Der { rest: contents, what: self.what }))
    }

    /// A reader over the contents of the next value, which must have this tag.
    pub(super) fn enter(&mut self, tag: u8) -> Result<Self, Malformed> {
        match self.any()? {
            (found, contents) if found == tag => Ok(contents),
            _ => Err(self.malformed()),
        }
    }

    /// The contents of the next value, which must have this tag.
    pub(super) fn contents(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        self.enter(tag).map(|contents| contents.rest)
    }

    /// The next value with its tag and length, which must have this tag.
    pub(super) fn whole(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        let before = self.rest;
        self.enter(tag)?;
        Ok(&before[..before.len() - self.rest.len()])
    }

    /// The tag, the contents and what follows.
    fn split(&self) -> Result<(u8, &'a [u8], &'a [u8]), Malformed> {
        let malformed = self.malformed();
        let [tag, first, rest @ ..] = self.rest else {
            return Err(malformed);
        };
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            // Four bytes of length are far more than any token has.
            0x81..=0x84 => {
                let count = usize::from(first & 0x7F);
                let (bytes, rest) = rest.split_at_checked(count).ok_or(malformed)?;
                let length = bytes.iter().fold(0u64, |length, byte| length << 8 | u64::from(*byte));
                (usize::try_from(length).map_err(|_| malformed)?, rest)
            }
            // Indefinite or absurd.
            _ => return Err(malformed),
        };
        let (contents, rest) = rest.split_at_checked(length).ok_or(malformed)?;
        Ok((*tag, contents, rest))
    }
}

/// A value: tag, length, contents.
pub(super) fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(contents.len() + 6);
    value.push(tag);
    let length = contents.len();
    if length < 0x80 {
        value.push(length as u8);
    } else {
        let bytes = length.to_be_bytes();
        let significant = &bytes[(length.leading_zeros() / 8) as usize..];
        value.push(0x80 | significant.len() as u8);
        value.extend_from_slice(significant);
    }
    value.extend_from_slice(contents);
    value
}
