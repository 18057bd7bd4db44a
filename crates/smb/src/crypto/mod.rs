//! Keys, signing and pre-authentication integrity, [MS-SMB2] 3.1.4.
//!
//! Everything here is a function of its arguments: no clock, no randomness. Keys are wiped when dropped and
//! never printed.

pub mod encryption;
mod kdf;
mod keys;
pub(crate) mod mac;
mod preauth;
pub mod provider;
mod signing;
#[cfg(test)]
pub(crate) mod testdata;

pub use keys::{Cipher, CipherKey, CipherKeys, SessionKeys};
pub use preauth::PreauthHash;
pub use signing::{BadSignature, Sender, SigningAlgorithm, SigningKey};
