//! SESSION_SETUP, [MS-SMB2] 2.2.5 and 2.2.6, and TREE_CONNECT, 2.2.9 and 2.2.10.

use alloc::string::String;
use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::reader::part;
use super::{Malformed, Reader, decode_utf16, encode_utf16};

/// `SMB2_SESSION_FLAG_BINDING` of a request: bind another connection to a session.
pub const SESSION_BINDING: u8 = 1;
/// `SMB2_SESSION_FLAG_IS_GUEST` of a response.
pub const SESSION_IS_GUEST: u16 = 1;
/// `SMB2_SESSION_FLAG_IS_NULL` of a response: an anonymous session.
pub const SESSION_IS_NULL: u16 = 2;
/// `SMB2_SESSION_FLAG_ENCRYPT_DATA` of a response.
pub const SESSION_ENCRYPT_DATA: u16 = 4;

/// A SESSION_SETUP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSetupRequest<'a> {
    /// [`SESSION_BINDING`] or 0.
    pub flags: u8,
    /// `SECURITY_SIGNING_*`.
    pub security_mode: u8,
    /// `CAPABILITY_*`.
    pub capabilities: u32,
    /// A session of the same client that this one replaces, or 0.
    pub previous_session_id: u64,
    /// The security token.
    pub token: &'a [u8],
}

impl<'a> SessionSetupRequest<'a> {
    const STRUCTURE_SIZE: u16 = 25;
    const BUFFER_OFFSET: usize = HEADER_LEN + 24;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<SessionSetupRequest<'a>, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "SESSION_SETUP request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let flags = reader.u8()?;
        let security_mode = reader.u8()?;
        let capabilities = reader.u32()?;
        reader.skip(4)?;
        let offset = usize::from(reader.u16()?);
        let length = usize::from(reader.u16()?);
        let previous_session_id = reader.u64()?;
        let token = part(message, offset, length, Self::BUFFER_OFFSET, "SESSION_SETUP request")?;
        Ok(SessionSetupRequest { flags, security_mode, capabilities, previous_session_id, token })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.push(self.flags);
        out.push(self.security_mode);
        out.extend_from_slice(&self.capabilities.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.token.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.previous_session_id.to_le_bytes());
        out.extend_from_slice(self.token);
    }
}

/// A SESSION_SETUP response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSetupResponse<'a> {
    /// `SESSION_*`.
    pub flags: u16,
    /// The security token.
    pub token: &'a [u8],
}

impl<'a> SessionSetupResponse<'a> {
    const STRUCTURE_SIZE: u16 = 9;
    const BUFFER_OFFSET: usize = HEADER_LEN + 8;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<SessionSetupResponse<'a>, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "SESSION_SETUP response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let flags = reader.u16()?;
        let offset = usize::from(reader.u16()?);
        let length = usize::from(reader.u16()?);
        let token = part(message, offset, length, Self::BUFFER_OFFSET, "SESSION_SETUP response")?;
        Ok(SessionSetupResponse { flags, token })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.token.len() as u16).to_le_bytes());
        out.extend_from_slice(self.token);
    }
}

/// `SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT`.
const TREE_EXTENSION_PRESENT: u16 = 4;

/// A TREE_CONNECT request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeConnectRequest {
    /// The share's path, `\\server\share`.
    pub path: String,
}

impl TreeConnectRequest {
    const STRUCTURE_SIZE: u16 = 9;
    const BUFFER_OFFSET: usize = HEADER_LEN + 8;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<TreeConnectRequest, Malformed> {
        const WHAT: &str = "TREE_CONNECT request";
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), WHAT);
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let flags = reader.u16()?;
        let offset = usize::from(reader.u16()?);
        let length = usize::from(reader.u16()?);
        // With the extension, the path's offset counts from the body's end ([MS-SMB2] 2.2.9.1).
        let base = if flags & TREE_EXTENSION_PRESENT != 0 { Self::BUFFER_OFFSET } else { 0 };
        let path = part(message, base + offset, length, Self::BUFFER_OFFSET, WHAT)?;
        Ok(TreeConnectRequest { path: decode_utf16(path, WHAT)? })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let path = encode_utf16(&self.path);
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(path.len() as u16).to_le_bytes());
        out.extend_from_slice(&path);
    }
}

/// `SMB2_SHARE_TYPE_PIPE`.
pub const SHARE_TYPE_PIPE: u8 = 2;
/// `SMB2_SHAREFLAG_NO_CACHING`.
pub const SHARE_NO_CACHING: u32 = 0x30;
/// `SMB2_SHAREFLAG_ENCRYPT_DATA`.
pub const SHARE_ENCRYPT_DATA: u32 = 0x8000;

/// A TREE_CONNECT response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeConnectResponse {
    /// [`SHARE_TYPE_PIPE`] for `IPC$`.
    pub share_type: u8,
    /// `SHARE_*`.
    pub share_flags: u32,
    /// The capabilities of the share.
    pub capabilities: u32,
    /// The most that this user could be granted.
    pub maximal_access: u32,
}

impl TreeConnectResponse {
    const STRUCTURE_SIZE: u16 = 16;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<TreeConnectResponse, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "TREE_CONNECT response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let share_type = reader.u8()?;
        reader.skip(1)?;
        let share_flags = reader.u32()?;
        let capabilities = reader.u32()?;
        let maximal_access = reader.u32()?;
        Ok(TreeConnectResponse { share_type, share_flags, capabilities, maximal_access })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.share_type, 0]);
        out.extend_from_slice(&self.share_flags.to_le_bytes());
        out.extend_from_slice(&self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.maximal_access.to_le_bytes());
    }
}

/// The four-byte body that LOGOFF, TREE_DISCONNECT, ECHO, CANCEL and the FLUSH response share
/// ([MS-SMB2] 2.2.7, 2.2.11, 2.2.28, 2.2.30, 2.2.18).
pub struct Empty;

impl Empty {
    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Empty, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "empty body");
        reader.structure_size(4)?;
        reader.skip(2)?;
        Ok(Empty)
    }

    /// Appends the body.
    pub fn encode(out: &mut Vec<u8>) {
        out.extend_from_slice(&[4, 0, 0, 0]);
    }
}
