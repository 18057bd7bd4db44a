//! READ, WRITE and FLUSH, [MS-SMB2] 2.2.17 to 2.2.22.

use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::{FileId, Malformed, Reader, patch_u32};
use crate::numbers::flags;

flags! {
    /// The flags of a READ, in dialects 3.0.2 and later.
    pub struct ReadFlags(u8) {
        UNBUFFERED = 1, "SMB2_READFLAG_READ_UNBUFFERED", "past the server's cache, which pipes refuse";
    }
}

flags! {
    /// The flags of a WRITE.
    pub struct WriteFlags(u32) {
        THROUGH = 1, "SMB2_WRITEFLAG_WRITE_THROUGH", "to the disk before the reply, which pipes refuse";
        UNBUFFERED = 2, "SMB2_WRITEFLAG_WRITE_UNBUFFERED", "past the server's cache, which pipes refuse";
    }
}

/// A READ request. The offset is not kept: pipes have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRequest {
    /// The flags.
    pub flags: ReadFlags,
    /// How many bytes at most.
    pub length: u32,
    /// The open.
    pub file_id: FileId,
    /// How many bytes at least.
    pub minimum_count: u32,
    /// The RDMA channel; 0 for none.
    pub channel: u32,
}

impl ReadRequest {
    const STRUCTURE_SIZE: u16 = 49;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "READ request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(1, "Padding")?;
        let flags = ReadFlags(reader.u8("Flags")?);
        let length = reader.u32("Length")?;
        reader.skip(8, "Offset")?;
        let file_id = FileId::decode(&mut reader)?;
        let minimum_count = reader.u32("MinimumCount")?;
        let channel = reader.u32("Channel")?;
        reader.skip(8, "RemainingBytes and ReadChannelInfo")?;
        Ok(Self { flags, length, file_id, minimum_count, channel })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[ReadResponse::BUFFER_OFFSET as u8, self.flags.0]);
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        self.file_id.encode(out);
        out.extend_from_slice(&self.minimum_count.to_le_bytes());
        out.extend_from_slice(&self.channel.to_le_bytes());
        out.extend_from_slice(&[0; 9]); // RemainingBytes, channel info, and the buffer's one byte
    }
}

/// A READ response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadResponse<'a> {
    /// What was read.
    pub data: &'a [u8],
}

impl<'a> ReadResponse<'a> {
    const STRUCTURE_SIZE: u16 = 17;
    const BUFFER_OFFSET: usize = HEADER_LEN + 16;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "READ response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let offset = usize::from(reader.u8("DataOffset")?);
        reader.skip(1, "Reserved")?;
        let length = reader.length32("DataLength")?;
        reader.skip(8, "DataRemaining and Reserved2")?;
        Ok(Self { data: reader.part(offset, length, "Buffer")? })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Self::encode_with(out, |out| out.extend_from_slice(self.data));
    }

    /// Appends the body with the data that `fill` appends, so that it need not be copied twice.
    pub fn encode_with<T>(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[Self::BUFFER_OFFSET as u8, 0]);
        let length_at = out.len();
        out.extend_from_slice(&[0; 12]);
        let start = out.len();
        let filled = fill(out);
        let length = out.len() - start;
        patch_u32(out, length_at, length as u32);
        if length == 0 {
            out.push(0); // StructureSize counts one byte of the buffer
        }
        filled
    }
}

/// A WRITE request. The offset is not kept: pipes have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteRequest<'a> {
    /// The open.
    pub file_id: FileId,
    /// The RDMA channel; 0 for none.
    pub channel: u32,
    /// The flags.
    pub flags: WriteFlags,
    /// What to write.
    pub data: &'a [u8],
}

impl<'a> WriteRequest<'a> {
    const STRUCTURE_SIZE: u16 = 49;
    const BUFFER_OFFSET: usize = HEADER_LEN + 48;
    /// [MS-SMB2] 3.3.5.13: a larger DataOffset is an invalid parameter.
    const MAX_DATA_OFFSET: usize = 0x100;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "WRITE request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let offset = reader.length16("DataOffset")?;
        let length = reader.length32("Length")?;
        reader.skip(8, "Offset")?;
        let file_id = FileId::decode(&mut reader)?;
        let channel = reader.u32("Channel")?;
        reader.skip(8, "RemainingBytes and WriteChannelInfo")?;
        let flags = WriteFlags(reader.u32("Flags")?);
        if offset > Self::MAX_DATA_OFFSET {
            return Err(reader.malformed("DataOffset"));
        }
        let data = reader.part(offset, length, "Buffer")?;
        Ok(WriteRequest { file_id, channel, flags, data })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.data.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        self.file_id.encode(out);
        out.extend_from_slice(&self.channel.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(self.data);
        if self.data.is_empty() {
            out.push(0);
        }
    }
}

/// A WRITE response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteResponse {
    /// How many bytes were taken.
    pub count: u32,
}

impl WriteResponse {
    const STRUCTURE_SIZE: u16 = 17;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "WRITE response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2, "Reserved")?;
        Ok(Self { count: reader.u32("Count")? })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&[0; 9]);
    }
}

/// A FLUSH request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushRequest {
    /// The open.
    pub file_id: FileId,
}

impl FlushRequest {
    const STRUCTURE_SIZE: u16 = 24;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "FLUSH request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(6, "Reserved1 and Reserved2")?;
        Ok(Self { file_id: FileId::decode(&mut reader)? })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        self.file_id.encode(out);
    }
}
