//! Every random number of a connection.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// Where random numbers come from: one seed, so that the same inputs give the same outputs.
pub(crate) struct Random(ChaCha20Rng);

impl Random {
    /// Starts from a seed that must not be used twice.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// Random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A new id of a session, an open or a wait.
    pub(crate) fn id(&mut self) -> u64 {
        loop {
            let id = self.0.next_u64();
            // 0 and all ones have meanings of their own.
            if id != 0 && id != u64::MAX {
                return id;
            }
        }
    }
}
