//! Security descriptors: the owner of an object, and the rights to it.

mod ace;
mod binary;

use alloc::vec::Vec;
use core::fmt;
use core::ops::BitOr;

pub(crate) use ace::access_type;
pub use ace::{Ace, AceBody, AceFlags, ObjectTypes, Verdict};
pub use binary::{DecodeError, EncodeError};

use crate::sid::Sid;
use crate::trustee::Trustee;
use crate::well_known::DomainAlias;

/// The control bits of a security descriptor ([MS-DTYP] 2.4.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DescriptorControl(pub u16);

impl DescriptorControl {
    /// The owner came from a default.
    pub const OWNER_DEFAULTED: Self = Self(0x0001);
    /// The group came from a default.
    pub const GROUP_DEFAULTED: Self = Self(0x0002);
    /// There is a DACL, or a NULL one.
    pub const DACL_PRESENT: Self = Self(0x0004);
    /// The DACL came from a default.
    pub const DACL_DEFAULTED: Self = Self(0x0008);
    /// There is a SACL.
    pub const SACL_PRESENT: Self = Self(0x0010);
    /// The SACL came from a default.
    pub const SACL_DEFAULTED: Self = Self(0x0020);
    /// `AR`: inherit the DACL on to children.
    pub const DACL_AUTO_INHERIT_REQUIRED: Self = Self(0x0100);
    /// `AR`: inherit the SACL on to children.
    pub const SACL_AUTO_INHERIT_REQUIRED: Self = Self(0x0200);
    /// `AI`: the DACL was inherited.
    pub const DACL_AUTO_INHERITED: Self = Self(0x0400);
    /// `AI`: the SACL was inherited.
    pub const SACL_AUTO_INHERITED: Self = Self(0x0800);
    /// `P`: the DACL takes nothing from its parent.
    pub const DACL_PROTECTED: Self = Self(0x1000);
    /// `P`: the SACL takes nothing from its parent.
    pub const SACL_PROTECTED: Self = Self(0x2000);
    /// The binary form is in one piece, as it always is here.
    pub const SELF_RELATIVE: Self = Self(0x8000);

    /// Bits that repeat what the rest of the descriptor says.
    const IMPLIED: Self = Self(Self::DACL_PRESENT.0 | Self::SACL_PRESENT.0 | Self::SELF_RELATIVE.0);

    /// Whether every bit of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for DescriptorControl {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for DescriptorControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DescriptorControl({:#06x})", self.0)
    }
}

/// Which parts of a descriptor are asked for ([MS-DTYP] 2.4.7, SECURITY_INFORMATION).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DescriptorParts(pub u32);

impl DescriptorParts {
    /// The owner.
    pub const OWNER: Self = Self(0x1);
    /// The group.
    pub const GROUP: Self = Self(0x2);
    /// The DACL.
    pub const DACL: Self = Self(0x4);
    /// The SACL, save its mandatory labels.
    pub const SACL: Self = Self(0x8);
    /// The mandatory labels of the SACL.
    pub const LABEL: Self = Self(0x10);

    const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A list of entries, in the order the access check reads them ([MS-DTYP] 2.4.5).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acl {
    /// The entries.
    pub aces: Vec<Ace>,
}

impl From<Vec<Ace>> for Acl {
    fn from(aces: Vec<Ace>) -> Self {
        Self { aces }
    }
}

/// Owner, group, DACL and SACL of an object ([MS-DTYP] 2.4.6).
///
/// Read from SDDL with [`str::parse`] and written with `Display`; the binary form is
/// [`SecurityDescriptor::from_bytes`] and [`SecurityDescriptor::to_bytes`].
///
/// ```
/// use standpipe_security::SecurityDescriptor;
/// let sd: SecurityDescriptor = "D:(D;OICI;GA;;;BG)(A;OICI;GRGWGX;;;AU)".parse()?;
/// assert_eq!(sd.dacl().map(|dacl| dacl.aces.len()), Some(2));
/// assert_eq!(sd.to_string(), "D:(D;OICI;GA;;;BG)(A;OICI;GXGWGR;;;AU)");
/// # Ok::<(), standpipe_security::SddlError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecurityDescriptor {
    owner: Option<Trustee>,
    group: Option<Trustee>,
    dacl: Option<Acl>,
    sacl: Option<Acl>,
    // DACL_PRESENT with no `dacl` is a NULL DACL; SACL_PRESENT goes with `sacl`; SELF_RELATIVE is never here.
    control: DescriptorControl,
}

impl SecurityDescriptor {
    /// A descriptor with nothing in it. It has no DACL, so it refuses nothing to anyone.
    pub fn new() -> Self {
        Self::default()
    }

    /// With this owner.
    #[must_use]
    pub fn with_owner(mut self, owner: impl Into<Trustee>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// With this group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<Trustee>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// With this DACL. An empty one refuses everything to everyone but the owner.
    #[must_use]
    pub fn with_dacl(mut self, dacl: impl Into<Acl>) -> Self {
        self.dacl = Some(dacl.into());
        self.control.0 |= DescriptorControl::DACL_PRESENT.0;
        self
    }

    /// With a NULL DACL, which refuses nothing to anyone.
    #[must_use]
    pub fn with_null_dacl(mut self) -> Self {
        self.dacl = None;
        self.control.0 |= DescriptorControl::DACL_PRESENT.0;
        self
    }

    /// With this SACL.
    #[must_use]
    pub fn with_sacl(mut self, sacl: impl Into<Acl>) -> Self {
        self.sacl = Some(sacl.into());
        self.control.0 |= DescriptorControl::SACL_PRESENT.0;
        self
    }

    /// With these control bits, beside those that the parts imply.
    #[must_use]
    pub fn with_control(mut self, control: DescriptorControl) -> Self {
        self.control.0 =
            self.control.0 & DescriptorControl::IMPLIED.0 | control.0 & !DescriptorControl::IMPLIED.0;
        self
    }

    /// The owner of the object.
    pub fn owner(&self) -> Option<&Trustee> {
        self.owner.as_ref()
    }

    /// The object's primary group. No access check looks at it.
    pub fn group(&self) -> Option<&Trustee> {
        self.group.as_ref()
    }

    /// The entries that grant and deny rights. `None` is an absent or a NULL DACL: both refuse nothing to
    /// anyone.
    pub fn dacl(&self) -> Option<&Acl> {
        self.dacl.as_ref()
    }

    /// The entries for auditing, and the mandatory label.
    pub fn sacl(&self) -> Option<&Acl> {
        self.sacl.as_ref()
    }

    /// The control bits, without SELF_RELATIVE.
    pub fn control(&self) -> DescriptorControl {
        self.control
    }

    /// Whether there is a NULL DACL, which SDDL writes `D:NO_ACCESS_CONTROL`.
    pub fn has_null_dacl(&self) -> bool {
        self.dacl.is_none() && self.control.contains(DescriptorControl::DACL_PRESENT)
    }

    /// A copy with nothing but `parts`, as a query of the security information returns it.
    #[must_use]
    pub fn select(&self, parts: DescriptorParts) -> Self {
        let mut selected = Self::new();
        let mut kept = 0;
        if parts.contains(DescriptorParts::OWNER) {
            selected.owner = self.owner;
            kept |= DescriptorControl::OWNER_DEFAULTED.0;
        }
        if parts.contains(DescriptorParts::GROUP) {
            selected.group = self.group;
            kept |= DescriptorControl::GROUP_DEFAULTED.0;
        }
        if parts.contains(DescriptorParts::DACL) {
            selected.dacl.clone_from(&self.dacl);
            kept |= DescriptorControl::DACL_PRESENT.0
                | DescriptorControl::DACL_DEFAULTED.0
                | DescriptorControl::DACL_PROTECTED.0;
            kept |=
                DescriptorControl::DACL_AUTO_INHERITED.0 | DescriptorControl::DACL_AUTO_INHERIT_REQUIRED.0;
        }
        let wants = |ace: &&Ace| match ace.body {
            AceBody::MandatoryLabel { .. } => parts.contains(DescriptorParts::LABEL),
            _ => parts.contains(DescriptorParts::SACL),
        };
        let entries = self.sacl.iter().flat_map(|sacl| &sacl.aces).filter(wants).cloned();
        let sacl: Vec<Ace> = entries.collect();
        if self.sacl.is_some() && (parts.contains(DescriptorParts::SACL) || !sacl.is_empty()) {
            selected.sacl = Some(Acl::from(sacl));
            kept |= DescriptorControl::SACL_PRESENT.0
                | DescriptorControl::SACL_DEFAULTED.0
                | DescriptorControl::SACL_PROTECTED.0;
            kept |=
                DescriptorControl::SACL_AUTO_INHERITED.0 | DescriptorControl::SACL_AUTO_INHERIT_REQUIRED.0;
        }
        selected.control = DescriptorControl(self.control.0 & kept);
        selected
    }

    /// Completes aliases such as `DA` or `LG` with the machine or domain (`S-1-5-21-a-b-c`) that the
    /// descriptor is meant for.
    pub fn resolve(&mut self, domain: &Sid) {
        let mut complete = |trustee: &mut Trustee| {
            if let Trustee::InDomain(alias) = *trustee
                && let Ok(sid) = domain.with_rid(alias.rid())
            {
                *trustee = Trustee::Sid(sid);
            }
        };
        self.owner.iter_mut().chain(&mut self.group).for_each(&mut complete);
        let entries = self.dacl.iter_mut().chain(&mut self.sacl).flat_map(|acl| &mut acl.aces);
        entries.for_each(|ace| ace.body.change_mentioned(&mut complete));
    }

    /// The first alias that needs a domain and has none, if there is one.
    pub fn unresolved(&self) -> Option<DomainAlias> {
        let entries = self.dacl.iter().chain(&self.sacl).flat_map(|acl| &acl.aces);
        let mut mentioned =
            self.owner.iter().chain(&self.group).chain(entries.flat_map(|ace| ace.body.mentioned()));
        mentioned.find_map(|trustee| match trustee {
            Trustee::InDomain(alias) => Some(*alias),
            Trustee::Sid(_) => None,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
