//! NEGOTIATE, [MS-SMB2] 2.2.3 and 2.2.4, and its contexts.

use alloc::vec::Vec;

use super::header::HEADER_LEN;
use super::{DialectRevision, FileTime, Malformed, Reader};
use crate::numbers::{flags, numbers};

flags! {
    /// What a side does about signatures (SecurityMode).
    pub struct SecurityMode(u16) {
        SIGNING_ENABLED = 1, "SMB2_NEGOTIATE_SIGNING_ENABLED", "it can sign";
        SIGNING_REQUIRED = 2, "SMB2_NEGOTIATE_SIGNING_REQUIRED", "it insists on signatures";
    }
}

flags! {
    /// What a side can do (Capabilities).
    pub struct Capabilities(u32) {
        LARGE_MTU = 0x4, "SMB2_GLOBAL_CAP_LARGE_MTU", "requests may cost several credits";
        ENCRYPTION = 0x40, "SMB2_GLOBAL_CAP_ENCRYPTION", "it encrypts, in dialects 3.0 and 3.0.2";
    }
}

numbers! {
    /// A hash for pre-authentication integrity (HashAlgorithms).
    pub struct HashId(u16) {
        SHA512 = 1, "SHA-512", "the only one there is";
    }
}

numbers! {
    /// A cipher (Ciphers), [MS-SMB2] 2.2.3.1.2. [`crate::crypto::Cipher`] is one that is implemented.
    pub struct CipherId(u16) {
        NONE = 0, "none", "in a response: the server takes none of those offered";
        AES_128_CCM = 1, "AES-128-CCM", "the one of 3.0";
        AES_128_GCM = 2, "AES-128-GCM", "the usual one of 3.1.1";
        AES_256_CCM = 3, "AES-256-CCM", "with the longer key";
        AES_256_GCM = 4, "AES-256-GCM", "with the longer key";
    }
}

numbers! {
    /// A signing algorithm (SigningAlgorithms), [MS-SMB2] 2.2.3.1.7. [`crate::crypto::SigningAlgorithm`] is
    /// one that is implemented.
    pub struct SigningId(u16) {
        HMAC_SHA256 = 0, "HMAC-SHA256", "the one of 2.0.2 and 2.1";
        AES_CMAC = 1, "AES-CMAC", "the one of 3.0";
        AES_GMAC = 2, "AES-GMAC", "the fastest";
    }
}

numbers! {
    /// What a negotiate context is about (ContextType), [MS-SMB2] 2.2.3.1.
    struct ContextType(u16) {
        PREAUTH = 1, "SMB2_PREAUTH_INTEGRITY_CAPABILITIES", "hashes";
        ENCRYPTION = 2, "SMB2_ENCRYPTION_CAPABILITIES", "ciphers";
        COMPRESSION = 3, "SMB2_COMPRESSION_CAPABILITIES", "compression, which is not offered";
        RDMA = 7, "SMB2_RDMA_TRANSFORM_CAPABILITIES", "RDMA, which is not offered";
        SIGNING = 8, "SMB2_SIGNING_CAPABILITIES", "signing algorithms";
    }
}

/// What a NEGOTIATE says in its contexts; only dialect 3.1.1 has them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NegotiateContexts {
    /// The hashes for pre-authentication integrity. A request must have this; an empty list is malformed.
    pub preauth_hashes: Option<Vec<HashId>>,
    /// The ciphers, best first; in a response the one chosen, or [`CipherId::NONE`].
    pub ciphers: Option<Vec<CipherId>>,
    /// The signing algorithms, best first; in a response the one chosen.
    pub signing: Option<Vec<SigningId>>,
}

impl NegotiateContexts {
    fn decode(message: &[u8], offset: usize, count: u16) -> Result<Self, Malformed> {
        let mut contexts = Self::default();
        let (mut compression, mut rdma) = (false, false);
        let mut at = offset;
        for _ in 0..count {
            let mut reader = Reader::new(message.get(at..).unwrap_or_default(), "negotiate context");
            let context = ContextType(reader.u16("ContextType")?);
            let length = reader.length16("DataLength")?;
            reader.skip(4, "Reserved")?;
            let mut data =
                reader.sub(length, "Data", context.name().unwrap_or("unknown negotiate context"))?;
            let duplicate = match context {
                ContextType::PREAUTH => {
                    let hashes = data.length16("HashAlgorithmCount")?;
                    let salt = data.length16("SaltLength")?;
                    let list = id_list(&mut data, hashes, "HashAlgorithms", HashId)?;
                    data.skip(salt, "Salt")?;
                    contexts.preauth_hashes.replace(list).is_some()
                }
                ContextType::ENCRYPTION => {
                    let ciphers = data.length16("CipherCount")?;
                    contexts.ciphers.replace(id_list(&mut data, ciphers, "Ciphers", CipherId)?).is_some()
                }
                ContextType::SIGNING => {
                    let count = data.length16("SigningAlgorithmCount")?;
                    let list = id_list(&mut data, count, "SigningAlgorithms", SigningId)?;
                    contexts.signing.replace(list).is_some()
                }
                ContextType::COMPRESSION => core::mem::replace(&mut compression, true),
                ContextType::RDMA => core::mem::replace(&mut rdma, true),
                // [MS-SMB2] 3.3.5.4: unknown contexts are ignored.
                _ => false,
            };
            if duplicate {
                return Err(Malformed::new("negotiate contexts", "one stands twice"));
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
            data.extend(hashes.iter().flat_map(|id| id.0.to_le_bytes()));
            data.extend_from_slice(salt);
            encode_context(out, start, ContextType::PREAUTH, &data);
        }
        let ciphers = self.ciphers.as_ref().map(|list| list.iter().map(|id| id.0).collect::<Vec<_>>());
        let signing = self.signing.as_ref().map(|list| list.iter().map(|id| id.0).collect::<Vec<_>>());
        for (context, list) in [(ContextType::ENCRYPTION, ciphers), (ContextType::SIGNING, signing)] {
            if let Some(list) = list {
                let mut data = Vec::from((list.len() as u16).to_le_bytes());
                data.extend(list.iter().flat_map(|id| id.to_le_bytes()));
                encode_context(out, start, context, &data);
            }
        }
    }
}

/// Reads a list of ids, which must not be empty.
fn id_list<T>(
    reader: &mut Reader<'_>,
    count: usize,
    field: &'static str,
    id: fn(u16) -> T,
) -> Result<Vec<T>, Malformed> {
    if count == 0 {
        return Err(reader.malformed(field));
    }
    let (ids, _) = reader.bytes(count * 2, field)?.as_chunks::<2>();
    Ok(ids.iter().map(|bytes| id(u16::from_le_bytes(*bytes))).collect())
}

fn encode_context(out: &mut Vec<u8>, start: usize, context: ContextType, data: &[u8]) {
    pad_to_8(out, start);
    out.extend_from_slice(&context.0.to_le_bytes());
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiateRequest {
    /// What the side does about signatures.
    pub security_mode: SecurityMode,
    /// What the side can do.
    pub capabilities: Capabilities,
    /// Tells this client from others.
    pub client_guid: [u8; 16],
    /// The revisions offered; unknown ones may be among them.
    pub dialects: Vec<DialectRevision>,
    /// The contexts, present when 3.1.1 is among the dialects.
    pub contexts: Option<NegotiateContexts>,
}

impl NegotiateRequest {
    const STRUCTURE_SIZE: u16 = 36;
    /// Windows refuses a longer list ([MS-SMB2] note 8).
    const MAX_DIALECTS: u16 = 64;

    /// Reads the body of `message`, which starts with its header.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "NEGOTIATE request");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let count = reader.u16("DialectCount")?;
        if count == 0 || count > Self::MAX_DIALECTS {
            return Err(reader.malformed("DialectCount"));
        }
        let security_mode = SecurityMode(reader.u16("SecurityMode")?);
        reader.skip(2, "Reserved")?;
        let capabilities = Capabilities(reader.u32("Capabilities")?);
        let client_guid = reader.array("ClientGuid")?;
        // These eight bytes are ClientStartTime in older dialects and say where the contexts are in 3.1.1.
        let context_offset = reader.length32("NegotiateContextOffset")?;
        let context_count = reader.u16("NegotiateContextCount")?;
        reader.skip(2, "Reserved2")?;
        let dialects = id_list(&mut reader, usize::from(count), "Dialects", DialectRevision)?;
        let contexts = if dialects.contains(&DialectRevision::SMB_3_1_1) {
            Some(NegotiateContexts::decode(message, context_offset, context_count)?)
        } else {
            None
        };
        Ok(Self { security_mode, capabilities, client_guid, dialects, contexts })
    }

    /// Appends the body; the header was just appended at `start`.
    pub fn encode(&self, out: &mut Vec<u8>, start: usize, salt: &[u8; 32]) {
        out.extend_from_slice(&Self::STRUCTURE_SIZE.to_le_bytes());
        out.extend_from_slice(&(self.dialects.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.security_mode.0.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.capabilities.0.to_le_bytes());
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
        out.extend(self.dialects.iter().flat_map(|dialect| dialect.0.to_le_bytes()));
        if let Some(contexts) = &self.contexts {
            contexts.encode(out, start, salt);
        }
    }
}

/// A NEGOTIATE response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiateResponse {
    /// What the side does about signatures.
    pub security_mode: SecurityMode,
    /// The dialect's revision, or [`DialectRevision::WILDCARD`].
    pub dialect: DialectRevision,
    /// Tells this server from others.
    pub server_guid: [u8; 16],
    /// What the side can do.
    pub capabilities: Capabilities,
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
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::body(message, "NEGOTIATE response");
        reader.structure_size(Self::STRUCTURE_SIZE)?;
        let security_mode = SecurityMode(reader.u16("SecurityMode")?);
        let dialect = DialectRevision(reader.u16("DialectRevision")?);
        let context_count = reader.u16("NegotiateContextCount")?;
        let server_guid = reader.array("ServerGuid")?;
        let capabilities = Capabilities(reader.u32("Capabilities")?);
        let max_transact = reader.u32("MaxTransactSize")?;
        let max_read = reader.u32("MaxReadSize")?;
        let max_write = reader.u32("MaxWriteSize")?;
        let system_time = FileTime(reader.u64("SystemTime")?);
        reader.skip(8, "ServerStartTime")?;
        let offset = reader.length16("SecurityBufferOffset")?;
        let length = reader.length16("SecurityBufferLength")?;
        let context_offset = reader.length32("NegotiateContextOffset")?;
        let security_buffer = reader.part(offset, length, "Buffer")?.to_vec();
        let contexts = if dialect == DialectRevision::SMB_3_1_1 {
            Some(NegotiateContexts::decode(message, context_offset, context_count)?)
        } else {
            None
        };
        Ok(Self {
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
        out.extend_from_slice(&self.security_mode.0.to_le_bytes());
        out.extend_from_slice(&self.dialect.0.to_le_bytes());
        let context_count = self.contexts.as_ref().map_or(0, NegotiateContexts::count);
        out.extend_from_slice(&context_count.to_le_bytes());
        out.extend_from_slice(&self.server_guid);
        out.extend_from_slice(&self.capabilities.0.to_le_bytes());
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
