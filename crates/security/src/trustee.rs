//! Trustees: the accounts and groups that entries are about and that own objects.

use alloc::vec::Vec;
use core::fmt;

use crate::sid::Sid;
use crate::well_known::{self, DomainAlias};

/// Bytes of the SID that a [`DomainAlias`] will have: `S-1-5-21-a-b-c-rid`.
const UNRESOLVED_LEN: usize = 28;

/// The account or group that an entry is about, or that owns an object.
///
/// Only text can hold an alias such as `DA` (Domain Admins) with no domain at hand to complete it. It prints
/// back unchanged, and [`crate::SecurityDescriptor::resolve`] completes it. Until then an allow entry for it
/// matches nobody, and a deny entry matches every account or group with that relative identifier, of
/// whatever domain: both on the safe side.
///
/// ```
/// use standpipe_security::{Trustee, well_known};
///
/// assert_eq!(Trustee::from_alias("BA"), Some(well_known::BUILTIN_ADMINISTRATORS.into()));
/// assert_eq!(Trustee::from_alias("DA").and_then(|admins| admins.sid().copied()), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trustee {
    /// A SID.
    Sid(Sid),
    /// An alias still without its domain.
    InDomain(DomainAlias),
}

impl Trustee {
    /// What a two-letter alias of SDDL stands for ([MS-DTYP] 2.5.1.1), in upper or lower case.
    pub fn from_alias(alias: &str) -> Option<Self> {
        let known = well_known::sid_of_alias(alias).map(Self::Sid);
        known.or_else(|| well_known::domain_alias(alias).map(Self::InDomain))
    }

    /// Bytes of the binary form.
    pub(crate) fn encoded_len(&self) -> usize {
        self.sid().map_or(UNRESOLVED_LEN, Sid::encoded_len)
    }

    /// Appends the binary form. An alias without its domain has none: it gets as many bytes as its SID will
    /// have, which keeps lengths right.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Sid(sid) => sid.encode_into(out),
            Self::InDomain(_) => out.extend_from_slice(&[0; UNRESOLVED_LEN]),
        }
    }

    /// The SID, where there is one already.
    pub fn sid(&self) -> Option<&Sid> {
        match self {
            Self::Sid(sid) => Some(sid),
            Self::InDomain(_) => None,
        }
    }
}

impl From<Sid> for Trustee {
    fn from(sid: Sid) -> Self {
        Self::Sid(sid)
    }
}

impl fmt::Debug for Trustee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
