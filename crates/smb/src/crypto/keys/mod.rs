//! The keys of a session, [MS-SMB2] 3.3.5.5.3 and 3.1.4.2.

use core::fmt;

use zeroize::Zeroizing;

use super::kdf::derive;
use super::provider::{Provider, RUST_CRYPTO};
use super::signing::{SigningAlgorithm, SigningKey};
use crate::wire::Dialect;
use crate::wire::negotiate::CipherId;

/// A cipher of SMB 3, [MS-SMB2] 2.2.3.1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Cipher {
    /// AES-128-CCM, the only cipher of 3.0 and 3.0.2.
    Aes128Ccm = 1,
    /// AES-128-GCM.
    Aes128Gcm = 2,
    /// AES-256-CCM.
    Aes256Ccm = 3,
    /// AES-256-GCM.
    Aes256Gcm = 4,
}

impl Cipher {
    /// Every cipher, by its number.
    pub const ALL: [Self; 4] = [Self::Aes128Ccm, Self::Aes128Gcm, Self::Aes256Ccm, Self::Aes256Gcm];

    /// The cipher with this number on the wire, if it is one we know.
    pub fn from_wire(id: CipherId) -> Option<Self> {
        Self::ALL.into_iter().find(|cipher| cipher.to_wire() == id)
    }

    /// The number on the wire.
    pub fn to_wire(self) -> CipherId {
        CipherId(self as u16)
    }

    /// Whether its keys have 256 bits instead of 128.
    pub fn is_256_bit(self) -> bool {
        matches!(self, Self::Aes256Ccm | Self::Aes256Gcm)
    }

    /// Whether its mode is GCM instead of CCM.
    pub fn is_gcm(self) -> bool {
        matches!(self, Self::Aes128Gcm | Self::Aes256Gcm)
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes128Ccm => "AES-128-CCM",
            Self::Aes128Gcm => "AES-128-GCM",
            Self::Aes256Ccm => "AES-256-CCM",
            Self::Aes256Gcm => "AES-256-GCM",
        })
    }
}

/// The key of one direction: 16 or 32 bytes, as its cipher wants.
#[derive(Clone)]
pub struct CipherKey {
    pub(super) provider: &'static dyn Provider,
    pub(super) cipher: Cipher,
    pub(super) bytes: CipherKeyBytes,
}

#[derive(Clone)]
pub(super) enum CipherKeyBytes {
    Aes128(Zeroizing<[u8; 16]>),
    Aes256(Zeroizing<[u8; 32]>),
}

impl CipherKey {
    fn derive(
        provider: &'static dyn Provider,
        cipher: Cipher,
        session_key: &[u8; 16],
        (label, context): (&[u8], &[u8]),
    ) -> Self {
        let bytes = if cipher.is_256_bit() {
            CipherKeyBytes::Aes256(derive(session_key, label, context))
        } else {
            CipherKeyBytes::Aes128(derive(session_key, label, context))
        };
        Self { provider, cipher, bytes }
    }

    /// What it is a key for.
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The key itself, for a [`Provider`].
    pub fn expose_bytes(&self) -> &[u8] {
        match &self.bytes {
            CipherKeyBytes::Aes128(key) => &key[..],
            CipherKeyBytes::Aes256(key) => &key[..],
        }
    }
}

impl fmt::Debug for CipherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CipherKey").field("cipher", &self.cipher).finish_non_exhaustive()
    }
}

/// The keys with which the two sides encrypt.
#[derive(Debug, Clone)]
pub struct CipherKeys {
    /// The client encrypts with it.
    pub client_to_server: CipherKey,
    /// The server encrypts with it.
    pub server_to_client: CipherKey,
}

/// What a session's keys are for, in the words that the derivation mixes in.
struct Purposes<'a> {
    signing: (&'static [u8], &'a [u8]),
    application: (&'static [u8], &'a [u8]),
    client_to_server: (&'static [u8], &'a [u8]),
    server_to_client: (&'static [u8], &'a [u8]),
}

/// The keys of a session.
#[derive(Clone)]
pub struct SessionKeys {
    /// Signs and verifies the session's messages.
    pub signing: SigningKey,
    /// For protocols on top of SMB, such as RPC ([MS-SMB2] 3.3.4.6).
    pub application: Zeroizing<[u8; 16]>,
    /// The cipher's keys, where a cipher was agreed on and the dialect can encrypt.
    pub ciphers: Option<CipherKeys>,
}

impl SessionKeys {
    /// Derives the keys of a session from the key that the log-on left both sides with, for the
    /// [default provider](RUST_CRYPTO).
    ///
    /// - `preauth` is the session's pre-authentication hash, used by 3.1.1 only. Without one, the keys are
    ///   those of an empty chain, which no peer shares.
    /// - `signing` is the algorithm agreed on in 3.1.1; the older dialects have their own (HMAC-SHA256
    ///   in 2.x, AES-CMAC in 3.0 and 3.0.2), which is used whatever is asked for.
    /// - `cipher` is the cipher agreed on; ignored in 2.x, which cannot encrypt.
    ///
    /// The keys for signing and for applications have 128 bits whatever the cipher. [MS-SMB2] reads as if a
    /// 256-bit cipher lengthened them too; Windows and Samba do not, and a longer key would differ in all
    /// its bits.
    pub fn derive(
        dialect: Dialect,
        session_key: &[u8; 16],
        preauth: Option<&[u8; 64]>,
        signing: SigningAlgorithm,
        cipher: Option<Cipher>,
    ) -> Self {
        Self::derive_for(RUST_CRYPTO, dialect, session_key, preauth, signing, cipher)
    }

    /// [`Self::derive`] for this provider.
    pub fn derive_for(
        provider: &'static dyn Provider,
        dialect: Dialect,
        session_key: &[u8; 16],
        preauth: Option<&[u8; 64]>,
        signing: SigningAlgorithm,
        cipher: Option<Cipher>,
    ) -> Self {
        let (algorithm, purposes) = match dialect {
            Dialect::Smb202 | Dialect::Smb210 => {
                return Self {
                    signing: SigningKey::of(provider, SigningAlgorithm::HmacSha256, session_key),
                    application: Zeroizing::new(*session_key),
                    ciphers: None,
                };
            }
            Dialect::Smb300 | Dialect::Smb302 => (
                SigningAlgorithm::AesCmac,
                Purposes {
                    signing: (b"SMB2AESCMAC\0", b"SmbSign\0"),
                    application: (b"SMB2APP\0", b"SmbRpc\0"),
                    client_to_server: (b"SMB2AESCCM\0", b"ServerIn \0"),
                    server_to_client: (b"SMB2AESCCM\0", b"ServerOut\0"),
                },
            ),
            Dialect::Smb311 => {
                let hash = preauth.unwrap_or(&[0; 64]);
                (
                    signing,
                    Purposes {
                        signing: (b"SMBSigningKey\0", hash),
                        application: (b"SMBAppKey\0", hash),
                        client_to_server: (b"SMBC2SCipherKey\0", hash),
                        server_to_client: (b"SMBS2CCipherKey\0", hash),
                    },
                )
            }
        };
        let signing: Zeroizing<[u8; 16]> = derive(session_key, purposes.signing.0, purposes.signing.1);
        let cipher_key =
            |cipher, purpose: (&[u8], &[u8])| CipherKey::derive(provider, cipher, session_key, purpose);
        Self {
            signing: SigningKey::of(provider, algorithm, &signing),
            application: derive(session_key, purposes.application.0, purposes.application.1),
            ciphers: cipher.map(|cipher| CipherKeys {
                client_to_server: cipher_key(cipher, purposes.client_to_server),
                server_to_client: cipher_key(cipher, purposes.server_to_client),
            }),
        }
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKeys").field("signing", &self.signing).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
