//! Access control entries.

use alloc::vec::Vec;
use core::fmt;
use core::ops::BitOr;

use crate::access::AccessMask;
use crate::attribute::ResourceAttribute;
use crate::condition::Condition;
use crate::guid::Guid;
use crate::trustee::Trustee;

/// The flags of an entry ([MS-DTYP] 2.4.4.1). Every bit has a name in SDDL.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AceFlags(pub u8);

impl AceFlags {
    /// `OI`: objects in the container inherit it.
    pub const OBJECT_INHERIT: Self = Self(0x01);
    /// `CI`: containers in the container inherit it.
    pub const CONTAINER_INHERIT: Self = Self(0x02);
    /// `NP`: an object that inherits it does not pass it on.
    pub const NO_PROPAGATE_INHERIT: Self = Self(0x04);
    /// `IO`: it is only there to be inherited and does not count for this object.
    pub const INHERIT_ONLY: Self = Self(0x08);
    /// `ID`: it was inherited.
    pub const INHERITED: Self = Self(0x10);
    /// `CR`: the system may not remove it.
    pub const CRITICAL: Self = Self(0x20);
    /// `SA`: audit accesses that are granted; `TP` in an access filter.
    pub const SUCCESSFUL_ACCESS: Self = Self(0x40);
    /// `FA`: audit accesses that are refused.
    pub const FAILED_ACCESS: Self = Self(0x80);

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for AceFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for AceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AceFlags({:#04x})", self.0)
    }
}

/// What an entry does with the rights it lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Grants them.
    Allow,
    /// Refuses them.
    Deny,
    /// Writes their use to the audit log. The access check skips it.
    Audit,
    /// Reserved by Windows. The access check skips it.
    Alarm,
}

/// The kinds of object or property that an object entry is about ([MS-DTYP] 2.4.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ObjectTypes {
    /// The entry is limited to this property, property set or kind of child.
    pub object: Option<Guid>,
    /// Only this kind of object inherits the entry.
    pub inherited: Option<Guid>,
}

/// An entry of an ACL ([MS-DTYP] 2.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ace {
    /// How the entry is inherited, and which accesses are audited.
    pub flags: AceFlags,
    /// The rest of the entry, by its type.
    pub body: AceBody,
}

/// An entry without its flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AceBody {
    /// Allows, denies or audits: the sixteen types of [MS-DTYP] 2.4.4.2 to 2.4.4.12 and the alarm types
    /// beside them.
    Access {
        /// What the entry does with the rights.
        verdict: Verdict,
        /// The limit of an object entry.
        object: Option<ObjectTypes>,
        /// The condition of a callback entry.
        condition: Option<Condition>,
        /// The rights.
        mask: AccessMask,
        /// The account or group that the entry is about.
        trustee: Trustee,
    },
    /// How trusted a caller must be ([MS-DTYP] 2.4.4.13).
    MandatoryLabel {
        /// What the label forbids to less trusted callers: write up 1, read up 2, execute up 4.
        mask: AccessMask,
        /// The level, `S-1-16-…`.
        trustee: Trustee,
    },
    /// Names a value of the object for conditions to use ([MS-DTYP] 2.4.4.15).
    ResourceAttribute {
        /// Nothing, by the specification.
        mask: AccessMask,
        /// Everyone, by the specification.
        trustee: Trustee,
        /// The value.
        attribute: ResourceAttribute,
    },
    /// A central access policy ([MS-DTYP] 2.4.4.16).
    ScopedPolicy {
        /// Nothing, by the specification.
        mask: AccessMask,
        /// The policy, `S-1-17-…`.
        trustee: Trustee,
    },
    /// How protected a process must be (type 0x14 of winnt.h).
    ProcessTrustLabel {
        /// The rights that less protected processes keep.
        mask: AccessMask,
        /// The level, `S-1-19-…`.
        trustee: Trustee,
    },
    /// Limits what the DACL can grant (type 0x15 of winnt.h).
    AccessFilter {
        /// The rights it leaves.
        mask: AccessMask,
        /// The account or group that the entry is about.
        trustee: Trustee,
        /// The condition under which it counts.
        condition: Condition,
    },
    /// An entry of a type not known here. Matches nobody.
    Opaque {
        /// The type byte.
        ace_type: u8,
        /// Everything after the header of the entry; a multiple of four bytes.
        data: Vec<u8>,
    },
}

impl AceBody {
    /// An entry that allows or denies, without a condition and without object types.
    pub fn plain(verdict: Verdict, mask: AccessMask, trustee: impl Into<Trustee>) -> Self {
        Self::Access { verdict, object: None, condition: None, mask, trustee: trustee.into() }
    }

    /// The rights that the entry lists. `None` for an opaque entry.
    pub fn mask(&self) -> Option<AccessMask> {
        self.about().map(|(mask, _)| mask)
    }

    /// The account or group that the entry is about. `None` for an opaque entry.
    pub fn trustee(&self) -> Option<&Trustee> {
        self.about().map(|(_, trustee)| trustee)
    }

    fn about(&self) -> Option<(AccessMask, &Trustee)> {
        match self {
            Self::Access { mask, trustee, .. }
            | Self::MandatoryLabel { mask, trustee, .. }
            | Self::ResourceAttribute { mask, trustee, .. }
            | Self::ScopedPolicy { mask, trustee, .. }
            | Self::ProcessTrustLabel { mask, trustee, .. }
            | Self::AccessFilter { mask, trustee, .. } => Some((*mask, trustee)),
            Self::Opaque { .. } => None,
        }
    }

    /// All trustees that the entry mentions: its own, and the SIDs in its condition or resource attribute.
    pub(super) fn mentioned(&self) -> Vec<&Trustee> {
        let mut mentioned: Vec<_> = self.trustee().into_iter().collect();
        match self {
            Self::Access { condition: Some(condition), .. } | Self::AccessFilter { condition, .. } => {
                mentioned.extend(condition.trustees());
            }
            Self::ResourceAttribute { attribute, .. } => mentioned.extend(attribute.trustees()),
            _ => {}
        }
        mentioned
    }

    /// Applies `change` to all trustees that the entry mentions.
    pub(super) fn change_mentioned(&mut self, change: &mut impl FnMut(&mut Trustee)) {
        match self {
            Self::Access { condition: Some(condition), .. } | Self::AccessFilter { condition, .. } => {
                condition.change_trustees(change);
            }
            Self::ResourceAttribute { attribute, .. } => {
                attribute.trustees_mut().iter_mut().for_each(&mut *change);
            }
            _ => {}
        }
        if let Some(trustee) = self.trustee_mut() {
            change(trustee);
        }
    }

    fn trustee_mut(&mut self) -> Option<&mut Trustee> {
        match self {
            Self::Access { trustee, .. }
            | Self::MandatoryLabel { trustee, .. }
            | Self::ResourceAttribute { trustee, .. }
            | Self::ScopedPolicy { trustee, .. }
            | Self::ProcessTrustLabel { trustee, .. }
            | Self::AccessFilter { trustee, .. } => Some(trustee),
            Self::Opaque { .. } => None,
        }
    }

    /// The type byte of the binary form ([MS-DTYP] 2.4.4.1).
    pub fn ace_type(&self) -> u8 {
        match self {
            Self::Access { verdict, object, condition, .. } => {
                let forms = ACCESS_TYPES[*verdict as usize];
                forms[usize::from(condition.is_some())][usize::from(object.is_some())]
            }
            Self::MandatoryLabel { .. } => 0x11,
            Self::ResourceAttribute { .. } => 0x12,
            Self::ScopedPolicy { .. } => 0x13,
            Self::ProcessTrustLabel { .. } => 0x14,
            Self::AccessFilter { .. } => 0x15,
            Self::Opaque { ace_type, .. } => *ace_type,
        }
    }
}

/// By verdict, then without and with a condition, then without and with object types.
const ACCESS_TYPES: [[[u8; 2]; 2]; 4] = [
    [[0x00, 0x05], [0x09, 0x0B]],
    [[0x01, 0x06], [0x0A, 0x0C]],
    [[0x02, 0x07], [0x0D, 0x0F]],
    [[0x03, 0x08], [0x0E, 0x10]],
];

/// The meaning of a type byte among the sixteen of [`AceBody::Access`]: the verdict, whether there is a
/// condition, and whether there are object types.
pub(crate) fn access_type(ace_type: u8) -> Option<(Verdict, bool, bool)> {
    let verdicts = [Verdict::Allow, Verdict::Deny, Verdict::Audit, Verdict::Alarm];
    verdicts.into_iter().zip(ACCESS_TYPES).find_map(|(verdict, forms)| {
        let at = forms.as_flattened().iter().position(|&form| form == ace_type)?;
        Some((verdict, at >= 2, at % 2 == 1))
    })
}
