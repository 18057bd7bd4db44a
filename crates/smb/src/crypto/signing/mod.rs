//! Message signatures, [MS-SMB2] 3.1.4.1 and 3.1.5.1.

use alloc::sync::Arc;
use core::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;

use super::provider::{Mac, Provider, RUST_CRYPTO};
use crate::wire::negotiate::SigningId;

/// Where the signature is in the header.
const SIGNATURE: core::ops::Range<usize> = 48..64;
/// The length of the header, which every signed message has.
const HEADER: usize = 64;
/// Where the header's flags start: four bytes, little-endian.
const FLAGS: usize = 16;
/// `SMB2_FLAGS_SIGNED`, in the lowest byte of the flags.
const SIGNED: u8 = 0x08;
/// `SMB2_CANCEL`, the command whose signature AES-GMAC tells apart.
const CANCEL: u16 = 0x000C;

/// How messages are signed, [MS-SMB2] 2.2.3.1.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum SigningAlgorithm {
    /// HMAC-SHA256, cut to 16 bytes: the algorithm of 2.0.2 and 2.1.
    HmacSha256 = 0,
    /// AES-128-CMAC: the algorithm of 3.0 and 3.0.2, and of 3.1.1 where nothing was agreed on.
    AesCmac = 1,
    /// AES-128-GMAC: 3.1.1, where both sides can.
    AesGmac = 2,
}

impl SigningAlgorithm {
    /// Every algorithm, by its number.
    pub const ALL: [Self; 3] = [Self::HmacSha256, Self::AesCmac, Self::AesGmac];

    /// The algorithm with this number on the wire, if it is one we know.
    pub fn from_wire(id: SigningId) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.to_wire() == id)
    }

    /// The number on the wire.
    pub fn to_wire(self) -> SigningId {
        SigningId(self as u16)
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HmacSha256 => "HMAC-SHA256",
            Self::AesCmac => "AES-128-CMAC",
            Self::AesGmac => "AES-128-GMAC",
        })
    }
}

/// The sender of a message. AES-GMAC signs the two directions differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The client: requests.
    Client,
    /// The server: replies and notifications.
    Server,
}

/// The message is not signed, or its signature is not the one that the key gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the message's signature does not match its content")]
pub struct BadSignature;

/// A session's key for signing, with everything that can be computed ahead of the message.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: SigningAlgorithm,
    mac: Arc<dyn Mac>,
}

impl SigningKey {
    /// Prepares a key for the [default provider](RUST_CRYPTO).
    pub fn new(algorithm: SigningAlgorithm, key: &[u8; 16]) -> Self {
        Self::of(RUST_CRYPTO, algorithm, key)
    }

    /// Prepares a key for this provider.
    pub fn of(provider: &dyn Provider, algorithm: SigningAlgorithm, key: &[u8; 16]) -> Self {
        Self { algorithm, mac: provider.mac(algorithm, key) }
    }

    /// The algorithm it signs with.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Signs one message in place: sets `SMB2_FLAGS_SIGNED` and the signature.
    ///
    /// `message` goes from its SMB2 header to its end, the padding before the next message of a compound
    /// included. Something shorter than a header is no message and is left as it is.
    pub fn sign(&self, message: &mut [u8], sender: Sender) {
        let Some(header) = message.first_chunk_mut::<HEADER>() else {
            debug_assert!(false, "a message is at least a header long");
            return;
        };
        header[FLAGS] |= SIGNED;
        header[SIGNATURE].fill(0);
        let nonce = gmac_nonce(header, sender);
        // Without a signature the message stays one that no peer takes.
        if let Some(signature) = self.mac.compute(&nonce, &[message])
            && let Some(field) = message.get_mut(SIGNATURE)
        {
            field.copy_from_slice(&signature);
        }
    }

    /// Verifies the signature of one message, given as [`sign`](Self::sign) wants it. The comparison takes
    /// the same time wherever the signatures differ.
    pub fn verify(&self, message: &[u8], sender: Sender) -> Result<(), BadSignature> {
        let (header, body) = message.split_first_chunk::<HEADER>().ok_or(BadSignature)?;
        if header[FLAGS] & SIGNED == 0 {
            return Err(BadSignature);
        }
        let mut zeroed = *header;
        zeroed[SIGNATURE].fill(0);
        let nonce = gmac_nonce(header, sender);
        let expected = self.mac.compute(&nonce, &[&zeroed, body]).ok_or(BadSignature)?;
        let given = header.last_chunk().ok_or(BadSignature)?;
        // One comparison instead of one for each byte: as constant, and shorter.
        let differs = u128::from_ne_bytes(expected) ^ u128::from_ne_bytes(*given);
        let is_right = ((differs >> 64) as u64 | differs as u64).ct_eq(&0);
        if bool::from(is_right) { Ok(()) } else { Err(BadSignature) }
    }
}

/// The nonce of AES-GMAC, [MS-SMB2] 3.1.4.1: the message id, then its sender and whether it is a CANCEL,
/// which shares the id of the request that it cancels.
fn gmac_nonce(header: &[u8; HEADER], sender: Sender) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&header[24..32]);
    let cancel = u16::from_le_bytes([header[12], header[13]]) == CANCEL;
    nonce[8] = u8::from(sender == Sender::Server) | u8::from(cancel) << 1;
    nonce
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("algorithm", &self.algorithm()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
