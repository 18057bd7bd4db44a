//! The decision of an access check and its reason.

use alloc::vec::Vec;
use core::fmt;

use crate::access::{AccessMask, GrantedAccess};
use crate::descriptor::Ace;
use crate::explain::{Principal, RightsInWords};
use crate::sid::Sid;

/// Proof that an access check granted something. Only the access check makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    access: GrantedAccess,
}

impl Grant {
    /// The granted rights. The check has replaced generic rights and `MAXIMUM_ALLOWED`.
    pub fn access(&self) -> GrantedAccess {
        self.access
    }

    /// The rights that both this and `other` grant: for an object with two descriptors. `None` if there are
    /// none.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        let access = self.access.0 & other.access.0;
        (!access.is_empty()).then_some(Self { access: GrantedAccess(access) })
    }
}

/// An access check refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("access denied")]
pub struct Denial {
    missing: AccessMask,
}

impl Denial {
    /// The requested rights that are refused or not granted. Empty if the request was only `MAXIMUM_ALLOWED`.
    pub fn missing(&self) -> AccessMask {
        self.missing
    }
}

/// The answer of an access check.
///
/// `Display` explains the answer in a sentence. One more line follows for each entry that would have applied
/// but was not evaluated.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDecision {
    /// The answer itself.
    pub result: Result<Grant, Denial>,
    /// The reason for the answer.
    pub decided_by: DecidedBy,
    /// Every entry of the DACL that is about the caller and had an effect, in order, up to the point where
    /// the check ended.
    pub entries: Vec<EntryEffect>,
}

/// The reason for the answer of an access check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecidedBy {
    /// An entry of the DACL: the one that denied, or the last of those that granted.
    Entry(EntryEffect),
    /// No entry grants all requested rights.
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

/// Why a request is refused, independent of the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The request is for nothing.
    NothingAsked,
    /// The request is for the SACL, which takes a privilege.
    SystemSecurity,
    /// The request is for rights that no pipe has.
    InvalidRights,
}

/// An entry that is about the caller, and its effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryEffect {
    /// The index of the entry in the ACL, from 0. `Display` counts from 1.
    pub index: usize,
    /// The entry.
    pub ace: Ace,
    /// The SID in the caller's token that the entry is about. For a mandatory label, the SID of the label.
    pub matched: Sid,
    /// The effect.
    pub effect: Effect,
}

/// The effect of an entry on the rights that no earlier entry had settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Granted them.
    Granted(AccessMask),
    /// Refused them.
    Denied {
        /// The rights.
        rights: AccessMask,
        /// Whether the entry has a condition. The check assumes that the condition holds.
        conditional: bool,
        /// Whether the entry is limited to a kind of object. The check assumes that it is this one.
        limited: bool,
    },
    /// Would have granted them under a condition; conditions are not evaluated.
    ConditionNotEvaluated(AccessMask),
    /// Grants them for a kind of object or property that a pipe is not.
    OtherObject(AccessMask),
}

impl AccessDecision {
    pub(super) fn granted(access: AccessMask, decided_by: DecidedBy, entries: Vec<EntryEffect>) -> Self {
        Self { result: Ok(Grant { access: GrantedAccess(access) }), decided_by, entries }
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
            grant.access.0 |= access;
        }
        self
    }

    /// Without `access` in the grant, if there is one.
    pub(super) fn but_not(mut self, access: AccessMask) -> Self {
        if let Ok(grant) = &mut self.result {
            grant.access.0 = grant.access.0.without(access);
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
            Ok(grant) => ("granted", grant.access.mask()),
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
                Principal::Sid(entry.matched)
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
        let (number, ace, matched) = (self.index + 1, &self.ace, Principal::Sid(self.matched));
        write!(f, "entry {number} {ace} {verb} {matched}{why}")
    }
}
