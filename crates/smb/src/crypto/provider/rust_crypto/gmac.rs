//! AES-128-GMAC: GCM with nothing to encrypt, [NIST SP 800-38D] 6.4 and 7.1.

use aes::Aes128Enc;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use polyval::hazmat::FieldElement;
use polyval::universal_hash::{UhfBackend, UniversalHash};
use polyval::{ParBlocks, Polyval};
use zeroize::Zeroize;

use crate::crypto::provider::{Mac, Nonce, Tag};

const BLOCK: usize = 16;
/// The bytes of the blocks that are hashed at once.
const STRIDE: usize = 4 * BLOCK;
/// Up to so many strides are turned around in the way that takes fewer instructions.
const FEW: usize = 16;

/// The key's schedule, and the powers of its hash key that POLYVAL wants.
pub(super) struct Gmac {
    cipher: Aes128Enc,
    /// A hash of nothing. Each message has a copy.
    hash: Polyval,
}

impl Gmac {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let cipher = Aes128Enc::new(key.into());
        let mut block = aes::Block::default();
        cipher.encrypt_block(&mut block);
        // GHASH is POLYVAL with this key and the bytes of each block reversed (RFC 8452, appendix A).
        let mut hash_key: polyval::Key = FieldElement::from(block).reverse().mulx().into();
        let hash = Polyval::new(&hash_key);
        block.zeroize();
        hash_key.zeroize();
        Self { cipher, hash }
    }
}

impl Mac for Gmac {
    fn compute(&self, nonce: &Nonce, parts: &[&[u8]]) -> Option<Tag> {
        let mut hash = self.hash.clone();
        let (mut rest, mut filled) = ([0; STRIDE], 0);
        let mut bytes = 0u64;
        for mut part in parts.iter().copied() {
            bytes += part.len() as u64;
            if filled > 0 {
                let (taken, left) = part.split_at_checked(STRIDE - filled).unwrap_or((part, &[]));
                rest.get_mut(filled..filled + taken.len())?.copy_from_slice(taken);
                filled += taken.len();
                part = left;
                if filled < STRIDE {
                    continue;
                }
                absorb(&mut hash, &rest, reversed);
            }
            let (strides, tail) = part.as_chunks::<STRIDE>();
            if strides.len() <= FEW {
                for stride in strides {
                    absorb(&mut hash, stride, reversed);
                }
            } else {
                for stride in strides {
                    absorb(&mut hash, stride, reversed_whole);
                }
            }
            rest.get_mut(..tail.len())?.copy_from_slice(tail);
            filled = tail.len();
        }
        // The rest is padded with zeros; then comes a block with the lengths.
        let padded = filled.next_multiple_of(BLOCK);
        rest.get_mut(filled..padded)?.fill(0);
        let mut lengths = [0; BLOCK];
        lengths[..8].copy_from_slice(&bytes.wrapping_mul(8).to_be_bytes());
        if padded == STRIDE {
            absorb(&mut hash, &rest, reversed);
        } else {
            let (blocks, _) = rest.get(..padded)?.as_chunks();
            for block in blocks {
                hash.proc_block(&reversed(block).into());
            }
        }
        hash.proc_block(&reversed(&lengths).into());
        let hash = reversed(&hash.finalize().into());

        let mut mask = aes::Block::default();
        mask[..12].copy_from_slice(nonce);
        mask[15] = 1;
        self.cipher.encrypt_block(&mut mask);
        Some((u128::from_ne_bytes(hash) ^ u128::from_ne_bytes(mask.into())).to_ne_bytes())
    }
}

/// Hashes four blocks at once.
#[inline]
fn absorb(hash: &mut Polyval, stride: &[u8; STRIDE], reversed: impl Fn(&[u8; BLOCK]) -> [u8; BLOCK]) {
    let mut turned = ParBlocks::default();
    for (to, from) in turned.iter_mut().zip(stride.as_chunks().0) {
        *to = reversed(from).into();
    }
    hash.proc_par_blocks(&turned);
}

/// The bytes of a block in the opposite order: two instructions.
fn reversed(block: &[u8; BLOCK]) -> [u8; BLOCK] {
    u128::from_be_bytes(*block).to_le_bytes()
}

/// The same with a dozen instructions, but written in one piece. A block that was written in halves makes the
/// processor wait before it is read whole, which adds up in a long message.
fn reversed_whole(block: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut reversed = *block;
    reversed.reverse();
    reversed
}
