//! Reading from a byte slice without ever reading past it.

use core::fmt;

/// A message that does not parse: what was being read, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}", self.0)
    }
}

impl core::error::Error for Malformed {}

/// Reads little-endian fields in order; each read past the end is [`Malformed`] with the reader's name.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader over `bytes`; `what` names the structure in errors.
    #[must_use]
    pub fn new(bytes: &'a [u8], what: &'static str) -> Reader<'a> {
        Reader { rest: bytes, what }
    }

    /// The error that says that this structure is malformed.
    #[must_use]
    pub fn malformed(&self) -> Malformed {
        Malformed(self.what)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Malformed(self.what))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A 16-bit number.
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_le_bytes)
    }

    /// A 32-bit number.
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_le_bytes)
    }

    /// Leaves out `count` bytes.
    pub fn skip(&mut self, count: usize) -> Result<(), Malformed> {
        self.bytes(count).map(drop)
    }

    /// Reads a 16-bit StructureSize, which every body starts with, and insists on its value.
    pub fn structure_size(&mut self, expected: u16) -> Result<(), Malformed> {
        if self.u16()? == expected { Ok(()) } else { Err(Malformed(self.what)) }
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

/// The part of `message` that an offset and a length name. Both count from the start of the SMB2 header; a part
/// with bytes in it must start at `earliest` or later, so that it cannot overlap the fixed fields.
pub(crate) fn part<'a>(
    message: &'a [u8],
    offset: usize,
    length: usize,
    earliest: usize,
    what: &'static str,
) -> Result<&'a [u8], Malformed> {
    if length == 0 {
        return Ok(&[]);
    }
    if offset < earliest {
        return Err(Malformed(what));
    }
    let end = offset.checked_add(length).ok_or(Malformed(what))?;
    message.get(offset..end).ok_or(Malformed(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_order_and_stops_at_the_end() {
        let mut reader = Reader::new(&[1, 2, 0, 3, 0, 0, 0, 9], "sample");
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.u32(), Ok(3));
        assert_eq!(reader.u16(), Err(Malformed("sample")));
        assert_eq!(reader.rest(), &[9], "a failed read takes nothing");
    }

    #[test]
    fn a_part_cannot_leave_the_message_or_overlap_the_fixed_fields() {
        let message = [0u8; 100];
        assert_eq!(part(&message, 80, 20, 80, "p").map(<[u8]>::len), Ok(20));
        assert_eq!(part(&message, 80, 21, 80, "p"), Err(Malformed("p")));
        assert_eq!(part(&message, 79, 1, 80, "p"), Err(Malformed("p")));
        assert_eq!(part(&message, usize::MAX, 2, 80, "p"), Err(Malformed("p")));
        assert_eq!(part(&message, 0, 0, 80, "p"), Ok(&[][..]), "an empty part may be anywhere");
    }
}
