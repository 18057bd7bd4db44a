//! Keyed hashes with 16-byte keys, the only key length that SMB and NTLM use.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA256 with a 16-byte key.
pub(crate) type HmacSha256 = Hmac<Sha256>;

/// The bytes of an HMAC block for MD5 and SHA-256.
const BLOCK: usize = 64;

/// HMAC pads a short key with zeros to the block length, so that padding it here changes nothing and makes
/// the constructor infallible.
fn padded(key: &[u8; 16]) -> Zeroizing<[u8; BLOCK]> {
    let mut block = Zeroizing::new([0; BLOCK]);
    block[..16].copy_from_slice(key);
    block
}

/// HMAC-SHA256, ready for data.
pub(crate) fn hmac_sha256(key: &[u8; 16]) -> HmacSha256 {
    HmacSha256::new((&*padded(key)).into())
}

/// HMAC-MD5 over the concatenation of `parts`.
pub(crate) fn hmac_md5(key: &[u8; 16], parts: &[&[u8]]) -> [u8; 16] {
    #[cfg(test)]
    work::count(parts);
    let mut mac = Hmac::<Md5>::new((&*padded(key)).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// How much is hashed, for tests that nothing can be learned from the time that it takes.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    std::thread_local! {
        static DONE: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    pub(super) fn count(parts: &[&[u8]]) {
        let (hashes, bytes) = DONE.get();
        DONE.set((hashes + 1, bytes + parts.iter().map(|part| part.len()).sum::<usize>()));
    }

    /// How many hashes a piece of code makes, and of how many bytes.
    pub(crate) fn of(run: impl FnOnce()) -> (usize, usize) {
        DONE.set((0, 0));
        run();
        DONE.get()
    }
}
