//! CREATE and CLOSE, [MS-SMB2] 2.2.13 to 2.2.16: opening and closing a pipe.

use alloc::string::String;
use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::reader::part;
use super::{Malformed, Reader, decode_utf16, encode_utf16};

/// Names an open: [MS-SMB2] 2.2.14.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The half that would survive a reconnect; pipes have no durable opens.
    pub persistent: u64,
    /// The half that names the open on its session.
    pub volatile: u64,
}

impl FileId {
    /// All ones: "no open", or in a related compound "the one before".
    pub const ANY: FileId = FileId { persistent: u64::MAX, volatile: u64::MAX };

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<FileId, Malformed> {
        Ok(FileId { persistent: reader.u64()?, volatile: reader.u64()? })
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.persistent.to_le_bytes());
        out.extend_from_slice(&self.volatile.to_le_bytes());
    }
}

/// `FILE_OPEN`: the CreateDisposition with which pipes are opened.
pub const DISPOSITION_OPEN: u32 = 1;
/// `FILE_OPEN_BY_FILE_ID` of CreateOptions.
pub const OPTION_OPEN_BY_FILE_ID: u32 = 0x2000;
/// `FILE_RESERVE_OPFILTER` of CreateOptions.
pub const OPTION_RESERVE_OPFILTER: u32 = 0x0010_0000;
/// The ImpersonationLevel *Impersonation*.
pub const IMPERSONATION: u32 = 2;
/// The ImpersonationLevel *Delegate*.
pub const IMPERSONATION_DELEGATE: u32 = 3;

/// A CREATE request. What pipes ignore (oplocks, sharing, attributes) is not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// What the service may do in the caller's name.
    pub impersonation_level: u32,
    /// The access asked for.
    pub desired_access: u32,
    /// `OPTION_*` and others.
    pub options: u32,
    /// The pipe's name.
    pub name: String,
    /// Whether a create context asks to reconnect a durable open (`DHnC`, `DH2C`).
    pub durable_reconnect: bool,
}

impl CreateRequest {
    const STRUCTURE_SIZE: u16 = 57;
    const BUFFER_OFFSET: usize = HEADER_LEN + 56;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<CreateRequest, Malformed> {
        const WHAT: &str = "CREATE request";
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), WHAT);
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2)?; // SecurityFlags, RequestedOplockLevel
        let impersonation_level = reader.u32()?;
        reader.skip(16)?; // SmbCreateFlags, Reserved
        let desired_access = reader.u32()?;
        reader.skip(12)?; // FileAttributes, ShareAccess, CreateDisposition
        let options = reader.u32()?;
        let name_offset = usize::from(reader.u16()?);
        let name_length = usize::from(reader.u16()?);
        let contexts_offset = reader.u32()? as usize;
        let contexts_length = reader.u32()? as usize;
        let name = part(message, name_offset, name_length, Self::BUFFER_OFFSET, WHAT)?;
        let contexts = part(message, contexts_offset, contexts_length, Self::BUFFER_OFFSET, WHAT)?;
        Ok(CreateRequest {
            impersonation_level,
            desired_access,
            options,
            name: decode_utf16(name, WHAT)?,
            durable_reconnect: has_durable_reconnect(contexts)?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const SHARE_READ_WRITE: u32 = 3;
        let name = encode_utf16(&self.name);
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.impersonation_level.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&self.desired_access.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&SHARE_READ_WRITE.to_le_bytes());
        out.extend_from_slice(&DISPOSITION_OPEN.to_le_bytes());
        out.extend_from_slice(&self.options.to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&name);
        if name.is_empty() {
            out.push(0); // the buffer must not be empty ([MS-SMB2] 2.2.13)
        }
    }
}

/// Walks the create contexts ([MS-SMB2] 2.2.13.2), checking their bounds.
fn has_durable_reconnect(contexts: &[u8]) -> Result<bool, Malformed> {
    const WHAT: &str = "create context";
    let mut found = false;
    let mut rest = contexts;
    while !rest.is_empty() {
        let mut reader = Reader::new(rest, WHAT);
        let next = reader.u32()? as usize;
        let this = if next == 0 {
            rest
        } else if next < 16 || !next.is_multiple_of(8) {
            return Err(Malformed(WHAT));
        } else {
            rest.get(..next).ok_or(Malformed(WHAT))?
        };
        let name_offset = usize::from(reader.u16()?);
        let name_length = usize::from(reader.u16()?);
        reader.skip(2)?;
        let data_offset = usize::from(reader.u16()?);
        let data_length = reader.u32()? as usize;
        if name_length < 4 {
            return Err(Malformed(WHAT));
        }
        let name = part(this, name_offset, name_length, 16, WHAT)?;
        part(this, data_offset, data_length, 16, WHAT)?;
        found |= matches!(name, b"DHnC" | b"DH2C");
        rest = if next == 0 { &[] } else { rest.get(next..).unwrap_or_default() };
    }
    Ok(found)
}

/// A CREATE response, [MS-SMB2] 2.2.14.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateResponse {
    /// The open.
    pub file_id: FileId,
    /// Of what.
    pub of: Opened,
}

/// What a CREATE response says was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// A pipe: it was there, and there are no oplocks.
    Pipe,
    /// A file that is new and that nobody else has open, with a batch oplock: for clients under test that know
    /// nothing but files.
    NewFile,
}

impl CreateResponse {
    const STRUCTURE_SIZE: u16 = 89;
    const ACTION_OPENED: u32 = 1;
    const ACTION_CREATED: u32 = 2;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<CreateResponse, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "CREATE response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2)?;
        let of = if reader.u32()? == Self::ACTION_CREATED { Opened::NewFile } else { Opened::Pipe };
        reader.skip(56)?;
        Ok(CreateResponse { file_id: FileId::decode(&mut reader)?, of })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const ALLOCATION: u64 = 4096;
        const ATTRIBUTE_NORMAL: u32 = 0x80;
        const ATTRIBUTE_ARCHIVE: u32 = 0x20;
        const OPLOCK_BATCH: u8 = 9;
        let (oplock, action, attributes) = match self.of {
            Opened::Pipe => (0, Self::ACTION_OPENED, ATTRIBUTE_NORMAL),
            Opened::NewFile => (OPLOCK_BATCH, Self::ACTION_CREATED, ATTRIBUTE_ARCHIVE),
        };
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[oplock, 0]); // OplockLevel, Flags
        out.extend_from_slice(&action.to_le_bytes());
        out.extend_from_slice(&[0; 32]); // times: a pipe has none
        out.extend_from_slice(&ALLOCATION.to_le_bytes());
        out.extend_from_slice(&[0; 8]); // EndOfFile
        out.extend_from_slice(&attributes.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        self.file_id.encode(out);
        out.extend_from_slice(&[0; 8]); // no create contexts
    }
}

/// A CLOSE request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseRequest {
    /// The open.
    pub file_id: FileId,
}

impl CloseRequest {
    const STRUCTURE_SIZE: u16 = 24;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<CloseRequest, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "CLOSE request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(6)?;
        Ok(CloseRequest { file_id: FileId::decode(&mut reader)? })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 6]);
        self.file_id.encode(out);
    }
}

/// Appends a CLOSE response's body. Its times and sizes are zero: a pipe has none.
pub fn encode_close_response(out: &mut Vec<u8>) {
    out.extend_from_slice(&60u16.to_le_bytes());
    out.extend_from_slice(&[0; 58]);
}
