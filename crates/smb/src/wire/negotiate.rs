//! NEGOTIATE, [MS-SMB2] 2.2.3 and 2.2.4, and its contexts.

use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::reader::part;
use super::{FileTime, Malformed, Reader};

/// `SMB2_NEGOTIATE_SIGNING_ENABLED`.
pub const SECURITY_SIGNING_ENABLED: u16 = 1;
/// `SMB2_NEGOTIATE_SIGNING_REQUIRED`.
pub const SECURITY_SIGNING_REQUIRED: u16 = 2;
/// `SMB2_GLOBAL_CAP_LARGE_MTU`: requests may cost several credits.
pub const CAPABILITY_LARGE_MTU: u32 = 0x4;
/// `SMB2_GLOBAL_CAP_ENCRYPTION`: only in dialects 3.0 and 3.0.2.
pub const CAPABILITY_ENCRYPTION: u32 = 0x40;
/// The revision that answers the SMB1 dialect string `SMB 2.???`.
pub const DIALECT_WILDCARD: u16 = 0x02FF;
/// `SHA-512`, the only hash for pre-authentication integrity.
pub const HASH_SHA512: u16 = 1;

const CONTEXT_PREAUTH: u16 = 1;
const CONTEXT_ENCRYPTION: u16 = 2;
const CONTEXT_COMPRESSION: u16 = 3;
const CONTEXT_RDMA: u16 = 7;
const CONTEXT_SIGNING: u16 = 8;

/// What a NEGOTIATE says in its contexts; only dialect 3.1.1 has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NegotiateContexts {
    /// The hashes for pre-authentication integrity. A request must have this; an empty list is malformed.
    pub preauth_hashes: Option<Vec<u16>>,
    /// The ciphers, best first; in a response the one chosen, or 0 for none.
    pub ciphers: Option<Vec<u16>>,
    /// The signing algorithms, best first; in a response the one chosen.
    pub signing: Option<Vec<u16>>,
}

impl NegotiateContexts {
    fn decode(message: &[u8], offset: usize, count: u16) -> Result<NegotiateContexts, Malformed> {
        let mut contexts = NegotiateContexts::default();
        let (mut compression, mut rdma) = (false, false);
        let mut at = offset;
        for _ in 0..count {
            let mut reader = Reader::new(message.get(at..).unwrap_or_default(), "negotiate context");
            let kind = reader.u16()?;
            let length = usize::from(reader.u16()?);
            reader.skip(4)?;
            let mut data = Reader::new(reader.bytes(length)?, "negotiate context");
            let duplicate = match kind {
                CONTEXT_PREAUTH => {
                    let hashes = usize::from(data.u16()?);
                    let salt = usize::from(data.u16()?);
                    let list = id_list(&mut data, hashes)?;
                    data.skip(salt)?;
                    contexts.preauth_hashes.replace(list).is_some()
                }
                CONTEXT_ENCRYPTION => {
                    let ciphers = usize::from(data.u16()?);
                    contexts.ciphers.replace(id_list(&mut data, ciphers)?).is_some()
                }
                CONTEXT_SIGNING => {
                    let algorithms = usize::from(data.u16()?);
                    contexts.signing.replace(id_list(&mut data, algorithms)?).is_some()
                }
                CONTEXT_COMPRESSION => core::mem::replace(&mut compression, true),
                CONTEXT_RDMA => core::mem::replace(&mut rdma, true),
                // [MS-SMB2] 3.3.5.4: unknown contexts are ignored.
                _ => false,
            };
            if duplicate {
                return Err(Malformed("negotiate contexts: one stands twice"));
            }
            at += (8 + length).next_multiple_of(8);
        }
        Ok(contexts)
    }

    fn count(&self) -> u16 {
        u16::from(self.preauth_hashes.is_some())
            + u16::from(self.ciphers.is_some())
            + u16::from(self.signing.is_some())
    }

    /// Appends the contexts; `start` is where the message's header began in `out`.
    fn encode(&self, out: &mut Vec<u8>, start: usize, salt: &[u8; 32]) {
        if let Some(hashes) = &self.preauth_hashes {
            let mut data = Vec::with_capacity(6 + salt.len());
            data.extend_from_slice(&(hashes.len() as u16).to_le_bytes());
            data.extend_from_slice(&(salt.len() as u16).to_le_bytes());
            data.extend(hashes.iter().flat_map(|id| id.to_le_bytes()));
            data.extend_from_slice(salt);
            encode_context(out, start, CONTEXT_PREAUTH, &data);
        }
        for (kind, list) in [(CONTEXT_ENCRYPTION, &self.ciphers), (CONTEXT_SIGNING, &self.signing)] {
            if let Some(list) = list {
                let mut data = Vec::from((list.len() as u16).to_le_bytes());
                data.extend(list.iter().flat_map(|id| id.to_le_bytes()));
                encode_context(out, start, kind, &data);
            }
        }
    }
}

/// Reads a list of ids, which must not be empty.
fn id_list(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u16>, Malformed> {
    if count == 0 {
        return Err(reader.malformed());
    }
    let (ids, _) = reader.bytes(count * 2)?.as_chunks::<2>();
    Ok(ids.iter().map(|id| u16::from_le_bytes(*id)).collect())
}

fn encode_context(out: &mut Vec<u8>, start: usize, kind: u16, data: &[u8]) {
    pad_to_8(out, start);
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&(data.len() as u16).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(data);
}

/// Pads with zeros until the distance from `start` is a multiple of 8.
pub(crate) fn pad_to_8(out: &mut Vec<u8>, start: usize) {
    let length = (out.len() - start).next_multiple_of(8);
    out.resize(start + length, 0);
}

/// A NEGOTIATE request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiateRequest {
    /// `SECURITY_SIGNING_*`.
    pub security_mode: u16,
    /// `CAPABILITY_*`.
    pub capabilities: u32,
    /// Tells this client from others.
    pub client_guid: [u8; 16],
    /// The revisions offered; unknown ones may be among them.
    pub dialects: Vec<u16>,
    /// The contexts, present when 3.1.1 is among the dialects.
    pub contexts: Option<NegotiateContexts>,
}

impl NegotiateRequest {
    const STRUCTURE_SIZE: u16 = 36;
    /// Windows refuses a longer list ([MS-SMB2] note 8).
    const MAX_DIALECTS: u16 = 64;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<NegotiateRequest, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "NEGOTIATE request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let count = reader.u16()?;
        if count == 0 || count > Self::MAX_DIALECTS {
            return Err(reader.malformed());
        }
        let security_mode = reader.u16()?;
        reader.skip(2)?;
        let capabilities = reader.u32()?;
        let client_guid = reader.array()?;
        // These eight bytes are ClientStartTime in older dialects and say where the contexts are in 3.1.1.
        let context_offset = reader.u32()?;
        let context_count = reader.u16()?;
        reader.skip(2)?;
        let dialects = id_list(&mut reader, usize::from(count))?;
        let contexts = if dialects.contains(&crate::Dialect::Smb311.to_wire()) {
            Some(NegotiateContexts::decode(message, context_offset as usize, context_count)?)
        } else {
            None
        };
        Ok(NegotiateRequest { security_mode, capabilities, client_guid, dialects, contexts })
    }

    /// Appends the body; the header was just appended at `start`.
    pub fn encode(&self, out: &mut Vec<u8>, start: usize, salt: &[u8; 32]) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&(self.dialects.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.security_mode.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.client_guid);
        let dialects_end = HEADER_LEN + usize::from(Self::STRUCTURE_SIZE) + 2 * self.dialects.len();
        match &self.contexts {
            Some(contexts) => {
                out.extend_from_slice(&(dialects_end.next_multiple_of(8) as u32).to_le_bytes());
                out.extend_from_slice(&contexts.count().to_le_bytes());
                out.extend_from_slice(&[0; 2]);
            }
            None => out.extend_from_slice(&[0; 8]),
        }
        out.extend(self.dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
        if let Some(contexts) = &self.contexts {
            contexts.encode(out, start, salt);
        }
    }
}

/// A NEGOTIATE response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiateResponse {
    /// `SECURITY_SIGNING_*`.
    pub security_mode: u16,
    /// The dialect's revision, or [`DIALECT_WILDCARD`].
    pub dialect: u16,
    /// Tells this server from others.
    pub server_guid: [u8; 16],
    /// `CAPABILITY_*`.
    pub capabilities: u32,
    /// The largest transaction in bytes.
    pub max_transact: u32,
    /// The largest read in bytes.
    pub max_read: u32,
    /// The largest write in bytes.
    pub max_write: u32,
    /// The server's time of day.
    pub system_time: FileTime,
    /// The server's SPNEGO hint.
    pub security_buffer: Vec<u8>,
    /// The contexts, in dialect 3.1.1.
    pub contexts: Option<NegotiateContexts>,
}

impl NegotiateResponse {
    const STRUCTURE_SIZE: u16 = 65;
    const BUFFER_OFFSET: usize = HEADER_LEN + 64;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<NegotiateResponse, Malformed> {
        let mut reader = Reader::new(message.get(HEADER_LEN..).unwrap_or_default(), "NEGOTIATE response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let security_mode = reader.u16()?;
        let dialect = reader.u16()?;
        let context_count = reader.u16()?;
        let server_guid = reader.array()?;
        let capabilities = reader.u32()?;
        let max_transact = reader.u32()?;
        let max_read = reader.u32()?;
        let max_write = reader.u32()?;
        let system_time = FileTime(reader.u64()?);
        reader.skip(8)?;
        let offset = usize::from(reader.u16()?);
        let length = usize::from(reader.u16()?);
        let context_offset = reader.u32()?;
        let security_buffer =
            part(message, offset, length, Self::BUFFER_OFFSET, "NEGOTIATE response")?.to_vec();
        let contexts = if dialect == crate::Dialect::Smb311.to_wire() {
            Some(NegotiateContexts::decode(message, context_offset as usize, context_count)?)
        } else {
            None
        };
        Ok(NegotiateResponse {
            security_mode,
            dialect,
            server_guid,
            capabilities,
            max_transact,
            max_read,
            max_write,
            system_time,
            security_buffer,
            contexts,
        })
    }

    /// Appends the body; the header was just appended at `start`.
    pub fn encode(&self, out: &mut Vec<u8>, start: usize, salt: &[u8; 32]) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&self.security_mode.to_le_bytes());
        out.extend_from_slice(&self.dialect.to_le_bytes());
        let context_count = self.contexts.as_ref().map_or(0, NegotiateContexts::count);
        out.extend_from_slice(&context_count.to_le_bytes());
        out.extend_from_slice(&self.server_guid);
        out.extend_from_slice(&self.capabilities.to_le_bytes());
        out.extend_from_slice(&self.max_transact.to_le_bytes());
        out.extend_from_slice(&self.max_read.to_le_bytes());
        out.extend_from_slice(&self.max_write.to_le_bytes());
        out.extend_from_slice(&self.system_time.0.to_le_bytes());
        // ServerStartTime: 0, as [MS-SMB2] 3.3.5.4 recommends; it would tell strangers the uptime.
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&(Self::BUFFER_OFFSET as u16).to_le_bytes());
        out.extend_from_slice(&(self.security_buffer.len() as u16).to_le_bytes());
        let buffer_end = Self::BUFFER_OFFSET + self.security_buffer.len();
        let context_offset = if self.contexts.is_some() { buffer_end.next_multiple_of(8) as u32 } else { 0 };
        out.extend_from_slice(&context_offset.to_le_bytes());
        out.extend_from_slice(&self.security_buffer);
        if let Some(contexts) = &self.contexts {
            contexts.encode(out, start, salt);
        }
    }
}
