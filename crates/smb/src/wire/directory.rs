//! QUERY_DIRECTORY, [MS-SMB2] 2.2.33 and 2.2.34, and the entries of its classes, [MS-FSCC] 2.4.

use alloc::string::String;
use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::negotiate::pad_to_8;
use super::{FileId, Malformed, Reader, decode_utf16, encode_utf16, patch_u32};
use crate::numbers::{flags, numbers};

numbers! {
    /// What of each entry is asked for (FileInformationClass).
    pub struct DirectoryClass(u8) {
        DIRECTORY = 0x01, "FileDirectoryInformation", "sizes, attributes and the name";
        FULL = 0x02, "FileFullDirectoryInformation", "and the length of the extended attributes";
        BOTH = 0x03, "FileBothDirectoryInformation", "and the short name";
        NAMES = 0x0C, "FileNamesInformation", "the name only";
        ID_BOTH = 0x25, "FileIdBothDirectoryInformation", "and the short name and the number";
        ID_FULL = 0x26, "FileIdFullDirectoryInformation", "and the number";
    }
}

flags! {
    /// Where a listing goes on (Flags).
    pub struct DirectoryFlags(u8) {
        RESTART_SCANS = 0x01, "SMB2_RESTART_SCANS", "begin anew";
        RETURN_SINGLE_ENTRY = 0x02, "SMB2_RETURN_SINGLE_ENTRY", "one entry only";
        INDEX_SPECIFIED = 0x04, "SMB2_INDEX_SPECIFIED", "go on at FileIndex";
        REOPEN = 0x10, "SMB2_REOPEN", "begin anew, with another pattern";
    }
}

/// A QUERY_DIRECTORY request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryDirectoryRequest {
    /// What of each entry is asked for.
    pub class: DirectoryClass,
    /// Where the listing goes on.
    pub flags: DirectoryFlags,
    /// Where it goes on with [`DirectoryFlags::INDEX_SPECIFIED`].
    pub index: u32,
    /// The open.
    pub file_id: FileId,
    /// Which names are asked for; empty for those of the request before.
    pub pattern: String,
    /// The most output the client takes, in bytes.
    pub output_length: u32,
}

impl QueryDirectoryRequest {
    const STRUCTURE_SIZE: u16 = 33;
    const BUFFER_OFFSET: usize = HEADER_LEN + 32;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "QUERY_DIRECTORY request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let class = DirectoryClass(reader.u8("FileInformationClass")?);
        let flags = DirectoryFlags(reader.u8("Flags")?);
        let index = reader.u32("FileIndex")?;
        let file_id = FileId::decode(&mut reader)?;
        let offset = reader.length16("FileNameOffset")?;
        let length = reader.length16("FileNameLength")?;
        let output_length = reader.u32("OutputBufferLength")?;
        let pattern = if length == 0 { &[] } else { reader.part(offset, length, "FileName")? };
        let pattern = decode_utf16(pattern).ok_or(reader.malformed("FileName"))?;
        Ok(Self { class, flags, index, file_id, pattern, output_length })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let pattern = encode_utf16(&self.pattern);
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.class.0, self.flags.0]);
        out.extend_from_slice(&self.index.to_le_bytes());
        self.file_id.encode(out);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(pattern.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.output_length.to_le_bytes());
        out.extend_from_slice(&pattern);
        if pattern.is_empty() {
            out.push(0);
        }
    }
}

/// One entry of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryEntry<'a> {
    /// Where a listing goes on that begins with it.
    pub index: u32,
    /// The name.
    pub name: &'a str,
    /// The size; of a pipe, how many instances are open.
    pub size: u64,
    /// The allocated size; of a pipe, how many instances there may be.
    pub allocated: u64,
}

impl DirectoryEntry<'_> {
    /// Appends the entry as its class has it, and says whether it did: without a class of that number, or
    /// when `out` would get longer than `room` bytes beyond `start`, it does nothing. `previous` is where the
    /// entry before begins; its NextEntryOffset is set.
    pub fn encode(
        &self,
        class: DirectoryClass,
        start: usize,
        previous: Option<usize>,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let length = class.length_without_name()?;
        let name = encode_utf16(self.name);
        let begin = start + (out.len() - start).next_multiple_of(8);
        if begin - start + length + name.len() > room {
            return None;
        }
        pad_to_8(out, start);
        if let Some(previous) = previous {
            patch_u32(out, previous, (begin - previous) as u32);
        }
        out.extend_from_slice(&[0; 4]); // NextEntryOffset
        out.extend_from_slice(&self.index.to_le_bytes());
        let name_length = (name.len() as u32).to_le_bytes();
        if class == DirectoryClass::NAMES {
            out.extend_from_slice(&name_length);
        } else {
            const ATTRIBUTE_NORMAL: u32 = 0x80;
            out.extend_from_slice(&[0; 32]); // times
            out.extend_from_slice(&self.size.to_le_bytes());
            out.extend_from_slice(&self.allocated.to_le_bytes());
            out.extend_from_slice(&ATTRIBUTE_NORMAL.to_le_bytes());
            out.extend_from_slice(&name_length);
            // No extended attributes, no short name, no number.
            out.resize(begin + length, 0);
        }
        out.extend_from_slice(&name);
        Some(begin)
    }
}

impl DirectoryClass {
    /// How long an entry is without its name; `None` for a class that is not of a listing.
    pub fn length_without_name(self) -> Option<usize> {
        Some(match self {
            Self::DIRECTORY => 64,
            Self::FULL => 68,
            Self::BOTH => 94,
            Self::NAMES => 12,
            Self::ID_BOTH => 104,
            Self::ID_FULL => 80,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    #[test]
    fn a_request_survives_the_round_trip() {
        for pattern in ["", "*", "sql\\*"] {
            let request = QueryDirectoryRequest {
                class: DirectoryClass::ID_BOTH,
                flags: DirectoryFlags::RESTART_SCANS,
                index: 7,
                file_id: FileId { persistent: 1, volatile: 2 },
                pattern: pattern.to_string(),
                output_length: 65_536,
            };
            let mut message = vec![0; HEADER_LEN];
            request.encode(&mut message);
            assert_eq!(QueryDirectoryRequest::decode(&message), Ok(request));
        }
    }

    #[test]
    fn entries_are_aligned_and_lead_to_each_other() {
        let entry = |name| DirectoryEntry { index: 3, name, size: 1, allocated: 2 };
        for (class, length) in [
            (DirectoryClass::DIRECTORY, 64),
            (DirectoryClass::FULL, 68),
            (DirectoryClass::BOTH, 94),
            (DirectoryClass::NAMES, 12),
            (DirectoryClass::ID_BOTH, 104),
            (DirectoryClass::ID_FULL, 80),
        ] {
            let mut out = vec![9; 5];
            let first = entry("abc").encode(class, 5, None, 1000, &mut out).unwrap();
            assert_eq!((first, out.len()), (5, 5 + length + 6), "{class:?}");
            let second = entry("d").encode(class, 5, Some(first), 1000, &mut out).unwrap();
            assert_eq!((second - 5) % 8, 0, "{class:?}");
            assert_eq!(out[5..9], ((second - 5) as u32).to_le_bytes(), "{class:?}");
            assert!(out.ends_with(b"d\0") && out[second..second + 4] == [0; 4], "{class:?}");
            // One byte too few for another.
            let needed = (out.len() - 5).next_multiple_of(8) + length + 2;
            let before = out.clone();
            assert_eq!(entry("e").encode(class, 5, Some(second), needed - 1, &mut out), None, "{class:?}");
            assert_eq!(out, before, "{class:?}");
            assert!(entry("e").encode(class, 5, Some(second), needed, &mut out).is_some(), "{class:?}");
        }
        assert_eq!(entry("a").encode(DirectoryClass(4), 0, None, 1000, &mut vec![]), None);
    }
}
