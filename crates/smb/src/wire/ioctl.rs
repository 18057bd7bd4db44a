//! IOCTL, [MS-SMB2] 2.2.31 and 2.2.32, and what the pipe controls carry, [MS-FSCC] 2.3.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::header::HEADER_LEN;
use super::info::PipeState;
use super::negotiate::{Capabilities, SecurityMode};
use super::{DialectRevision, FileId, Malformed, Reader, decode_utf16, encode_utf16, patch_u32};
use crate::numbers::{flags, numbers};

numbers! {
    /// A file system control code (CtlCode).
    pub struct ControlCode(u32) {
        PIPE_PEEK = 0x0011_400C, "FSCTL_PIPE_PEEK", "look at what could be read";
        PIPE_WAIT = 0x0011_0018, "FSCTL_PIPE_WAIT", "wait until a pipe can be opened";
        PIPE_TRANSCEIVE = 0x0011_C017, "FSCTL_PIPE_TRANSCEIVE", "write a message and read one";
        VALIDATE_NEGOTIATE_INFO = 0x0014_0204, "FSCTL_VALIDATE_NEGOTIATE_INFO", "confirm what was negotiated";
        DFS_GET_REFERRALS = 0x0006_0194, "FSCTL_DFS_GET_REFERRALS", "ask where a path leads";
        DFS_GET_REFERRALS_EX = 0x0006_01B0, "FSCTL_DFS_GET_REFERRALS_EX", "ask where a path leads, with more detail";
        QUERY_NETWORK_INTERFACE_INFO =
            0x0014_01FC, "FSCTL_QUERY_NETWORK_INTERFACE_INFO", "ask for the server's interfaces";
    }
}

flags! {
    /// The flags of an IOCTL request.
    pub struct IoctlFlags(u32) {
        IS_FSCTL = 0x1, "SMB2_0_IOCTL_IS_FSCTL", "a file system control, the only kind there is";
    }
}

/// An IOCTL request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoctlRequest<'a> {
    /// What to do.
    pub code: ControlCode,
    /// The open, or [`FileId::ANY`].
    pub file_id: FileId,
    /// The most output the client takes, in bytes.
    pub max_output: u32,
    /// The flags; [`IoctlFlags::IS_FSCTL`].
    pub flags: IoctlFlags,
    /// The input.
    pub input: &'a [u8],
}

impl<'a> IoctlRequest<'a> {
    const STRUCTURE_SIZE: u16 = 57;
    const BUFFER_OFFSET: usize = HEADER_LEN + 56;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "IOCTL request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2, "Reserved")?;
        let code = ControlCode(reader.u32("CtlCode")?);
        let file_id = FileId::decode(&mut reader)?;
        let input_offset = reader.length32("InputOffset")?;
        let input_count = reader.length32("InputCount")?;
        reader.skip(12, "MaxInputResponse, OutputOffset and OutputCount")?;
        let max_output = reader.u32("MaxOutputResponse")?;
        let flags = IoctlFlags(reader.u32("Flags")?);
        reader.skip(4, "Reserved2")?;
        let input = reader.part(input_offset, input_count, "Input")?;
        Ok(IoctlRequest { code, file_id, max_output, flags, input })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.code.0.to_le_bytes());
        self.file_id.encode(out);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u32).to_le_bytes());
        out.extend_from_slice(&(self.input.len() as u32).to_le_bytes());
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(&self.max_output.to_le_bytes());
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.input);
        if self.input.is_empty() {
            out.push(0);
        }
    }
}

/// An IOCTL response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoctlResponse<'a> {
    /// What was done.
    pub code: ControlCode,
    /// The open.
    pub file_id: FileId,
    /// The output.
    pub output: &'a [u8],
}

impl<'a> IoctlResponse<'a> {
    const STRUCTURE_SIZE: u16 = 49;
    const BUFFER_OFFSET: usize = HEADER_LEN + 48;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "IOCTL response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2, "Reserved")?;
        let code = ControlCode(reader.u32("CtlCode")?);
        let file_id = FileId::decode(&mut reader)?;
        reader.skip(8, "InputOffset and InputCount")?;
        let offset = reader.length32("OutputOffset")?;
        let count = reader.length32("OutputCount")?;
        reader.skip(8, "Flags and Reserved2")?;
        let output = reader.part(offset, count, "Output")?;
        Ok(IoctlResponse { code, file_id, output })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        Self::encode_with(self.code, self.file_id, out, |out| out.extend_from_slice(self.output));
    }

    /// Appends the body with the output that `fill` appends, so that it need not be copied twice.
    pub fn encode_with<T>(
        code: ControlCode,
        file_id: FileId,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Vec<u8>) -> T,
    ) -> T {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&code.0.to_le_bytes());
        file_id.encode(out);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u32).to_le_bytes());
        out.extend_from_slice(&[0; 4]); // InputCount
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u32).to_le_bytes());
        let length_at = out.len();
        out.extend_from_slice(&[0; 12]); // OutputCount, Flags, Reserved2
        let start = out.len();
        let filled = fill(out);
        let length = out.len() - start;
        patch_u32(out, length_at, length as u32);
        filled
    }
}

/// The input of `FSCTL_VALIDATE_NEGOTIATE_INFO`: what the client remembers of its NEGOTIATE,
/// [MS-SMB2] 2.2.31.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidateNegotiateRequest {
    /// Its capabilities.
    pub capabilities: Capabilities,
    /// Its GUID.
    pub guid: [u8; 16],
    /// Its security mode.
    pub security_mode: SecurityMode,
    /// Its dialects.
    pub dialects: Vec<DialectRevision>,
}

impl ValidateNegotiateRequest {
    /// Reads the control's input.
    pub fn decode(input: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(input, "FSCTL_VALIDATE_NEGOTIATE_INFO");
        let capabilities = Capabilities(reader.u32("Capabilities")?);
        let guid = reader.array("Guid")?;
        let security_mode = SecurityMode(reader.u16("SecurityMode")?);
        let count = reader.length16("DialectCount")?;
        let (dialects, _) = reader.bytes(count * 2, "Dialects")?.as_chunks::<2>();
        let dialects = dialects.iter().map(|id| DialectRevision(u16::from_le_bytes(*id))).collect();
        Ok(Self { capabilities, guid, security_mode, dialects })
    }

    /// The control's input.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(self.capabilities.0.to_le_bytes());
        out.extend_from_slice(&self.guid);
        out.extend_from_slice(&self.security_mode.0.to_le_bytes());
        out.extend_from_slice(&(self.dialects.len() as u16).to_le_bytes());
        out.extend(self.dialects.iter().flat_map(|dialect| dialect.0.to_le_bytes()));
        out
    }
}

/// The output of `FSCTL_VALIDATE_NEGOTIATE_INFO`, [MS-SMB2] 2.2.32.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValidateNegotiateResponse {
    /// The server's capabilities.
    pub capabilities: Capabilities,
    /// The server's GUID.
    pub guid: [u8; 16],
    /// The server's security mode.
    pub security_mode: SecurityMode,
    /// The dialect chosen.
    pub dialect: DialectRevision,
}

impl ValidateNegotiateResponse {
    /// Its length in bytes.
    pub const LEN: u32 = 24;

    /// Reads the control's output.
    pub fn decode(output: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(output, "FSCTL_VALIDATE_NEGOTIATE_INFO");
        Ok(Self {
            capabilities: Capabilities(reader.u32("Capabilities")?),
            guid: reader.array("Guid")?,
            security_mode: SecurityMode(reader.u16("SecurityMode")?),
            dialect: DialectRevision(reader.u16("Dialect")?),
        })
    }

    /// The control's output.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(self.capabilities.0.to_le_bytes());
        out.extend_from_slice(&self.guid);
        out.extend_from_slice(&self.security_mode.0.to_le_bytes());
        out.extend_from_slice(&self.dialect.0.to_le_bytes());
        out
    }
}

/// The input of `FSCTL_PIPE_WAIT`, [MS-FSCC] 2.3.49.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipeWaitRequest {
    /// The Timeout field, if TimeoutSpecified says that it counts.
    pub timeout: Option<i64>,
    /// The pipe's name without `\pipe\`.
    pub name: String,
}

impl PipeWaitRequest {
    /// Reads the control's input.
    pub fn decode(input: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(input, "FSCTL_PIPE_WAIT");
        let timeout = i64::from_le_bytes(reader.array("Timeout")?);
        let length = reader.length32("NameLength")?;
        let specified = reader.u8("TimeoutSpecified")? != 0;
        reader.skip(1, "Padding")?;
        let name = decode_utf16(reader.bytes(length, "Name")?).ok_or(reader.malformed("Name"))?;
        Ok(Self { timeout: specified.then_some(timeout), name })
    }

    /// The control's input.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let name = encode_utf16(&self.name);
        let mut out = Vec::from(self.timeout.unwrap_or(0).to_le_bytes());
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(&[u8::from(self.timeout.is_some()), 0]);
        out.extend_from_slice(&name);
        out
    }

    /// The Timeout field for this long, as Windows' `WaitNamedPipe` fills it: a negative count of 100 ns.
    #[must_use]
    pub fn timeout_field(wait: Duration) -> i64 {
        i64::try_from(wait.as_nanos() / 100).map_or(i64::MIN, |count| -count)
    }

    /// How long the client wants to wait, at most `limit`.
    ///
    /// [MS-FSCC] speaks of units of 100 ms; `WaitNamedPipe` sends a negative count of 100 ns, relative to
    /// now, and the largest number for "forever". So the sign tells the unit. Without a time the pipe's
    /// default counts, which is 50 ms unless the service chose another.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> Duration {
        const DEFAULT: Duration = Duration::from_millis(50);
        let wait = match self.timeout {
            None | Some(0) => DEFAULT,
            Some(negative @ ..0) => {
                let hundreds = negative.unsigned_abs();
                Duration::new(hundreds / 10_000_000, (hundreds % 10_000_000) as u32 * 100)
            }
            Some(positive) => Duration::from_millis(positive.unsigned_abs().saturating_mul(100)),
        };
        wait.min(limit)
    }
}

/// The fixed part of `FSCTL_PIPE_PEEK`'s output, [MS-FSCC] 2.3.46; the data follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PipePeek {
    /// The pipe's state.
    pub state: PipeState,
    /// How many bytes can be read.
    pub available: u32,
    /// How many messages can be read; 0 for a byte pipe.
    pub messages: u32,
    /// How long the first message is; 0 for a byte pipe.
    pub message_length: u32,
}

impl PipePeek {
    /// Its length in bytes.
    pub const LEN: u32 = 16;

    /// Reads the control's output; what follows it is the data.
    pub fn decode(output: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        let mut reader = Reader::new(output, "FSCTL_PIPE_PEEK");
        let peek = Self {
            state: PipeState(reader.u32("NamedPipeState")?),
            available: reader.u32("ReadDataAvailable")?,
            messages: reader.u32("NumberOfMessages")?,
            message_length: reader.u32("MessageLength")?,
        };
        Ok((peek, reader.rest()))
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for field in [self.state.0, self.available, self.messages, self.message_length] {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }
}
