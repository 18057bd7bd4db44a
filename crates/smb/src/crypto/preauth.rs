//! Pre-authentication integrity of SMB 3.1.1, [MS-SMB2] 3.3.5.4.

use core::fmt;

use sha2::{Digest, Sha512};

/// A chain of SHA-512 over the messages that lead up to a session: each value is the hash of the value
/// before it and one whole message, from its SMB2 header on. Both ends mix the last value into the session's
/// keys, so that a message changed on the way leaves them with different keys.
#[derive(Clone, PartialEq, Eq)]
pub struct PreauthHash([u8; 64]);

impl PreauthHash {
    /// The start of a chain: 64 zero bytes.
    pub fn new() -> Self {
        Self([0; 64])
    }

    /// Appends one message, from its SMB2 header to its end, without the transport's length.
    pub fn update(&mut self, message: &[u8]) {
        self.0 = Sha512::new().chain_update(self.0).chain_update(message).finalize().into();
    }

    /// The value so far.
    pub fn value(&self) -> [u8; 64] {
        self.0
    }
}

impl Default for PreauthHash {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for PreauthHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreauthHash").finish_non_exhaustive()
    }
}
