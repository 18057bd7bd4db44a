//! CREATE and CLOSE, [MS-SMB2] 2.2.13 to 2.2.16: opening and closing a pipe.

use alloc::string::String;
use alloc::vec::Vec;

use standpipe_security::{AccessMask, DesiredAccess};

use super::header::HEADER_LEN;
use super::{Malformed, Reader, decode_utf16, encode_utf16};
use crate::numbers::{flags, numbers};

/// Names an open: [MS-SMB2] 2.2.14.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The half that would survive a reconnect; pipes have no durable opens.
    pub persistent: u64,
    /// The half that names the open on its session.
    pub volatile: u64,
}

impl FileId {
    /// All ones: "no open", or in a related compound "the one before".
    pub const ANY: Self = Self { persistent: u64::MAX, volatile: u64::MAX };

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { persistent: reader.u64("FileId")?, volatile: reader.u64("FileId")? })
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.persistent.to_le_bytes());
        out.extend_from_slice(&self.volatile.to_le_bytes());
    }
}

numbers! {
    /// What to do with an object that is there or not (CreateDisposition).
    pub struct CreateDisposition(u32) {
        OPEN = 1, "FILE_OPEN", "open what is there, as for pipes";
    }
}

flags! {
    /// How to open (CreateOptions).
    pub struct CreateOptions(u32) {
        NON_DIRECTORY_FILE = 0x40, "FILE_NON_DIRECTORY_FILE", "not if it is a folder";
        OPEN_BY_FILE_ID = 0x2000, "FILE_OPEN_BY_FILE_ID", "the name is a file's number";
        RESERVE_OPFILTER = 0x0010_0000, "FILE_RESERVE_OPFILTER", "reserved";
    }
}

numbers! {
    /// What the service may do in the caller's name (ImpersonationLevel).
    pub struct ImpersonationLevel(u32) {
        ANONYMOUS = 0, "Anonymous", "not know who the caller is";
        IDENTIFICATION = 1, "Identification", "know who the caller is";
        IMPERSONATION = 2, "Impersonation", "act as the caller on this machine";
        DELEGATE = 3, "Delegate", "act as the caller on other machines";
    }
}

/// A CREATE request. What pipes ignore (oplocks, sharing, attributes) is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateRequest {
    /// What the service may do in the caller's name.
    pub impersonation_level: ImpersonationLevel,
    /// The access asked for.
    pub desired_access: DesiredAccess,
    /// How to open it.
    pub options: CreateOptions,
    /// The pipe's name.
    pub name: String,
    /// Whether a create context asks to reconnect a durable open (`DHnC`, `DH2C`).
    pub durable_reconnect: bool,
}

impl CreateRequest {
    const STRUCTURE_SIZE: u16 = 57;
    const BUFFER_OFFSET: usize = HEADER_LEN + 56;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "CREATE request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2, "SecurityFlags and RequestedOplockLevel")?;
        let impersonation_level = ImpersonationLevel(reader.u32("ImpersonationLevel")?);
        reader.skip(16, "SmbCreateFlags and Reserved")?;
        let desired_access = DesiredAccess(AccessMask(reader.u32("DesiredAccess")?));
        reader.skip(12, "FileAttributes, ShareAccess and CreateDisposition")?;
        let options = CreateOptions(reader.u32("CreateOptions")?);
        let name_offset = reader.length16("NameOffset")?;
        let name_length = reader.length16("NameLength")?;
        let contexts_offset = reader.length32("CreateContextsOffset")?;
        let contexts_length = reader.length32("CreateContextsLength")?;
        let name = reader.part(name_offset, name_length, "Name")?;
        let contexts = reader.part(contexts_offset, contexts_length, "CreateContexts")?;
        Ok(Self {
            impersonation_level,
            desired_access,
            options,
            name: decode_utf16(name).ok_or(reader.malformed("Name"))?,
            durable_reconnect: has_durable_reconnect(contexts)?,
        })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const SHARE_READ_WRITE: u32 = 3;
        let name = encode_utf16(&self.name);
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.impersonation_level.0.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&self.desired_access.0.0.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&SHARE_READ_WRITE.to_le_bytes());
        out.extend_from_slice(&CreateDisposition::OPEN.0.to_le_bytes());
        out.extend_from_slice(&self.options.0.to_le_bytes());
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
    let mut found = false;
    let mut rest = contexts;
    while !rest.is_empty() {
        let malformed = |field| Malformed::new("create context", field);
        let next = Reader::new(rest, "create context").length32("Next")?;
        let (context, following) = match next {
            0 => (rest, &[][..]),
            16.. if next.is_multiple_of(8) => rest.split_at_checked(next).ok_or(malformed("Next"))?,
            _ => return Err(malformed("Next")),
        };
        let mut reader = Reader::new(context, "create context");
        reader.skip(4, "Next")?;
        let name_offset = reader.length16("NameOffset")?;
        let name_length = reader.length16("NameLength")?;
        reader.skip(2, "Reserved")?;
        let data_offset = reader.length16("DataOffset")?;
        let data_length = reader.length32("DataLength")?;
        if name_length < 4 {
            return Err(malformed("NameLength"));
        }
        let name = reader.part(name_offset, name_length, "Name")?;
        reader.part(data_offset, data_length, "Data")?;
        found |= matches!(name, b"DHnC" | b"DH2C");
        rest = following;
    }
    Ok(found)
}

/// A CREATE response, [MS-SMB2] 2.2.14.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateResponse {
    /// The open.
    pub file_id: FileId,
    /// What was opened.
    pub opened: Opened,
}

/// What a CREATE response says was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// A pipe: it was there, and there are no oplocks.
    Pipe,
    /// The root of `IPC$`, which lists the pipes.
    Root,
    /// A file that is new and that nobody else has open, with a batch oplock: for clients under test that
    /// know nothing but files.
    NewFile,
}

impl CreateResponse {
    const STRUCTURE_SIZE: u16 = 89;
    const ACTION_OPENED: u32 = 1;
    const ACTION_CREATED: u32 = 2;
    const ATTRIBUTE_DIRECTORY: u32 = 0x10;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "CREATE response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2, "OplockLevel and Flags")?;
        let is_new = reader.u32("CreateAction")? == Self::ACTION_CREATED;
        reader.skip(48, "times and sizes")?;
        let is_folder = reader.u32("FileAttributes")? & Self::ATTRIBUTE_DIRECTORY != 0;
        reader.skip(4, "Reserved2")?;
        let opened = match (is_new, is_folder) {
            (true, _) => Opened::NewFile,
            (false, true) => Opened::Root,
            (false, false) => Opened::Pipe,
        };
        Ok(Self { file_id: FileId::decode(&mut reader)?, opened })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const ATTRIBUTE_NORMAL: u32 = 0x80;
        const ATTRIBUTE_ARCHIVE: u32 = 0x20;
        const OPLOCK_BATCH: u8 = 9;
        let (oplock, action, attributes) = match self.opened {
            Opened::Pipe => (0, Self::ACTION_OPENED, ATTRIBUTE_NORMAL),
            Opened::Root => (0, Self::ACTION_OPENED, Self::ATTRIBUTE_DIRECTORY),
            Opened::NewFile => (OPLOCK_BATCH, Self::ACTION_CREATED, ATTRIBUTE_ARCHIVE),
        };
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[oplock, 0]); // OplockLevel, Flags
        out.extend_from_slice(&action.to_le_bytes());
        out.extend_from_slice(&[0; 32]); // times: a pipe has none
        let allocation: u64 = if self.opened == Opened::Root { 0 } else { 4096 };
        out.extend_from_slice(&allocation.to_le_bytes());
        out.extend_from_slice(&[0; 8]); // EndOfFile
        out.extend_from_slice(&attributes.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        self.file_id.encode(out);
        out.extend_from_slice(&[0; 8]); // no create contexts
    }
}

/// A CLOSE request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseRequest {
    /// The open.
    pub file_id: FileId,
}

impl CloseRequest {
    const STRUCTURE_SIZE: u16 = 24;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "CLOSE request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(6, "Flags and Reserved")?;
        Ok(Self { file_id: FileId::decode(&mut reader)? })
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
