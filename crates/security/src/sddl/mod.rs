//! SDDL, the text form of security descriptors ([MS-DTYP] 2.5.1). It stands on the model, which does not know
//! it.

mod attribute;
mod condition;
mod cursor;
mod literal;
mod parse;
mod print;
mod rights;
mod trustee;

use alloc::string::String;

use crate::descriptor::AceFlags;
use crate::sid::SidError;

/// Why a text is not SDDL, and the position of the fault.
///
/// ```
/// use standpipe_security::SecurityDescriptor;
///
/// let error = "D:(A;;GA;;;XX)".parse::<SecurityDescriptor>().unwrap_err();
/// assert_eq!(error.offset(), 11);
/// assert_eq!(error.to_string(), "expected a SID (S-1-…) or an alias such as BA, AU or WD, found `XX`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SddlError {
    offset: usize,
    problem: SddlProblem,
}

impl SddlError {
    /// Where the wrong part starts: bytes into the text, at most its length. Always between two characters.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// What is wrong.
    pub fn problem(&self) -> &SddlProblem {
        &self.problem
    }
}

/// What is wrong with a text that is not SDDL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SddlProblem {
    /// Something else should stand here.
    #[error("expected {expected}, found `{found}`")]
    Unexpected {
        /// What should stand here.
        expected: &'static str,
        /// The start of the text that stands here.
        found: String,
    },
    /// The text ends too soon.
    #[error("expected {0}, found the end of the text")]
    End(&'static str),
    /// A part that may occur only once.
    #[error("{0} is there twice")]
    Repeated(&'static str),
    /// A SID that cannot be read.
    #[error("{0}")]
    Sid(SidError),
    /// With this entry the ACL is longer than an ACL can be.
    #[error("with this entry the ACL has more than the 65535 bytes an ACL can have")]
    AclTooLarge,
    /// The condition is nested too deeply.
    #[error("the condition is nested more than {0} deep")]
    TooDeep(usize),
}

/// The letters of the entry types and their type bytes. The types without letters are written as numbers.
const ACE_TYPES: &[(&str, u8)] = &[
    ("A", 0x00),
    ("D", 0x01),
    ("AU", 0x02),
    ("AL", 0x03),
    ("OA", 0x05),
    ("OD", 0x06),
    ("OU", 0x07),
    ("OL", 0x08),
    ("XA", 0x09),
    ("XD", 0x0A),
    // [MS-DTYP] 2.5.1.1 lists ZA and XU the wrong way round; sddl.h and Windows have them so.
    ("ZA", 0x0B),
    ("XU", 0x0D),
    ("ML", 0x11),
    ("RA", 0x12),
    ("SP", 0x13),
    ("TL", 0x14),
    ("FL", 0x15),
];

/// The letters of the entry flags, in the order of printing.
const ACE_FLAGS: &[(&str, AceFlags)] = &[
    ("OI", AceFlags::OBJECT_INHERIT),
    ("CI", AceFlags::CONTAINER_INHERIT),
    ("NP", AceFlags::NO_PROPAGATE_INHERIT),
    ("IO", AceFlags::INHERIT_ONLY),
    ("ID", AceFlags::INHERITED),
    ("CR", AceFlags::CRITICAL),
    ("SA", AceFlags::SUCCESSFUL_ACCESS),
    ("FA", AceFlags::FAILED_ACCESS),
];

/// The same bit as `SA`, in an access filter.
const TRUST_PROTECTED: (&str, AceFlags) = ("TP", AceFlags::SUCCESSFUL_ACCESS);

#[cfg(test)]
pub(crate) mod tests;
