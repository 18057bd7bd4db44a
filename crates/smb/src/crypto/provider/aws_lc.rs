//! The provider of AWS-LC, a library of C and assembler, for AES-GMAC and AES-GCM.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, UnboundKey};

use super::{Aead, Mac, Nonce, Provider, RUST_CRYPTO, Tag};
use crate::crypto::{Cipher, CipherKey, SigningAlgorithm};

/// AWS-LC, for AES-GMAC and AES-GCM. The other algorithms are those of [`RUST_CRYPTO`]: AWS-LC offers no CCM,
/// and its CMAC and HMAC are no faster.
///
/// Only with the feature `aws-lc`, which needs a C compiler.
pub const AWS_LC: &dyn Provider = &AwsLc;

/// Messages up to this length are joined without an allocation.
const SHORT: usize = 1024;

#[derive(Debug)]
struct AwsLc;

impl Provider for AwsLc {
    fn name(&self) -> &'static str {
        "AWS-LC"
    }

    fn mac(&self, algorithm: SigningAlgorithm, key: &[u8; 16]) -> Arc<dyn Mac> {
        match algorithm {
            SigningAlgorithm::AesGmac => match expand(&AES_128_GCM, key) {
                Some(gcm) => Arc::new(gcm),
                None => RUST_CRYPTO.mac(algorithm, key),
            },
            SigningAlgorithm::HmacSha256 | SigningAlgorithm::AesCmac => RUST_CRYPTO.mac(algorithm, key),
        }
    }

    fn aead(&self, key: &CipherKey) -> Box<dyn Aead> {
        let gcm = match key.cipher() {
            Cipher::Aes128Gcm => expand(&AES_128_GCM, key.expose_bytes()),
            Cipher::Aes256Gcm => expand(&AES_256_GCM, key.expose_bytes()),
            Cipher::Aes128Ccm | Cipher::Aes256Ccm => None,
        };
        match gcm {
            Some(gcm) => Box::new(gcm),
            None => RUST_CRYPTO.aead(key),
        }
    }
}

/// A key of GCM. AWS-LC wipes it.
struct Gcm(LessSafeKey);

/// `None` if AWS-LC has no memory left.
fn expand(algorithm: &'static Algorithm, key: &[u8]) -> Option<Gcm> {
    UnboundKey::new(algorithm, key).ok().map(|key| Gcm(LessSafeKey::new(key)))
}

impl Gcm {
    fn encrypt(&self, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Option<Tag> {
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(header), content).ok()?;
        tag.as_ref().try_into().ok()
    }
}

impl Mac for Gcm {
    fn compute(&self, nonce: &Nonce, parts: &[&[u8]]) -> Option<Tag> {
        // AWS-LC authenticates one slice.
        if let [whole] = parts {
            return self.encrypt(nonce, whole, &mut []);
        }
        let length = parts.iter().map(|part| part.len()).sum();
        let mut short = [0; SHORT];
        if let Some(joined) = short.get_mut(..length) {
            let mut rest = &mut *joined;
            for part in parts {
                let (place, after) = rest.split_at_mut_checked(part.len())?;
                place.copy_from_slice(part);
                rest = after;
            }
            return self.encrypt(nonce, joined, &mut []);
        }
        let mut joined = Vec::with_capacity(length);
        for part in parts {
            joined.extend_from_slice(part);
        }
        self.encrypt(nonce, &joined, &mut [])
    }
}

impl Aead for Gcm {
    fn seal(&self, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Option<Tag> {
        self.encrypt(nonce, header, content)
    }

    fn open(&self, nonce: &Nonce, header: &[u8], content: &mut [u8], tag: &Tag) -> bool {
        let nonce = aws_lc_rs::aead::Nonce::assume_unique_for_key(*nonce);
        self.0.open_in_place_separate_tag(nonce, Aad::from(header), tag, content).is_ok()
    }
}
