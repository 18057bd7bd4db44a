//! Maps whose keys are ids of this server's own making.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map from ids that the protocol drew at random, so that nobody outside can choose two that collide: each
/// is its own hash.
pub(super) type OwnIds<Id, Value> = HashMap<Id, Value, BuildHasherDefault<OwnHash>>;

#[derive(Debug, Default)]
pub(super) struct OwnHash(u64);

impl Hasher for OwnHash {
    fn write_u64(&mut self, id: u64) {
        self.0 = id;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
