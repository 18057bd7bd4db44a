//! Where the cryptography comes from that every message needs: codes that sign, and ciphers.
//!
//! A [`Provider`] is a value of the server's and the client's configuration
//! ([`server::Config::crypto`](crate::server::Config::crypto),
//! [`client::Config::crypto`](crate::client::Config::crypto)). It makes the keys of a session, each expanded
//! once and kept for as long as the session lives. The log-on and the derivation of keys, which happen once,
//! always use RustCrypto.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod rust_crypto;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;

#[cfg(feature = "aws-lc")]
pub use aws_lc::AWS_LC;
pub use rust_crypto::RUST_CRYPTO;

use super::{CipherKey, SigningAlgorithm};

/// Every provider of this build, the default first.
pub const PROVIDERS: &[&dyn Provider] = &[
    RUST_CRYPTO,
    #[cfg(feature = "aws-lc")]
    AWS_LC,
];

/// The nonce of AES-GCM and AES-GMAC.
pub type Nonce = [u8; 12];
/// The tag of a message that is encrypted, or the signature of one that is not.
pub type Tag = [u8; 16];

/// A source of algorithms. [`RUST_CRYPTO`] is the default.
pub trait Provider: fmt::Debug + Send + Sync + 'static {
    /// Its name, for logs.
    fn name(&self) -> &'static str;

    /// Expands a key that signs.
    fn mac(&self, algorithm: SigningAlgorithm, key: &[u8; 16]) -> Arc<dyn Mac>;

    /// Expands a key that encrypts.
    fn aead(&self, key: &CipherKey) -> Box<dyn Aead>;
}

impl PartialEq for dyn Provider {
    /// A provider is known by its name.
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Provider {}

/// A key that signs, expanded. It is wiped when dropped.
pub trait Mac: Send + Sync {
    /// The first 16 bytes of the code over these parts, one after the other. Only AES-GMAC has a nonce; the
    /// others ignore it.
    ///
    /// `None` when the provider fails. Then nothing is signed, and nothing is taken for signed.
    fn compute(&self, nonce: &Nonce, parts: &[&[u8]]) -> Option<Tag>;
}

/// A key that encrypts, expanded. It is wiped when dropped.
pub trait Aead: Send + Sync {
    /// Encrypts `content` in place and authenticates `header` with it. Of the nonce, CCM uses the first 11
    /// bytes.
    ///
    /// `None` when the content is too long, or the provider fails. Then nobody may see `content`.
    fn seal(&self, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Option<Tag>;

    /// Decrypts `content` in place if the tag is right, which is compared in constant time. If it is not,
    /// `content` is of no more use.
    fn open(&self, nonce: &Nonce, header: &[u8], content: &mut [u8], tag: &Tag) -> bool;
}
