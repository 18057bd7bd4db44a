//! QUERY_INFO and SET_INFO, [MS-SMB2] 2.2.37 to 2.2.40, and the classes that pipes answer, [MS-FSCC] 2.4.

use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::reader::part;
use super::{FileId, Malformed, Reader};

/// InfoType: about the file.
pub const INFO_FILE: u8 = 1;
/// InfoType: the security descriptor.
pub const INFO_SECURITY: u8 = 3;

/// `FileBasicInformation`.
pub const CLASS_BASIC: u8 = 4;
/// `FileStandardInformation`.
pub const CLASS_STANDARD: u8 = 5;
/// `FileInternalInformation`.
pub const CLASS_INTERNAL: u8 = 6;
/// `FileEaInformation`.
pub const CLASS_EA: u8 = 7;
/// `FileAccessInformation`.
pub const CLASS_ACCESS: u8 = 8;
/// `FilePositionInformation`.
pub const CLASS_POSITION: u8 = 14;
/// `FileModeInformation`.
pub const CLASS_MODE: u8 = 16;
/// `FileAlignmentInformation`.
pub const CLASS_ALIGNMENT: u8 = 17;
/// `FileAllInformation`.
pub const CLASS_ALL: u8 = 18;
/// `FilePipeInformation`.
pub const CLASS_PIPE: u8 = 23;
/// `FilePipeLocalInformation`.
pub const CLASS_PIPE_LOCAL: u8 = 24;
/// `FilePipeRemoteInformation`.
pub const CLASS_PIPE_REMOTE: u8 = 25;

/// `FILE_PIPE_CONNECTED_STATE`.
pub const STATE_CONNECTED: u32 = 3;
/// `FILE_PIPE_CLOSING_STATE`.
pub const STATE_CLOSING: u32 = 4;

/// A QUERY_INFO request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryInfoRequest {
    /// `INFO_*`.
    pub info_type: u8,
    /// `CLASS_*`, when `info_type` is [`INFO_FILE`].
    pub class: u8,
    /// The most output the client takes, in bytes.
    pub output_length: u32,
    /// Which parts of the security descriptor ([MS-DTYP] 2.4.7).
    pub additional: u32,
    /// The open.
    pub file_id: FileId,
}

impl QueryInfoRequest {
    const STRUCTURE_SIZE: u16 = 41;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<QueryInfoRequest, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "QUERY_INFO request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let info_type = reader.u8()?;
        let class = reader.u8()?;
        let output_length = reader.u32()?;
        reader.skip(8)?;
        let additional = reader.u32()?;
        reader.skip(4)?;
        let file_id = FileId::decode(&mut reader)?;
        Ok(QueryInfoRequest { info_type, class, output_length, additional, file_id })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.info_type, self.class]);
        out.extend_from_slice(&self.output_length.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.additional.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        self.file_id.encode(out);
        out.push(0);
    }
}

/// A QUERY_INFO response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryInfoResponse<'a> {
    /// The information.
    pub output: &'a [u8],
}

impl<'a> QueryInfoResponse<'a> {
    const STRUCTURE_SIZE: u16 = 9;
    const BUFFER_OFFSET: usize = HEADER_LEN + 8;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<QueryInfoResponse<'a>, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "QUERY_INFO response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let offset = usize::from(reader.u16()?);
        let length = reader.u32()? as usize;
        let output = part(message, offset, length, Self::BUFFER_OFFSET, "QUERY_INFO response")?;
        Ok(QueryInfoResponse { output })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.output.len() as u32).to_le_bytes());
        out.extend_from_slice(self.output);
    }
}

/// A SET_INFO request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetInfoRequest<'a> {
    /// `INFO_*`.
    pub info_type: u8,
    /// `CLASS_*`, when `info_type` is [`INFO_FILE`].
    pub class: u8,
    /// Which parts of the security descriptor ([MS-DTYP] 2.4.7).
    pub additional: u32,
    /// The open.
    pub file_id: FileId,
    /// The information.
    pub input: &'a [u8],
}

impl<'a> SetInfoRequest<'a> {
    const STRUCTURE_SIZE: u16 = 33;
    const BUFFER_OFFSET: usize = HEADER_LEN + 32;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<SetInfoRequest<'a>, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "SET_INFO request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let info_type = reader.u8()?;
        let class = reader.u8()?;
        let length = reader.u32()? as usize;
        let offset = usize::from(reader.u16()?);
        reader.skip(2)?;
        let additional = reader.u32()?;
        let file_id = FileId::decode(&mut reader)?;
        let input = part(message, offset, length, Self::BUFFER_OFFSET, "SET_INFO request")?;
        Ok(SetInfoRequest { info_type, class, additional, file_id, input })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.info_type, self.class]);
        out.extend_from_slice(&(self.input.len() as u32).to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.additional.to_le_bytes());
        self.file_id.encode(out);
        out.extend_from_slice(self.input);
    }
}

/// Appends a SET_INFO response's body.
pub fn encode_set_info_response(out: &mut Vec<u8>) {
    out.extend_from_slice(&2u16.to_le_bytes());
}

/// `FilePipeInformation`, [MS-FSCC] 2.4.37: how the client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePipeInformation {
    /// 0: bytes, 1: messages.
    pub read_mode: u32,
    /// 0: wait until there is data, 1: do not wait.
    pub completion_mode: u32,
}

impl FilePipeInformation {
    /// Reads it.
    pub fn decode(input: &[u8]) -> Result<FilePipeInformation, Malformed> {
        let mut reader = Reader::new(input, "FilePipeInformation");
        Ok(FilePipeInformation { read_mode: reader.u32()?, completion_mode: reader.u32()? })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.read_mode.to_le_bytes());
        out.extend_from_slice(&self.completion_mode.to_le_bytes());
    }
}
