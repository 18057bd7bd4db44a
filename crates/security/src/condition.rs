//! Conditions of callback entries.

use alloc::vec::Vec;

/// When a callback entry counts ([MS-DTYP] 2.4.4.17). Read, kept and written; never evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// Application data that is no expression this crate can read.
    Opaque(Vec<u8>),
}

impl Condition {
    pub(crate) fn decode(data: &[u8]) -> Self {
        Self::Opaque(data.to_vec())
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let Self::Opaque(data) = self;
        out.extend_from_slice(data);
    }

    pub(crate) fn encoded_len(&self) -> usize {
        let Self::Opaque(data) = self;
        data.len()
    }
}
