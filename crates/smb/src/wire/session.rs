//! SESSION_SETUP, [MS-SMB2] 2.2.5 and 2.2.6, and TREE_CONNECT, 2.2.9 and 2.2.10.

use alloc::string::String;
use alloc::vec::Vec;

use standpipe_security::AccessMask;

use super::header::HEADER_LEN;
use super::negotiate::{Capabilities, SecurityMode};
use super::{Malformed, Reader, decode_utf16, encode_utf16};
use crate::numbers::{flags, numbers};

flags! {
    /// The flags of a SESSION_SETUP request.
    pub struct SessionSetupFlags(u8) {
        BINDING = 1, "SMB2_SESSION_FLAG_BINDING", "bind another connection to a session";
    }
}

flags! {
    /// What a session is (SessionFlags of a response).
    pub struct SessionFlags(u16) {
        IS_GUEST = 1, "SMB2_SESSION_FLAG_IS_GUEST", "a guest's session";
        IS_NULL = 2, "SMB2_SESSION_FLAG_IS_NULL", "an anonymous session";
        ENCRYPT_DATA = 4, "SMB2_SESSION_FLAG_ENCRYPT_DATA", "everything in the session is encrypted";
    }
}

/// A SESSION_SETUP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSetupRequest<'a> {
    /// The flags.
    pub flags: SessionSetupFlags,
    /// What the client does about signatures; a byte of it goes over the wire.
    pub security_mode: SecurityMode,
    /// What the client can do.
    pub capabilities: Capabilities,
    /// A session of the same client that this one replaces, or 0.
    pub previous_session_id: u64,
    /// The security token.
    pub token: &'a [u8],
}

impl<'a> SessionSetupRequest<'a> {
    const STRUCTURE_SIZE: u16 = 25;
    const BUFFER_OFFSET: usize = HEADER_LEN + 24;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "SESSION_SETUP request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let flags = SessionSetupFlags(reader.u8("Flags")?);
        let security_mode = SecurityMode(reader.u8("SecurityMode")?.into());
        let capabilities = Capabilities(reader.u32("Capabilities")?);
        reader.skip(4, "Channel")?;
        let offset = reader.length16("SecurityBufferOffset")?;
        let length = reader.length16("SecurityBufferLength")?;
        let previous_session_id = reader.u64("PreviousSessionId")?;
        let token = reader.part(offset, length, "Buffer")?;
        Ok(SessionSetupRequest { flags, security_mode, capabilities, previous_session_id, token })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.push(self.flags.0);
        out.push(self.security_mode.0 as u8);
        out.extend_from_slice(&self.capabilities.0.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.token.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.previous_session_id.to_le_bytes());
        out.extend_from_slice(self.token);
    }
}

/// A SESSION_SETUP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSetupResponse<'a> {
    /// What the session is.
    pub flags: SessionFlags,
    /// The security token.
    pub token: &'a [u8],
}

impl<'a> SessionSetupResponse<'a> {
    const STRUCTURE_SIZE: u16 = 9;
    const BUFFER_OFFSET: usize = HEADER_LEN + 8;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "SESSION_SETUP response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let flags = SessionFlags(reader.u16("SessionFlags")?);
        let offset = reader.length16("SecurityBufferOffset")?;
        let length = reader.length16("SecurityBufferLength")?;
        let token = reader.part(offset, length, "Buffer")?;
        Ok(SessionSetupResponse { flags, token })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.token.len() as u16).to_le_bytes());
        out.extend_from_slice(self.token);
    }
}

/// `SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT`.
const TREE_EXTENSION_PRESENT: u16 = 4;

/// A TREE_CONNECT request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeConnectRequest {
    /// The share's path, `\\server\share`.
    pub path: String,
}

impl TreeConnectRequest {
    const STRUCTURE_SIZE: u16 = 9;
    const BUFFER_OFFSET: usize = HEADER_LEN + 8;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "TREE_CONNECT request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let flags = reader.u16("Flags")?;
        let offset = reader.length16("PathOffset")?;
        let length = reader.length16("PathLength")?;
        // With the extension, the path's offset counts from the body's end ([MS-SMB2] 2.2.9.1).
        let base = if flags & TREE_EXTENSION_PRESENT != 0 { Self::BUFFER_OFFSET } else { 0 };
        let path = reader.part(base + offset, length, "PathName")?;
        Ok(Self { path: decode_utf16(path).ok_or(reader.malformed("PathName"))? })
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

numbers! {
    /// What a share holds (ShareType).
    pub struct ShareType(u8) {
        DISK = 1, "SMB2_SHARE_TYPE_DISK", "files";
        PIPE = 2, "SMB2_SHARE_TYPE_PIPE", "named pipes, as in IPC$";
        PRINT = 3, "SMB2_SHARE_TYPE_PRINT", "a printer";
    }
}

flags! {
    /// What a share asks of clients (ShareFlags).
    pub struct ShareFlags(u32) {
        NO_CACHING = 0x30, "SMB2_SHAREFLAG_NO_CACHING", "nothing is kept for later";
        ENCRYPT_DATA = 0x8000, "SMB2_SHAREFLAG_ENCRYPT_DATA", "everything in the share is encrypted";
    }
}

/// A TREE_CONNECT response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeConnectResponse {
    /// What it holds; [`ShareType::PIPE`] for `IPC$`.
    pub share_type: ShareType,
    /// What it asks of clients.
    pub share_flags: ShareFlags,
    /// `SMB2_SHARE_CAP_*`: what it offers beside, of which `IPC$` has nothing.
    pub capabilities: u32,
    /// The most that this user could be granted.
    pub maximal_access: AccessMask,
}

impl TreeConnectResponse {
    const STRUCTURE_SIZE: u16 = 16;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "TREE_CONNECT response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let share_type = ShareType(reader.u8("ShareType")?);
        reader.skip(1, "Reserved")?;
        let share_flags = ShareFlags(reader.u32("ShareFlags")?);
        let capabilities = reader.u32("Capabilities")?;
        let maximal_access = AccessMask(reader.u32("MaximalAccess")?);
        Ok(Self { share_type, share_flags, capabilities, maximal_access })
    }

    /// Appends the body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&[self.share_type.0, 0]);
        out.extend_from_slice(&self.share_flags.0.to_le_bytes());
        out.extend_from_slice(&self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.maximal_access.0.to_le_bytes());
    }
}

/// The four-byte body that LOGOFF, TREE_DISCONNECT, ECHO, CANCEL and the FLUSH response share
/// ([MS-SMB2] 2.2.7, 2.2.11, 2.2.28, 2.2.30, 2.2.18).
pub struct Empty;

impl Empty {
    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "empty body");
        reader.structure_size(4)?;
        reader.skip(2, "Reserved")?;
        Ok(Self)
    }

    /// Appends the body.
    pub fn encode(out: &mut Vec<u8>) {
        out.extend_from_slice(&[4, 0, 0, 0]);
    }
}
