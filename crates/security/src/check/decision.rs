//! What an access check decided, and why.

use alloc::vec::Vec;
use core::fmt;

use crate::access::AccessMask;
use crate::descriptor::Ace;
use crate::explain::{RightsInWords, Who};
use crate::sid::Sid;

/// Proof that an access check granted something. Only the access check makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    access: AccessMask,
}

impl Grant {
    /// What was granted; no generic rights and no `MAXIMUM_ALLOWED`, which the check has replaced.
    pub fn access(&self) -> AccessMask {
        self.access
    }
}

/// An access check refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("access denied")]
pub struct Denial {
    missing: AccessMask,
}

impl Denial {
    /// What was asked for and is refused or not granted; nothing if only `MAXIMUM_ALLOWED` was asked for.
    pub fn missing(&self) -> AccessMask {
        self.missing
    }
}

/// The answer of an access check.
///
/// `Display` explains it in a sentence, and in one more line for each entry that would have applied but was
/// not evaluated.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessDecision {
    /// The answer itself.
    pub result: Result<Grant, Denial>,
    /// What settled it.
    pub decided_by: DecidedBy,
    /// Every entry of the DACL that is about the caller and had an effect, in order, as far as the check went.
    pub entries: Vec<EntryEffect>,
}

/// What settles an access check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// An entry of the DACL: the one that denied, or the last of those that granted.
    Entry(EntryEffect),
    /// No entry grants all that was asked for.
    NoEntry,
    /// There are no entries: an empty DACL grants nothing.
    EmptyDacl,
    /// There is no DACL, or a NULL one: everything is granted.
    NoDacl,
    /// The owner may always read the descriptor and change the DACL.
    Owner,
    /// A mandatory label, which is in the SACL.
    Label(EntryEffect),
    /// The request itself.
    Request(Refusal),
}

/// Why a request is refused whatever the descriptor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asks for nothing.
    NothingAsked,
    /// It asks for the SACL, which takes a privilege.
    SystemSecurity,
    /// It asks for rights that no pipe has.
    InvalidRights,
}

/// An entry that is about the caller, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryEffect {
    /// Its place in the ACL, from 0. `Display` counts from 1.
    pub index: usize,
    /// The entry.
    pub ace: Ace,
    /// The SID of the caller's token that it is about; for a mandatory label the label's own.
    pub matched: Sid,
    /// What it did.
    pub effect: Effect,
}

/// What an entry did with the rights that no entry before it had settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Granted them.
    Granted(AccessMask),
    /// Refused them.
    Denied {
        /// The rights.
        rights: AccessMask,
        /// Whether it has a condition, which was taken to hold.
        conditional: bool,
        /// Whether it is limited to a kind of object, which was taken to be this one.
        limited: bool,
    },
    /// Would have granted them under a condition; conditions are not evaluated.
    ConditionNotEvaluated(AccessMask),
    /// Grants them for a kind of object or property that a pipe is not.
    OtherObject(AccessMask),
}

impl AccessDecision {
    pub(super) fn granted(access: AccessMask, decided_by: DecidedBy, entries: Vec<EntryEffect>) -> Self {
        Self { result: Ok(Grant { access }), decided_by, entries }
    }

    pub(super) fn denied(missing: AccessMask, decided_by: DecidedBy, entries: Vec<EntryEffect>) -> Self {
        Self { result: Err(Denial { missing }), decided_by, entries }
    }

    pub(super) fn refused(refusal: Refusal, missing: AccessMask) -> Self {
        Self::denied(missing, DecidedBy::Request(refusal), Vec::new())
    }

    /// With `access` in the grant too, if there is one.
    pub(super) fn and_also(mut self, access: AccessMask) -> Self {
        if let Ok(grant) = &mut self.result {
            grant.access |= access;
        }
        self
    }

    /// Without `access` in the grant, if there is one.
    pub(super) fn but_not(mut self, access: AccessMask) -> Self {
        if let Ok(grant) = &mut self.result {
            grant.access = grant.access.without(access);
        }
        self
    }

    /// Whether access is granted.
    pub fn is_granted(&self) -> bool {
        self.result.is_ok()
    }
}

impl fmt::Display for AccessDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (answer, access) = match &self.result {
            Ok(grant) => ("granted", grant.access),
            Err(denial) => ("denied", denial.missing),
        };
        if access.is_empty() {
            write!(f, "{answer}: ")?;
        } else {
            write!(f, "{answer} {} ({access:#x}): ", RightsInWords(access))?;
        }
        match &self.decided_by {
            DecidedBy::Entry(entry) => write!(f, "{entry}")?,
            DecidedBy::NoEntry => f.write_str("no entry of the DACL grants it to this caller")?,
            DecidedBy::EmptyDacl => f.write_str("the DACL is empty, which grants nothing to anyone")?,
            DecidedBy::NoDacl => f.write_str("there is no DACL, which grants everything to everyone")?,
            DecidedBy::Owner => f.write_str("the caller owns the object")?,
            DecidedBy::Label(entry) => write!(
                f,
                "the mandatory label {} asks for {}, and the caller is trusted less",
                entry.ace,
                Who::Sid(entry.matched)
            )?,
            DecidedBy::Request(Refusal::NothingAsked) => f.write_str("the request asks for nothing")?,
            DecidedBy::Request(Refusal::SystemSecurity) => {
                f.write_str("access to the SACL takes a privilege that no caller has here")?;
            }
            DecidedBy::Request(Refusal::InvalidRights) => f.write_str("a pipe has no such rights")?,
        }
        let unevaluated = self.entries.iter().filter(|entry| {
            matches!(entry.effect, Effect::ConditionNotEvaluated(_) | Effect::OtherObject(_))
        });
        unevaluated.filter(|_| self.result.is_err()).try_for_each(|entry| write!(f, "\nnote: {entry}"))
    }
}

impl fmt::Display for EntryEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, why) = match self.effect {
            Effect::Granted(_) => ("grants it to", ""),
            Effect::Denied { conditional: true, .. } => {
                ("denies it to", "; it has a condition, and conditions are not evaluated but taken to hold")
            }
            Effect::Denied { limited: true, .. } => {
                ("denies it to", "; it is limited to a kind of object, which is taken to be this one")
            }
            Effect::Denied { .. } => ("denies it to", ""),
            Effect::ConditionNotEvaluated(_) => {
                ("grants nothing to", ", as it has a condition, and conditions are not evaluated")
            }
            Effect::OtherObject(_) => {
                ("grants nothing to", ", as it is limited to a kind of object that this is not")
            }
        };
        let (number, ace, matched) = (self.index + 1, &self.ace, Who::Sid(self.matched));
        write!(f, "entry {number} {ace} {verb} {matched}{why}")
    }
}
