//! IOCTL, [MS-SMB2] 2.2.31 and 2.2.32, and what the pipe controls carry, [MS-FSCC] 2.3.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::header::HEADER_LEN;
use super::reader::part;
use super::{FileId, Malformed, Reader, decode_utf16, encode_utf16, patch_u32};

/// A file system control code. Any number may arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ControlCode(pub u32);

impl ControlCode {
    /// `FSCTL_PIPE_PEEK`.
    pub const PIPE_PEEK: ControlCode = ControlCode(0x0011_400C);
    /// `FSCTL_PIPE_WAIT`.
    pub const PIPE_WAIT: ControlCode = ControlCode(0x0011_0018);
    /// `FSCTL_PIPE_TRANSCEIVE`.
    pub const PIPE_TRANSCEIVE: ControlCode = ControlCode(0x0011_C017);
    /// `FSCTL_VALIDATE_NEGOTIATE_INFO`.
    pub const VALIDATE_NEGOTIATE_INFO: ControlCode = ControlCode(0x0014_0204);
    /// `FSCTL_DFS_GET_REFERRALS`.
    pub const DFS_GET_REFERRALS: ControlCode = ControlCode(0x0006_0194);
    /// `FSCTL_DFS_GET_REFERRALS_EX`.
    pub const DFS_GET_REFERRALS_EX: ControlCode = ControlCode(0x0006_01B0);
    /// `FSCTL_QUERY_NETWORK_INTERFACE_INFO`.
    pub const QUERY_NETWORK_INTERFACE_INFO: ControlCode = ControlCode(0x0014_01FC);
}

/// `SMB2_0_IOCTL_IS_FSCTL`, the only flag there is.
pub const IOCTL_IS_FSCTL: u32 = 1;

/// An IOCTL request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoctlRequest<'a> {
    /// What to do.
    pub code: ControlCode,
    /// The open, or [`FileId::ANY`].
    pub file_id: FileId,
    /// The most output the client takes, in bytes.
    pub max_output: u32,
    /// [`IOCTL_IS_FSCTL`].
    pub flags: u32,
    /// The input.
    pub input: &'a [u8],
}

impl<'a> IoctlRequest<'a> {
    const STRUCTURE_SIZE: u16 = 57;
    const BUFFER_OFFSET: usize = HEADER_LEN + 56;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<IoctlRequest<'a>, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "IOCTL request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2)?;
        let code = ControlCode(reader.u32()?);
        let file_id = FileId::decode(&mut reader)?;
        let input_offset = reader.u32()? as usize;
        let input_count = reader.u32()? as usize;
        reader.skip(4)?; // MaxInputResponse
        reader.skip(8)?; // OutputOffset, OutputCount
        let max_output = reader.u32()?;
        let flags = reader.u32()?;
        reader.skip(4)?;
        let input = part(message, input_offset, input_count, Self::BUFFER_OFFSET, "IOCTL request")?;
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
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(self.input);
        if self.input.is_empty() {
            out.push(0);
        }
    }
}

/// An IOCTL response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub fn decode(message: &'a [u8]) -> Result<IoctlResponse<'a>, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "IOCTL response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        reader.skip(2)?;
        let code = ControlCode(reader.u32()?);
        let file_id = FileId::decode(&mut reader)?;
        reader.skip(8)?;
        let offset = reader.u32()? as usize;
        let count = reader.u32()? as usize;
        reader.skip(8)?;
        let output = part(message, offset, count, Self::BUFFER_OFFSET, "IOCTL response")?;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidateNegotiateRequest {
    /// Its capabilities.
    pub capabilities: u32,
    /// Its GUID.
    pub guid: [u8; 16],
    /// Its security mode.
    pub security_mode: u16,
    /// Its dialects.
    pub dialects: Vec<u16>,
}

impl ValidateNegotiateRequest {
    /// Reads the control's input.
    pub fn decode(input: &[u8]) -> Result<ValidateNegotiateRequest, Malformed> {
        let mut reader = Reader::new(input, "FSCTL_VALIDATE_NEGOTIATE_INFO");
        let capabilities = reader.u32()?;
        let guid = reader.array()?;
        let security_mode = reader.u16()?;
        let count = usize::from(reader.u16()?);
        let (dialects, _) = reader.bytes(count * 2)?.as_chunks::<2>();
        let dialects = dialects.iter().map(|dialect| u16::from_le_bytes(*dialect)).collect();
        Ok(ValidateNegotiateRequest { capabilities, guid, security_mode, dialects })
    }

    /// The control's input.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.guid);
        out.extend_from_slice(&self.security_mode.to_le_bytes());
        out.extend_from_slice(&(self.dialects.len() as u16).to_le_bytes());
        out.extend(self.dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
        out
    }
}

/// The output of `FSCTL_VALIDATE_NEGOTIATE_INFO`, [MS-SMB2] 2.2.32.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValidateNegotiateResponse {
    /// The server's capabilities.
    pub capabilities: u32,
    /// The server's GUID.
    pub guid: [u8; 16],
    /// The server's security mode.
    pub security_mode: u16,
    /// The dialect chosen.
    pub dialect: u16,
}

impl ValidateNegotiateResponse {
    /// Its length in bytes.
    pub const LEN: u32 = 24;

    /// Reads the control's output.
    pub fn decode(output: &[u8]) -> Result<ValidateNegotiateResponse, Malformed> {
        let mut reader = Reader::new(output, "FSCTL_VALIDATE_NEGOTIATE_INFO");
        Ok(ValidateNegotiateResponse {
            capabilities: reader.u32()?,
            guid: reader.array()?,
            security_mode: reader.u16()?,
            dialect: reader.u16()?,
        })
    }

    /// The control's output.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::from(self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.guid);
        out.extend_from_slice(&self.security_mode.to_le_bytes());
        out.extend_from_slice(&self.dialect.to_le_bytes());
        out
    }
}

/// The input of `FSCTL_PIPE_WAIT`, [MS-FSCC] 2.3.49.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipeWaitRequest {
    /// The Timeout field, if TimeoutSpecified says that it counts.
    pub timeout: Option<i64>,
    /// The pipe's name without `\pipe\`.
    pub name: String,
}

impl PipeWaitRequest {
    /// Reads the control's input.
    pub fn decode(input: &[u8]) -> Result<PipeWaitRequest, Malformed> {
        const WHAT: &str = "FSCTL_PIPE_WAIT";
        let mut reader = Reader::new(input, WHAT);
        let timeout = i64::from_le_bytes(reader.array()?);
        let length = reader.u32()? as usize;
        let specified = reader.u8()? != 0;
        reader.skip(1)?;
        let name = decode_utf16(reader.bytes(length)?, WHAT)?;
        Ok(PipeWaitRequest { timeout: specified.then_some(timeout), name })
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
    /// [MS-FSCC] speaks of units of 100 ms; `WaitNamedPipe` sends a negative count of 100 ns, relative to now,
    /// and the largest number for "forever". So the sign tells the unit. Without a time the pipe's default
    /// counts, which is 50 ms unless the service chose another.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipePeek {
    /// The pipe's state: `STATE_*` of [`super::info`].
    pub state: u32,
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
    pub fn decode(output: &[u8]) -> Result<(PipePeek, &[u8]), Malformed> {
        let mut reader = Reader::new(output, "FSCTL_PIPE_PEEK");
        let peek = PipePeek {
            state: reader.u32()?,
            available: reader.u32()?,
            messages: reader.u32()?,
            message_length: reader.u32()?,
        };
        Ok((peek, reader.rest()))
    }

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for field in [self.state, self.available, self.messages, self.message_length] {
            out.extend_from_slice(&field.to_le_bytes());
        }
    }
}
