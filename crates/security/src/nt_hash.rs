//! The NT hash of a password, the secret of NTLM.

use alloc::string::String;
use core::fmt;

use md4::{Digest, Md4};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// MD4 of the password in UTF-16LE, called NTOWFv1 in [MS-NLMP] 3.3.1.
///
/// Whoever holds the hash can log on without the password. It is wiped when dropped, never printed by
/// `Debug`, and compared in constant time.
///
/// ```
/// use standpipe_security::NtHash;
///
/// let hash = NtHash::of_password("Password");
/// assert_eq!(hash, NtHash::from_hex("a4f49c406510bdcab6824ee7c30fd852")?);
/// assert_eq!(format!("{hash:?}"), "NtHash(hidden)");
/// # Ok::<(), standpipe_security::NtHashError>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct NtHash([u8; 16]);

/// The text is not an NT hash. The error does not repeat the text, which may contain a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an NT hash is 32 hexadecimal digits")]
pub struct NtHashError;

impl NtHash {
    /// The hash of a password.
    pub fn of_password(password: &str) -> Self {
        let mut md4 = Md4::new();
        for unit in password.encode_utf16() {
            let bytes = Zeroizing::new(unit.to_le_bytes());
            md4.update(bytes.as_slice());
        }
        let mut hash = Self([0; 16]);
        md4.finalize_into((&mut hash.0).into());
        hash
    }

    /// A hash from its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits, upper or lower case.
    ///
    /// # Errors
    /// [`NtHashError`] for anything else.
    pub fn from_hex(text: &str) -> Result<Self, NtHashError> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return Err(NtHashError) };
        let mut hash = Self([0; 16]);
        if pairs.len() != hash.0.len() {
            return Err(NtHashError);
        }
        for (byte, pair) in hash.0.iter_mut().zip(pairs) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).ok_or(NtHashError);
            *byte = (digit(0)? << 4 | digit(1)?) as u8;
        }
        Ok(hash)
    }

    /// The hash as 32 lower-case hexadecimal digits, for the account file. The text is wiped when dropped.
    pub fn expose_hex(&self) -> Zeroizing<String> {
        // Its full size at once: growing would leave copies behind.
        let mut text = Zeroizing::new(String::with_capacity(32));
        for nibble in self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
        text
    }

    /// The 16 bytes, for NTLM's key derivation.
    pub fn expose_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Compares in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl PartialEq for NtHash {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other)
    }
}

impl Eq for NtHash {}

impl fmt::Debug for NtHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NtHash(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use hex_literal::hex;

    #[test]
    fn published_vectors_match() {
        // [MS-NLMP] 4.2.2.1.2, and the hashes of the empty word and of "password" that every tool knows.
        for (password, hash) in [
            ("Password", hex!("a4f49c406510bdcab6824ee7c30fd852")),
            ("password", hex!("8846f7eaee8fb117ad06bdd830b7586c")),
            ("", hex!("31d6cfe0d16ae931b73c59d7e0c089c0")),
        ] {
            assert_eq!(NtHash::of_password(password), NtHash::from_bytes(hash), "{password}");
        }
    }

    #[test]
    fn characters_outside_the_first_plane_are_surrogate_pairs() {
        let md4 = Md4::digest(hex!("3dd80ade 6100"));
        assert_eq!(NtHash::of_password("\u{1F60A}a").expose_bytes()[..], md4[..]);
    }

    #[test]
    fn hexadecimal_is_read_and_anything_else_is_refused() {
        let hash = NtHash::of_password("Password");
        assert_eq!(*hash.expose_hex(), "a4f49c406510bdcab6824ee7c30fd852");
        assert_eq!(NtHash::from_hex("A4F49C406510BDCAB6824EE7C30FD852"), Ok(hash));
        let long = "a".repeat(34);
        for text in
            ["", "a4", "a4f49c406510bdcab6824ee7c30fd85", "+4f49c406510bdcab6824ee7c30fd852", "ä", &long]
        {
            assert_eq!(NtHash::from_hex(text), Err(NtHashError), "{text}");
        }
    }

    #[test]
    fn debug_hides_the_hash() {
        assert_eq!(format!("{:?}", NtHash::of_password("x")), "NtHash(hidden)");
    }
}
