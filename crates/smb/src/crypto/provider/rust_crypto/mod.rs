//! The provider of pure Rust, which every system can have.

mod cmac;
mod gmac;

use alloc::boxed::Box;
use alloc::sync::Arc;

use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::AesGcm;
use aes_gcm::aead::array::Array;
use aes_gcm::aead::consts::{U11, U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use ccm::Ccm;
use hmac::Mac as _;

use super::{Aead, Mac, Nonce, Provider, Tag};
use crate::crypto::keys::CipherKeyBytes;
use crate::crypto::mac::{HmacSha256, hmac_sha256};
use crate::crypto::{CipherKey, SigningAlgorithm};

/// The algorithms of the RustCrypto project: pure Rust, with the processor's instructions for AES and GHASH
/// where it has them.
pub const RUST_CRYPTO: &dyn Provider = &RustCrypto;

#[derive(Debug)]
struct RustCrypto;

impl Provider for RustCrypto {
    fn name(&self) -> &'static str {
        "RustCrypto"
    }

    fn mac(&self, algorithm: SigningAlgorithm, key: &[u8; 16]) -> Arc<dyn Mac> {
        match algorithm {
            SigningAlgorithm::HmacSha256 => Arc::new(Hmac(hmac_sha256(key))),
            SigningAlgorithm::AesCmac => Arc::new(cmac::Cmac::new(key)),
            SigningAlgorithm::AesGmac => Arc::new(gmac::Gmac::new(key)),
        }
    }

    fn aead(&self, key: &CipherKey) -> Box<dyn Aead> {
        match (&key.bytes, key.cipher.is_gcm()) {
            (CipherKeyBytes::Aes128(key), false) => {
                Box::new(AesCcm(Ccm::<Aes128Enc, U16, U11>::new((&**key).into())))
            }
            (CipherKeyBytes::Aes256(key), false) => {
                Box::new(AesCcm(Ccm::<Aes256Enc, U16, U11>::new((&**key).into())))
            }
            (CipherKeyBytes::Aes128(key), true) => {
                Box::new(Gcm(AesGcm::<Aes128Enc, U12>::new((&**key).into())))
            }
            (CipherKeyBytes::Aes256(key), true) => {
                Box::new(Gcm(AesGcm::<Aes256Enc, U12>::new((&**key).into())))
            }
        }
    }
}

struct Hmac(HmacSha256);

impl Mac for Hmac {
    fn compute(&self, _nonce: &Nonce, parts: &[&[u8]]) -> Option<Tag> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().first_chunk().copied()
    }
}

struct AesCcm<A>(A);

impl<A: AeadInOut<NonceSize = U11, TagSize = U16> + Send + Sync> Aead for AesCcm<A> {
    fn seal(&self, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Option<Tag> {
        self.0.encrypt_inout_detached(ccm_nonce(nonce), header, content.into()).ok().map(Into::into)
    }

    fn open(&self, nonce: &Nonce, header: &[u8], content: &mut [u8], tag: &Tag) -> bool {
        self.0.decrypt_inout_detached(ccm_nonce(nonce), header, content.into(), tag.into()).is_ok()
    }
}

/// The part of the nonce that CCM uses.
fn ccm_nonce(nonce: &Nonce) -> &Array<u8, U11> {
    let [used @ .., _] = nonce;
    used.into()
}

struct Gcm<A>(A);

impl<A: AeadInOut<NonceSize = U12, TagSize = U16> + Send + Sync> Aead for Gcm<A> {
    fn seal(&self, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Option<Tag> {
        self.0.encrypt_inout_detached(nonce.into(), header, content.into()).ok().map(Into::into)
    }

    fn open(&self, nonce: &Nonce, header: &[u8], content: &mut [u8], tag: &Tag) -> bool {
        self.0.decrypt_inout_detached(nonce.into(), header, content.into(), tag.into()).is_ok()
    }
}
