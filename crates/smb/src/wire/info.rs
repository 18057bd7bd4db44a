//! QUERY_INFO and SET_INFO, [MS-SMB2] 2.2.37 to 2.2.40, and the classes that pipes answer, [MS-FSCC] 2.4.

use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::{FileId, Malformed, Reader, patch_u32};
use crate::numbers::numbers;

numbers! {
    /// What a QUERY_INFO or SET_INFO is about (InfoType).
    pub struct InfoType(u8) {
        FILE = 1, "SMB2_0_INFO_FILE", "the file or pipe";
        FILE_SYSTEM = 2, "SMB2_0_INFO_FILESYSTEM", "the file system";
        SECURITY = 3, "SMB2_0_INFO_SECURITY", "the security descriptor";
        QUOTA = 4, "SMB2_0_INFO_QUOTA", "quotas";
    }
}

numbers! {
    /// Which information about a file or pipe, [MS-FSCC] 2.4 (FileInfoClass).
    pub struct FileInfoClass(u8) {
        BASIC = 4, "FileBasicInformation", "times and attributes";
        STANDARD = 5, "FileStandardInformation", "sizes and links";
        INTERNAL = 6, "FileInternalInformation", "the number of the open";
        EA = 7, "FileEaInformation", "the length of the extended attributes";
        ACCESS = 8, "FileAccessInformation", "the access that was granted";
        POSITION = 14, "FilePositionInformation", "where the next read begins";
        MODE = 16, "FileModeInformation", "how it was opened";
        ALIGNMENT = 17, "FileAlignmentInformation", "how buffers must be aligned";
        ALL = 18, "FileAllInformation", "several of the others in one";
        PIPE = 23, "FilePipeInformation", "how the client reads";
        PIPE_LOCAL = 24, "FilePipeLocalInformation", "the pipe's state and quotas";
        PIPE_REMOTE = 25, "FilePipeRemoteInformation", "how long the client may collect what it writes";
    }
}

numbers! {
    /// Which information about a file system, [MS-FSCC] 2.5 (FileInfoClass).
    pub struct FileSystemClass(u8) {
        SIZE = 3, "FileFsSizeInformation", "how large it is";
        DEVICE = 4, "FileFsDeviceInformation", "on which kind of device it is";
        ATTRIBUTE = 5, "FileFsAttributeInformation", "what it is called and can do";
        FULL_SIZE = 7, "FileFsFullSizeInformation", "how large it is, and for the caller";
    }
}

numbers! {
    /// The state of a pipe (NamedPipeState), [MS-FSCC] 2.4.38.
    pub struct PipeState(u32) {
        CONNECTED = 3, "FILE_PIPE_CONNECTED_STATE", "both ends are there";
        CLOSING = 4, "FILE_PIPE_CLOSING_STATE", "the other end is gone";
    }
}

numbers! {
    /// Whether reads keep the boundaries of messages (ReadMode), [MS-FSCC] 2.4.37.
    pub struct PipeReadMode(u32) {
        BYTE = 0, "FILE_PIPE_BYTE_STREAM_MODE", "reads give whatever bytes there are";
        MESSAGE = 1, "FILE_PIPE_MESSAGE_MODE", "each read gives one message or a part of it";
    }
}

numbers! {
    /// What a read does on an empty pipe, and a write on a full one (CompletionMode), [MS-FSCC] 2.4.37.
    pub struct PipeCompletionMode(u32) {
        QUEUE = 0, "FILE_PIPE_QUEUE_OPERATION", "it waits";
        COMPLETE = 1, "FILE_PIPE_COMPLETE_OPERATION", "it does not wait";
    }
}

/// A QUERY_INFO request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryInfoRequest {
    /// What it is about.
    pub info_type: InfoType,
    /// Which information, when it is about the [file](InfoType::FILE).
    pub class: FileInfoClass,
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
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "QUERY_INFO request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let info_type = InfoType(reader.u8("InfoType")?);
        let class = FileInfoClass(reader.u8("FileInfoClass")?);
        let output_length = reader.u32("OutputBufferLength")?;
        reader.skip(8, "InputBufferOffset and InputBufferLength")?;
        let additional = reader.u32("AdditionalInformation")?;
        reader.skip(4, "Flags")?;
        let file_id = FileId::decode(&mut reader)?;
        Ok(Self { info_type, class, output_length, additional, file_id })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.info_type.0, self.class.0]);
        out.extend_from_slice(&self.output_length.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.additional.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        self.file_id.encode(out);
        out.push(0);
    }
}

/// A QUERY_INFO response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryInfoResponse<'a> {
    /// The information.
    pub output: &'a [u8],
}

impl<'a> QueryInfoResponse<'a> {
    const STRUCTURE_SIZE: u16 = 9;
    const BUFFER_OFFSET: usize = HEADER_LEN + 8;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "QUERY_INFO response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let offset = reader.length16("OutputBufferOffset")?;
        let length = reader.length32("OutputBufferLength")?;
        let output = reader.part(offset, length, "Buffer")?;
        Ok(QueryInfoResponse { output })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = Self::begin(out);
        out.extend_from_slice(self.output);
        Self::end(out, start);
    }

    /// Appends what comes before the information, and gives the place where that begins. A QUERY_DIRECTORY
    /// response is the same.
    pub fn begin(out: &mut Vec<u8>) -> usize {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.len()
    }

    /// Sets the length of the information that was appended at `start`.
    pub fn end(out: &mut [u8], start: usize) {
        let length = (out.len() - start) as u32;
        patch_u32(out, start - 4, length);
    }
}

/// A SET_INFO request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetInfoRequest<'a> {
    /// What it is about.
    pub info_type: InfoType,
    /// Which information, when it is about the [file](InfoType::FILE).
    pub class: FileInfoClass,
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
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "SET_INFO request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let info_type = InfoType(reader.u8("InfoType")?);
        let class = FileInfoClass(reader.u8("FileInfoClass")?);
        let length = reader.length32("BufferLength")?;
        let offset = reader.length16("BufferOffset")?;
        reader.skip(2, "Reserved")?;
        let additional = reader.u32("AdditionalInformation")?;
        let file_id = FileId::decode(&mut reader)?;
        let input = reader.part(offset, length, "Buffer")?;
        Ok(SetInfoRequest { info_type, class, additional, file_id, input })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.info_type.0, self.class.0]);
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilePipeInformation {
    /// Whether reads keep the boundaries of messages.
    pub read_mode: PipeReadMode,
    /// Whether reads and writes wait.
    pub completion_mode: PipeCompletionMode,
}

impl FilePipeInformation {
    /// Reads it.
    pub fn decode(input: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(input, "FilePipeInformation");
        Ok(Self {
            read_mode: PipeReadMode(reader.u32("ReadMode")?),
            completion_mode: PipeCompletionMode(reader.u32("CompletionMode")?),
        })
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.read_mode.0.to_le_bytes());
        out.extend_from_slice(&self.completion_mode.0.to_le_bytes());
    }
}
