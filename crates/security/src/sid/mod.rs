//! Security identifiers, binary and as text.

use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// The most sub-authorities a SID may have ([MS-DTYP] 2.4.2).
pub const MAX_SUB_AUTHORITIES: usize = 15;

/// Largest identifier authority: it is a 48-bit number.
const MAX_AUTHORITY: u64 = (1 << 48) - 1;

/// `S-1-5-21-a-b-c`: the first sub-authority of every machine's and domain's own SIDs.
const NT_AUTHORITY: u64 = 5;
const NT_NON_UNIQUE: u32 = 21;

/// A security identifier: the identity of an account, a group or a machine ([MS-DTYP] 2.4.2).
///
/// Always valid: revision 1, an authority of at most 48 bits, 1 to 15 sub-authorities.
///
/// ```
/// use standpipe_security::Sid;
/// let sid: Sid = "S-1-5-32-544".parse()?;
/// assert_eq!(sid, standpipe_security::well_known::BUILTIN_ADMINISTRATORS);
/// assert_eq!(Sid::from_bytes(&sid.to_bytes())?, sid);
/// # Ok::<(), standpipe_security::SidError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    authority: u64,
    // Unused elements stay zero: the derived comparisons rely on it.
    sub_authorities: [u32; MAX_SUB_AUTHORITIES],
    count: u8,
}

/// Why a text or bytes are not a SID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SidError {
    /// The text does not start with `S-1-`.
    #[error("a SID starts with S-1-")]
    Prefix,
    /// The identifier authority is not a number, or has more than 48 bits.
    #[error("the authority of a SID is a number below 2^48, decimal or 0x and hexadecimal")]
    Authority,
    /// A sub-authority is not a decimal number of 32 bits.
    #[error("a sub-authority of a SID is a decimal number below 2^32")]
    SubAuthority,
    /// No sub-authority at all, or more than 15.
    #[error("a SID has 1 to 15 sub-authorities, this one has {0}")]
    Count(usize),
    /// A binary SID with another revision than 1.
    #[error("a binary SID has revision 1, this one has {0}")]
    Revision(u8),
    /// A binary SID that ends too soon or has bytes left over.
    #[error("the binary SID needs {expected} bytes, {found} are there")]
    Length {
        /// Bytes that its header asks for.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
}

impl Sid {
    /// A SID from its identifier authority (48 bits) and its sub-authorities.
    ///
    /// # Errors
    /// [`SidError::Authority`] or [`SidError::Count`] when one of the two is out of its range.
    pub fn new(authority: u64, sub_authorities: &[u32]) -> Result<Self, SidError> {
        if authority > MAX_AUTHORITY {
            return Err(SidError::Authority);
        }
        let mut sid = Self { authority, sub_authorities: [0; MAX_SUB_AUTHORITIES], count: 0 };
        for &sub_authority in sub_authorities {
            if !sid.push(sub_authority) {
                return Err(SidError::Count(sub_authorities.len()));
            }
        }
        if sid.count == 0 { Err(SidError::Count(0)) } else { Ok(sid) }
    }

    /// A SID known when the program is written.
    pub(crate) const fn known<const N: usize>(authority: u64, values: [u32; N]) -> Self {
        const { assert!(N > 0 && N <= MAX_SUB_AUTHORITIES) };
        let mut sub_authorities = [0; MAX_SUB_AUTHORITIES];
        let mut at = 0;
        while at < N {
            sub_authorities[at] = values[at];
            at += 1;
        }
        Self { authority, sub_authorities, count: N as u8 }
    }

    fn push(&mut self, sub_authority: u32) -> bool {
        match self.sub_authorities.get_mut(usize::from(self.count)) {
            Some(place) => {
                *place = sub_authority;
                self.count += 1;
                true
            }
            None => false,
        }
    }

    /// The identifier authority, 48 bits: 5 for everything under NT AUTHORITY.
    pub fn authority(&self) -> u64 {
        self.authority
    }

    /// The sub-authorities, 1 to 15 of them.
    pub fn sub_authorities(&self) -> &[u32] {
        self.sub_authorities.get(..usize::from(self.count)).unwrap_or_default()
    }

    /// The last sub-authority, called the relative identifier in a SID of a machine or domain.
    pub fn rid(&self) -> u32 {
        self.sub_authorities().last().copied().unwrap_or_default()
    }

    /// The SID of the account with this relative identifier in the machine or domain that `self` names.
    ///
    /// # Errors
    /// [`SidError::Count`] when `self` already has 15 sub-authorities.
    pub fn with_rid(&self, rid: u32) -> Result<Self, SidError> {
        let mut sid = *self;
        if sid.push(rid) { Ok(sid) } else { Err(SidError::Count(MAX_SUB_AUTHORITIES + 1)) }
    }

    /// The machine or domain (`S-1-5-21-a-b-c`) that the account or group `S-1-5-21-a-b-c-rid` belongs to.
    pub fn domain(&self) -> Option<Self> {
        match (self.authority, self.sub_authorities()) {
            (NT_AUTHORITY, [NT_NON_UNIQUE, a, b, c, _rid]) => {
                Some(Self::known(NT_AUTHORITY, [NT_NON_UNIQUE, *a, *b, *c]))
            }
            _ => None,
        }
    }

    /// Length of the binary form in bytes: 12 to 68.
    pub fn encoded_len(&self) -> usize {
        8 + 4 * usize::from(self.count)
    }

    /// The binary form ([MS-DTYP] 2.4.2.2).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.encode_into(&mut bytes);
        bytes
    }

    /// Appends the binary form.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        out.push(1);
        out.push(self.count);
        let [_, _, authority @ ..] = self.authority.to_be_bytes();
        out.extend_from_slice(&authority);
        for sub_authority in self.sub_authorities() {
            out.extend_from_slice(&sub_authority.to_le_bytes());
        }
    }

    /// Reads a binary SID that fills `bytes` exactly ([MS-DTYP] 2.4.2.2).
    ///
    /// # Errors
    /// [`SidError`]: wrong revision, count or length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SidError> {
        let sid = Self::decode_prefix(bytes)?;
        if sid.encoded_len() == bytes.len() {
            Ok(sid)
        } else {
            Err(SidError::Length { expected: sid.encoded_len(), found: bytes.len() })
        }
    }

    /// Reads the binary SID at the start of `bytes`; [`Sid::encoded_len`] says how much of it was used.
    ///
    /// # Errors
    /// [`SidError`]: wrong revision or count, or too few bytes.
    pub fn decode_prefix(bytes: &[u8]) -> Result<Self, SidError> {
        let Some((header, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(SidError::Length { expected: 8, found: bytes.len() });
        };
        let [revision, count, ..] = *header;
        if revision != 1 {
            return Err(SidError::Revision(revision));
        }
        let count = usize::from(count);
        if count == 0 || count > MAX_SUB_AUTHORITIES {
            return Err(SidError::Count(count));
        }
        let too_short = SidError::Length { expected: 8 + 4 * count, found: bytes.len() };
        let values = rest.get(..4 * count).ok_or(too_short)?;
        let mut sid = Self {
            // The authority is the last six of these eight bytes.
            authority: u64::from_be_bytes(*header) & MAX_AUTHORITY,
            sub_authorities: [0; MAX_SUB_AUTHORITIES],
            count: 0,
        };
        for value in values.as_chunks::<4>().0 {
            sid.push(u32::from_le_bytes(*value));
        }
        Ok(sid)
    }
}

impl fmt::Display for Sid {
    /// `S-1-5-11`; an authority of 2^32 and above is hexadecimal, as [MS-DTYP] 2.4.2.1 asks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.authority > u64::from(u32::MAX) {
            write!(f, "S-1-0x{:012X}", self.authority)?;
        } else {
            write!(f, "S-1-{}", self.authority)?;
        }
        self.sub_authorities().iter().try_for_each(|value| write!(f, "-{value}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sid {
    type Err = SidError;

    /// Reads `S-1-…` ([MS-DTYP] 2.4.2.1). The authority may be hexadecimal whatever its size.
    fn from_str(text: &str) -> Result<Self, SidError> {
        let mut parts = text.split('-');
        let (Some("S" | "s"), Some("1"), Some(authority)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(SidError::Prefix);
        };
        let authority = match authority.strip_prefix("0x").or_else(|| authority.strip_prefix("0X")) {
            Some(digits) => number(digits, 16),
            None => number(authority, 10),
        };
        let mut sid = Self::known(0, [0]);
        sid.authority = authority.filter(|&value| value <= MAX_AUTHORITY).ok_or(SidError::Authority)?;
        sid.count = 0;
        for part in parts.clone() {
            let value =
                number(part, 10).and_then(|value| u32::try_from(value).ok()).ok_or(SidError::SubAuthority)?;
            if !sid.push(value) {
                return Err(SidError::Count(parts.count()));
            }
        }
        if sid.count == 0 { Err(SidError::Count(0)) } else { Ok(sid) }
    }
}

/// A number of plain digits: the parsers of the standard library would also take a sign.
fn number(digits: &str, radix: u32) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
pub(crate) mod tests;
