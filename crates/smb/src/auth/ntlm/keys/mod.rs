//! What NTLMv2 computes, [MS-NLMP] 3.3.2 and 3.4.

use alloc::vec::Vec;
use core::fmt;

use ::rc4::{KeyInit, Rc4, StreamCipher};
use md5::{Digest, Md5};
use standpipe_security::{NtHash, upcase};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{AvPairs, Flags, MIC_RANGE};
use crate::FileTime;
use crate::crypto::mac::hmac_md5;
use crate::wire::encode_utf16;

/// The key that answers challenges: `NTOWFv2`, made of the password's hash, the user and the domain.
pub(in crate::auth) struct ResponseKey(Zeroizing<[u8; 16]>);

impl ResponseKey {
    /// `NTOWFv2`: the user's name counts in upper case, the domain's as it is.
    pub(in crate::auth) fn new(nt_hash: &NtHash, user: &str, domain: &str) -> Self {
        let user = encode_utf16(&upcase(user));
        Self(Zeroizing::new(hmac_md5(nt_hash.expose_bytes(), &[&user, &encode_utf16(domain)])))
    }

    /// `NTProofStr`: proves knowledge of the password for this challenge. `client_part` is what the client
    /// adds: time, its own challenge and the server's pairs (`temp` in [MS-NLMP]).
    pub(in crate::auth) fn proof(&self, server_challenge: [u8; 8], client_part: &[u8]) -> [u8; 16] {
        hmac_md5(&self.0, &[&server_challenge, client_part])
    }

    /// `SessionBaseKey`, which in NTLMv2 is the key exchange key too.
    pub(in crate::auth) fn session_base_key(&self, proof: &[u8; 16]) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(hmac_md5(&self.0, &[proof]))
    }
}

/// RC4 from the start of its stream, over 16 bytes.
pub(in crate::auth) fn rc4(key: &[u8; 16], data: &[u8; 16]) -> Zeroizing<[u8; 16]> {
    let mut data = Zeroizing::new(*data);
    stream(key).apply_keystream(&mut data[..]);
    data
}

fn stream(key: &[u8; 16]) -> Rc4 {
    // RC4 repeats its key to 256 bytes, so that the key written twice is the same key; and for 32 bytes the
    // constructor cannot fail.
    let mut twice = Zeroizing::new([0; 32]);
    twice[..16].copy_from_slice(key);
    twice[16..].copy_from_slice(key);
    Rc4::new((&*twice).into())
}

/// The integrity code over the three messages, [MS-NLMP] 3.1.5.1.2. In `authenticate` the code's own place
/// counts as zeros.
pub(in crate::auth) fn message_integrity_code(
    key: &[u8; 16],
    negotiate: &[u8],
    challenge: &[u8],
    authenticate: &[u8],
) -> [u8; 16] {
    let (before, after) = authenticate.split_at(MIC_RANGE.start.min(authenticate.len()));
    let after = after.get(MIC_RANGE.len()..).unwrap_or_default();
    hmac_md5(key, &[negotiate, challenge, before, &[0; 16], after])
}

/// The side that signs, for the keys of a security context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) enum Direction {
    ClientToServer,
    ServerToClient,
}

/// `ExportedSessionKey`: what a log-on leaves both sides with, and what the keys of the NTLM security context
/// are made of.
#[derive(Clone)]
pub(in crate::auth) struct ExportedKey {
    key: Zeroizing<[u8; 16]>,
    /// Whether the flags of the log-on encrypt the checksum in signatures (`NTLMSSP_NEGOTIATE_KEY_EXCH`).
    encrypts_checksum: bool,
    /// How much of the key the sealing key is made of, in bytes: 16, 7 or 5.
    strength: usize,
}

impl ExportedKey {
    pub(in crate::auth) fn new(key: Zeroizing<[u8; 16]>, flags: Flags) -> Self {
        let strength = match () {
            () if flags.contains(Flags::KEY_128) => 16,
            () if flags.contains(Flags::KEY_56) => 7,
            () => 5,
        };
        Self { key, encrypts_checksum: flags.contains(Flags::KEY_EXCHANGE), strength }
    }

    pub(in crate::auth) fn expose(&self) -> &Zeroizing<[u8; 16]> {
        &self.key
    }

    /// Signs a text as the first message of this direction, [MS-NLMP] 3.4.4.2: SPNEGO protects its list of
    /// mechanisms so, and the stream starts again afterwards ([MS-SPNG] 3.2.5.1).
    pub(in crate::auth) fn sign(&self, direction: Direction, text: &[u8]) -> [u8; 16] {
        let (signing, sealing): (&[u8], &[u8]) = match direction {
            Direction::ClientToServer => (
                b"session key to client-to-server signing key magic constant\0",
                b"session key to client-to-server sealing key magic constant\0",
            ),
            Direction::ServerToClient => (
                b"session key to server-to-client signing key magic constant\0",
                b"session key to server-to-client sealing key magic constant\0",
            ),
        };
        let sequence = [0; 4];
        let signing_key = derive(&self.key[..], signing);
        let full = hmac_md5(&signing_key, &[&sequence, text]);
        let mut checksum = [0; 8];
        checksum.copy_from_slice(&full[..8]);
        if self.encrypts_checksum {
            let sealing_key = derive(&self.key[..self.strength], sealing);
            stream(&sealing_key).apply_keystream(&mut checksum);
        }
        let mut signature = [0; 16];
        signature[0] = 1; // Version
        signature[4..12].copy_from_slice(&checksum);
        signature[12..].copy_from_slice(&sequence);
        signature
    }

    /// Whether a signature is the one that [`sign`](Self::sign) gives, in constant time.
    pub(in crate::auth) fn verify(&self, direction: Direction, text: &[u8], signature: &[u8]) -> bool {
        self.sign(direction, text).ct_eq(signature).into()
    }
}

impl fmt::Debug for ExportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedKey").finish_non_exhaustive()
    }
}

/// `SIGNKEY` and `SEALKEY` with extended session security, [MS-NLMP] 3.4.5.2 and 3.4.5.3.
fn derive(key: &[u8], purpose: &[u8]) -> Zeroizing<[u8; 16]> {
    Zeroizing::new(Md5::new().chain_update(key).chain_update(purpose).finalize().into())
}

/// What the client adds to the challenge that it answers, `temp` in [MS-NLMP] 3.3.2: the time, a challenge of
/// its own, and the pairs.
pub(in crate::auth) fn client_part(time: FileTime, client_challenge: [u8; 8], pairs: &AvPairs) -> Vec<u8> {
    let mut part = Vec::new();
    part.extend_from_slice(&[1, 1, 0, 0, 0, 0, 0, 0]); // Responserversion, HiResponserversion, Z(6)
    part.extend_from_slice(&time.0.to_le_bytes());
    part.extend_from_slice(&client_challenge);
    part.extend_from_slice(&[0; 4]);
    part.extend_from_slice(&pairs.encode());
    part.extend_from_slice(&[0; 4]);
    part
}

#[cfg(test)]
mod tests;
