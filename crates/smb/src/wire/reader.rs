//! Reading from a byte slice without ever reading past it.

use core::fmt;

use super::header::HEADER_LEN;

/// Bytes that do not parse: which field of which structure is wrong, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The structure that was being read.
    pub structure: &'static str,
    /// The field that is missing, wrong, or names a part that is not there.
    pub field: &'static str,
}

impl Malformed {
    /// This field of this structure is wrong.
    #[must_use]
    pub const fn new(structure: &'static str, field: &'static str) -> Self {
        Self { structure, field }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}: {}", self.structure, self.field)
    }
}

impl core::error::Error for Malformed {}

/// Reads little-endian fields in order. Each read names its field, so that a read past the end can say which
/// field is missing; a read that fails takes nothing.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    whole: &'a [u8],
    rest: &'a [u8],
    structure: &'static str,
}

impl<'a> Reader<'a> {
    /// A reader over `bytes`; `structure` names them in errors.
    #[must_use]
    pub fn new(bytes: &'a [u8], structure: &'static str) -> Self {
        Self { whole: bytes, rest: bytes, structure }
    }

    /// A reader over the body of `message`, which starts with its header. [Parts](Self::part) count from the
    /// header.
    #[must_use]
    pub fn body(message: &'a [u8], structure: &'static str) -> Self {
        Self { whole: message, rest: message.get(HEADER_LEN..).unwrap_or_default(), structure }
    }

    /// The error for a field of this structure.
    #[must_use]
    pub fn malformed(&self, field: &'static str) -> Malformed {
        Malformed::new(self.structure, field)
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(self.malformed(field))?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(self.malformed(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A byte.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// A 16-bit number.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// A 32-bit number.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// A 64-bit number.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// A 16-bit offset or length.
    pub fn length16(&mut self, field: &'static str) -> Result<usize, Malformed> {
        self.u16(field).map(usize::from)
    }

    /// A 32-bit offset or length.
    pub fn length32(&mut self, field: &'static str) -> Result<usize, Malformed> {
        usize::try_from(self.u32(field)?).map_err(|_| self.malformed(field))
    }

    /// Leaves out `count` bytes.
    pub fn skip(&mut self, count: usize, field: &'static str) -> Result<(), Malformed> {
        self.bytes(count, field).map(drop)
    }

    /// Reads a 16-bit StructureSize, which every body starts with, and insists on its value.
    pub fn structure_size(&mut self, expected: u16) -> Result<(), Malformed> {
        const FIELD: &str = "StructureSize";
        if self.u16(FIELD)? == expected { Ok(()) } else { Err(self.malformed(FIELD)) }
    }

    /// A reader over the next `length` bytes, which are a structure of their own.
    pub fn sub(
        &mut self,
        length: usize,
        field: &'static str,
        structure: &'static str,
    ) -> Result<Self, Malformed> {
        Ok(Self::new(self.bytes(length, field)?, structure))
    }

    /// The part that an offset and a length name. The offset counts from the start of the structure, or of
    /// the header for a [body](Self::body).
    ///
    /// Call it when every fixed field is read: a part with bytes in it must not overlap what has been read.
    /// An empty part may be anywhere.
    pub fn part(&self, offset: usize, length: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        if length == 0 {
            return Ok(&[]);
        }
        let read = self.whole.len() - self.rest.len();
        let end = offset.checked_add(length).filter(|_| offset >= read);
        end.and_then(|end| self.whole.get(offset..end)).ok_or(self.malformed(field))
    }

    /// How many bytes were read, for a [body](Self::body) with those of the header.
    #[must_use]
    pub fn position(&self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Insists that nothing follows. Only for structures that real peers do not pad.
    pub fn finish(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(self.malformed("what follows it")) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn a_reader_reads_in_order_and_stops_at_the_end() {
        let mut reader = Reader::new(&[1, 2, 0, 3, 0, 0, 0, 9], "sample");
        assert_eq!(reader.u8("a"), Ok(1));
        assert_eq!(reader.u16("b"), Ok(2));
        assert_eq!(reader.u32("c"), Ok(3));
        let error = reader.u16("d").unwrap_err();
        assert_eq!(error, Malformed::new("sample", "d"));
        assert_eq!(error.to_string(), "malformed sample: d");
        assert_eq!(reader.rest(), &[9], "a failed read takes nothing");
        assert_eq!(reader.clone().finish(), Err(Malformed::new("sample", "what follows it")));
        assert_eq!(reader.skip(1, "e").and_then(|()| reader.finish()), Ok(()));
    }

    #[test]
    fn a_sub_reader_ends_where_its_length_says_and_has_a_name_of_its_own() {
        let mut outer = Reader::new(&[2, 0, 7, 8, 9], "outer");
        let length = outer.length16("Length").unwrap();
        let mut inner = outer.sub(length, "Data", "inner").unwrap();
        assert_eq!((inner.u16("a"), inner.u8("b")), (Ok(0x0807), Err(Malformed::new("inner", "b"))));
        assert_eq!(outer.clone().sub(2, "Data", "inner").unwrap_err(), Malformed::new("outer", "Data"));
        assert_eq!(outer.rest(), &[9]);
    }

    #[test]
    fn a_part_cannot_leave_the_message_or_overlap_the_fixed_fields() {
        let message = [0u8; 100];
        let mut body = Reader::body(&message, "p");
        body.skip(16, "fixed").unwrap();
        assert_eq!(body.position(), 80);
        let malformed = Err(Malformed::new("p", "Buffer"));
        assert_eq!(body.part(80, 20, "Buffer").map(<[u8]>::len), Ok(20));
        assert_eq!(body.part(80, 21, "Buffer"), malformed);
        assert_eq!(body.part(79, 1, "Buffer"), malformed);
        assert_eq!(body.part(usize::MAX, 2, "Buffer"), malformed);
        assert_eq!(body.part(0, 0, "Buffer"), Ok(&[][..]), "an empty part may be anywhere");
    }
}
