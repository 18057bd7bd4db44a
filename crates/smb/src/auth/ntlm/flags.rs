//! The negotiate flags, [MS-NLMP] 2.2.2.5.

use core::fmt;

/// A set of negotiate flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) struct Flags(pub(in crate::auth) u32);

impl Flags {
    pub(in crate::auth) const UNICODE: Self = Self(0x0000_0001);
    pub(in crate::auth) const REQUEST_TARGET: Self = Self(0x0000_0004);
    pub(in crate::auth) const SIGN: Self = Self(0x0000_0010);
    pub(in crate::auth) const SEAL: Self = Self(0x0000_0020);
    pub(in crate::auth) const NTLM: Self = Self(0x0000_0200);
    pub(in crate::auth) const ALWAYS_SIGN: Self = Self(0x0000_8000);
    pub(in crate::auth) const TARGET_TYPE_SERVER: Self = Self(0x0002_0000);
    pub(in crate::auth) const EXTENDED_SESSION_SECURITY: Self = Self(0x0008_0000);
    pub(in crate::auth) const TARGET_INFO: Self = Self(0x0080_0000);
    pub(in crate::auth) const VERSION: Self = Self(0x0200_0000);
    pub(in crate::auth) const KEY_128: Self = Self(0x2000_0000);
    pub(in crate::auth) const KEY_EXCHANGE: Self = Self(0x4000_0000);
    pub(in crate::auth) const KEY_56: Self = Self(0x8000_0000);

    /// Whether all of these are set.
    pub(in crate::auth) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    pub(in crate::auth) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those of these that are also in the other set.
    pub(in crate::auth) const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}
