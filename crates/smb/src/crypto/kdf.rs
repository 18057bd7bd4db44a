//! Key derivation, [MS-SMB2] 3.1.4.2: SP 800-108 in counter mode with HMAC-SHA256 and a 32-bit counter.

use hmac::Mac;
use zeroize::Zeroizing;

use super::mac::hmac_sha256;

/// Derives `N` bytes. `N` is at most the 32 bytes of one HMAC-SHA256, so the counter never passes 1; the
/// length takes part in the hash, so 16 bytes are not a prefix of 32.
///
/// `label` and `context` are given as on the wire, with their closing NUL.
pub(super) fn derive<const N: usize>(key: &[u8; 16], label: &[u8], context: &[u8]) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 32) };
    let mut mac = hmac_sha256(key);
    mac.update(&1u32.to_be_bytes());
    mac.update(label);
    mac.update(&[0]);
    mac.update(context);
    mac.update(&(N as u32 * 8).to_be_bytes());
    let mut derived = Zeroizing::new([0; N]);
    let output: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
    derived.copy_from_slice(&output[..N]);
    derived
}
