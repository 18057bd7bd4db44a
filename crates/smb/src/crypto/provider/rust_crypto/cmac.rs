//! AES-128-CMAC, RFC 4493.

use aes::Aes128Enc;
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use zeroize::Zeroizing;

use crate::crypto::provider::{Mac, Nonce, Tag};

const BLOCK: usize = 16;

/// The key's schedule and its two subkeys.
pub(super) struct Cmac {
    cipher: Aes128Enc,
    /// For messages that end with a whole block.
    whole: Zeroizing<[u8; BLOCK]>,
    /// For all others.
    padded: Zeroizing<[u8; BLOCK]>,
}

impl Cmac {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        let cipher = Aes128Enc::new(key.into());
        let mut chain = Chain::default();
        chain.run(&cipher, &[[0; BLOCK]]);
        let whole = doubled(&chain.0);
        let padded = doubled(&whole);
        Self { cipher, whole, padded }
    }
}

/// Twice an element of the field, RFC 4493, section 2.3.
fn doubled(element: &[u8; BLOCK]) -> Zeroizing<[u8; BLOCK]> {
    let element = u128::from_be_bytes(*element);
    // A mask and no branch, because the bit is a secret.
    let carried = 0u128.wrapping_sub(element >> 127) & 0x87;
    Zeroizing::new((element << 1 ^ carried).to_be_bytes())
}

impl Mac for Cmac {
    fn compute(&self, _nonce: &Nonce, parts: &[&[u8]]) -> Option<Tag> {
        let mut chain = Chain::default();
        // The last block of all is kept back, because a subkey goes into it.
        let (mut last, mut filled) = ([0; BLOCK], 0);
        for mut part in parts.iter().copied() {
            if part.is_empty() {
                continue;
            }
            if filled > 0 {
                let (taken, left) = part.split_at_checked(BLOCK - filled).unwrap_or((part, &[]));
                last.get_mut(filled..filled + taken.len())?.copy_from_slice(taken);
                filled += taken.len();
                part = left;
                if part.is_empty() {
                    continue;
                }
                chain.run(&self.cipher, &[last]);
            }
            let (blocks, tail) = part.split_at_checked((part.len() - 1) / BLOCK * BLOCK)?;
            chain.run(&self.cipher, blocks.as_chunks().0);
            last.get_mut(..tail.len())?.copy_from_slice(tail);
            filled = tail.len();
        }
        let subkey = if filled == BLOCK {
            &self.whole
        } else {
            last.get_mut(filled..)?.fill(0);
            *last.get_mut(filled)? = 0x80;
            &self.padded
        };
        for (byte, key) in last.iter_mut().zip(subkey.iter()) {
            *byte ^= key;
        }
        chain.run(&self.cipher, &[last]);
        Some(*chain.0)
    }
}

/// The state of CBC-MAC: what the last block was encrypted to.
#[derive(Default)]
struct Chain(Zeroizing<[u8; BLOCK]>);

impl Chain {
    fn run(&mut self, cipher: &Aes128Enc, blocks: &[[u8; BLOCK]]) {
        cipher.encrypt_with_backend(Blocks { chain: &mut self.0, blocks });
    }
}

/// Blocks to be chained, in one call of the cipher, so that its keys and the state stay in registers.
struct Blocks<'a> {
    chain: &'a mut [u8; BLOCK],
    blocks: &'a [[u8; BLOCK]],
}

impl BlockSizeUser for Blocks<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Blocks<'_> {
    #[inline]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        let mut state = u128::from_ne_bytes(*self.chain);
        for block in self.blocks {
            let mut block: aes::Block = (state ^ u128::from_ne_bytes(*block)).to_ne_bytes().into();
            backend.encrypt_block((&mut block).into());
            state = u128::from_ne_bytes(block.into());
        }
        *self.chain = state.to_ne_bytes();
    }
}
