//! Encrypted messages, [MS-SMB2] 2.2.41 and 3.1.4.3: a header in the clear, then a whole SMB2 message that
//! only the holder of the key can read or change.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use thiserror::Error;

use super::keys::CipherKey;
use super::provider::{Aead, Nonce};
use crate::wire::header::PROTOCOL_TRANSFORM;
use crate::wire::{Malformed, Reader};

/// The length of the header in the clear, in bytes.
pub const TRANSFORM_LEN: usize = 52;
/// Where the header has its signature; what follows it is authenticated.
const SIGNATURE: core::ops::Range<usize> = 4..20;
/// Where the header has its nonce.
const NONCE: core::ops::Range<usize> = 20..36;
/// The Flags of 3.1.1 and the EncryptionAlgorithm of 3.0: encrypted.
const ENCRYPTED: u16 = 1;

/// The message was changed on the way, or encrypted with another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecryptError {
    /// The header in the clear is malformed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The content does not fit the header's signature.
    #[error("the encrypted message does not match its signature")]
    BadSignature,
}

/// What the header in the clear says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransformHeader {
    /// Whose key it is; nobody vouches for it until the message is opened.
    pub session_id: u64,
}

impl TransformHeader {
    /// Reads the header at the start of an encrypted message, whose length it must tell right.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message, "encrypted message");
        if reader.array("ProtocolId")? != PROTOCOL_TRANSFORM {
            return Err(reader.malformed("ProtocolId"));
        }
        reader.skip(SIGNATURE.len() + NONCE.len(), "Signature and Nonce")?;
        let length = reader.length32("OriginalMessageSize")?;
        reader.skip(2, "Reserved")?;
        if reader.u16("Flags")? != ENCRYPTED {
            return Err(reader.malformed("Flags"));
        }
        let session_id = reader.u64("SessionId")?;
        if length == 0 || length != reader.rest().len() {
            return Err(reader.malformed("OriginalMessageSize"));
        }
        Ok(Self { session_id })
    }
}

/// Encrypts the messages of one direction of a session.
///
/// There must be one for a key, for as long as the key lives: it counts, so that no nonce is used twice.
pub struct Sealer {
    aead: Box<dyn Aead>,
    session_id: u64,
    next_nonce: u64,
}

impl Sealer {
    /// For this key, which belongs to this session.
    pub fn new(key: &CipherKey, session_id: u64) -> Self {
        Self { aead: key.provider.aead(key), session_id, next_nonce: 0 }
    }

    /// Encrypts the message, or the compound, that begins at `start` and goes to the end of `out`, and puts
    /// the header in the clear before it.
    ///
    /// `None`, and `out` is left as it was, when every nonce is used up or the message is longer than a
    /// frame: neither happens to a connection that is served.
    #[must_use]
    pub fn seal(&mut self, out: &mut Vec<u8>, start: usize) -> Option<()> {
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.next_nonce.to_le_bytes());
        self.next_nonce = self.next_nonce.checked_add(1)?;
        self.seal_with(&nonce, out, start)
    }

    fn seal_with(&self, nonce: &[u8; 16], out: &mut Vec<u8>, start: usize) -> Option<()> {
        let length = u32::try_from(out.len().checked_sub(start)?).ok()?;
        let mut header = [0; TRANSFORM_LEN];
        header[..4].copy_from_slice(&PROTOCOL_TRANSFORM);
        header[NONCE].copy_from_slice(nonce);
        header[36..40].copy_from_slice(&length.to_le_bytes());
        header[42..44].copy_from_slice(&ENCRYPTED.to_le_bytes());
        header[44..].copy_from_slice(&self.session_id.to_le_bytes());
        let tag = self.aead.seal(&used(nonce), &header[NONCE.start..], out.get_mut(start..)?)?;
        header[SIGNATURE].copy_from_slice(&tag);
        out.splice(start..start, header);
        Some(())
    }
}

/// Decrypts the messages of one direction of a session.
pub struct Decrypter {
    aead: Box<dyn Aead>,
}

impl Decrypter {
    /// For this key.
    pub fn new(key: &CipherKey) -> Self {
        Self { aead: key.provider.aead(key) }
    }

    /// Decrypts in place and gives the message inside. What it says of its session must still be compared
    /// with the header ([MS-SMB2] 3.3.5.2.1.1).
    pub fn open<'a>(&self, message: &'a mut [u8]) -> Result<&'a mut [u8], DecryptError> {
        TransformHeader::decode(message)?;
        let (header, content) = message
            .split_first_chunk_mut::<TRANSFORM_LEN>()
            .ok_or(Malformed::new("encrypted message", "header"))?;
        let (nonce, tag) = (field(header, NONCE.start), field(header, SIGNATURE.start));
        if self.aead.open(&used(&nonce), &header[NONCE.start..], content, &tag) {
            Ok(content)
        } else {
            Err(DecryptError::BadSignature)
        }
    }
}

/// The part of the nonce's field that a cipher uses, at most.
fn used(nonce: &[u8; 16]) -> Nonce {
    core::array::from_fn(|place| nonce[place])
}

/// The 16 bytes of a header that begin here.
fn field(header: &[u8; TRANSFORM_LEN], start: usize) -> [u8; 16] {
    core::array::from_fn(|place| header[start + place])
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("session_id", &self.session_id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Decrypter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decrypter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
