//! Resource attributes.

use alloc::vec::Vec;

/// A named value of the object ([MS-DTYP] 2.4.10.1). Read, kept and written; never evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceAttribute {
    /// Data that is no attribute this crate can read.
    Opaque(Vec<u8>),
}

impl ResourceAttribute {
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
