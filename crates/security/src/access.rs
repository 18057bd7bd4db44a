//! Access masks and how generic rights map to those of a pipe.

use core::fmt;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

/// A set of rights ([MS-DTYP] 2.4.3).
///
/// Displayed as SDDL writes it: `FA`, `GWGR`, or `0x12019f` where no names fit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AccessMask(pub u32);

impl AccessMask {
    /// Read from the pipe.
    pub const FILE_READ_DATA: Self = Self(0x1);
    /// Write to the pipe.
    pub const FILE_WRITE_DATA: Self = Self(0x2);
    /// Append to a file; for a pipe this bit is [`AccessMask::FILE_CREATE_PIPE_INSTANCE`].
    pub const FILE_APPEND_DATA: Self = Self(0x4);
    /// Create another instance of the pipe. A server does that; a client never may.
    pub const FILE_CREATE_PIPE_INSTANCE: Self = Self(0x4);
    /// Read extended attributes.
    pub const FILE_READ_EA: Self = Self(0x8);
    /// Write extended attributes.
    pub const FILE_WRITE_EA: Self = Self(0x10);
    /// Execute.
    pub const FILE_EXECUTE: Self = Self(0x20);
    /// Delete a child of a directory; means nothing for a pipe.
    pub const FILE_DELETE_CHILD: Self = Self(0x40);
    /// Query attributes and the pipe's state.
    pub const FILE_READ_ATTRIBUTES: Self = Self(0x80);
    /// Set attributes and the pipe's read mode.
    pub const FILE_WRITE_ATTRIBUTES: Self = Self(0x100);
    /// Delete the object.
    pub const DELETE: Self = Self(0x1_0000);
    /// Read the security descriptor, save its SACL.
    pub const READ_CONTROL: Self = Self(0x2_0000);
    /// Change the DACL.
    pub const WRITE_DAC: Self = Self(0x4_0000);
    /// Change the owner.
    pub const WRITE_OWNER: Self = Self(0x8_0000);
    /// Wait for the object. Every synchronous open requests it.
    pub const SYNCHRONIZE: Self = Self(0x10_0000);
    /// Read or change the SACL. It needs a privilege; no ACL grants it.
    pub const ACCESS_SYSTEM_SECURITY: Self = Self(0x0100_0000);
    /// In a request: all rights that the descriptor gives to this caller.
    pub const MAXIMUM_ALLOWED: Self = Self(0x0200_0000);
    /// Everything, by [`GenericMapping::all`].
    pub const GENERIC_ALL: Self = Self(0x1000_0000);
    /// Execute, by [`GenericMapping::execute`].
    pub const GENERIC_EXECUTE: Self = Self(0x2000_0000);
    /// Write, by [`GenericMapping::write`].
    pub const GENERIC_WRITE: Self = Self(0x4000_0000);
    /// Read, by [`GenericMapping::read`].
    pub const GENERIC_READ: Self = Self(0x8000_0000);

    /// No right at all.
    pub const NONE: Self = Self(0);

    /// The rights that only stand for others. Mapping replaces them.
    pub(crate) const GENERIC: Self = Self(0xF000_0000);

    /// Whether every right of `other` is in `self`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `self` and `other` share a right.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether there is no right in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rights of `self` that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for AccessMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for AccessMask {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl BitAnd for AccessMask {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl BitAndAssign for AccessMask {
    fn bitand_assign(&mut self, other: Self) {
        self.0 &= other.0;
    }
}

impl Not for AccessMask {
    type Output = Self;
    fn not(self) -> Self {
        Self(!self.0)
    }
}

impl From<u32> for AccessMask {
    fn from(bits: u32) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for AccessMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessMask({:#x})", self.0)
    }
}

impl fmt::LowerHex for AccessMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

/// Rights that a caller requests, before the access check: the input of
/// [`check_access`](crate::check_access).
///
/// A type of its own keeps requested rights apart from granted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DesiredAccess(pub AccessMask);

impl From<AccessMask> for DesiredAccess {
    fn from(mask: AccessMask) -> Self {
        Self(mask)
    }
}

/// Rights that an access check has granted: the output of [`check_access`](crate::check_access).
///
/// Only the check makes one. It contains no generic rights and no `MAXIMUM_ALLOWED`, which the check
/// replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GrantedAccess(pub(crate) AccessMask);

impl GrantedAccess {
    /// The granted rights as a plain mask, for the wire and for display.
    #[must_use]
    pub const fn mask(self) -> AccessMask {
        self.0
    }

    /// Whether every right of `needed` was granted.
    #[must_use]
    pub const fn contains(self, needed: AccessMask) -> bool {
        self.0.contains(needed)
    }
}

/// The meaning of the four generic rights for one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenericMapping {
    /// The rights behind GENERIC_READ stands for.
    pub read: AccessMask,
    /// The rights behind GENERIC_WRITE stands for.
    pub write: AccessMask,
    /// The rights behind GENERIC_EXECUTE stands for.
    pub execute: AccessMask,
    /// The rights behind GENERIC_ALL stands for.
    pub all: AccessMask,
}

/// The generic rights of files and named pipes ([MS-SMB2] 2.2.13.1.1).
pub const PIPE_MAPPING: GenericMapping = GenericMapping {
    read: AccessMask(0x0012_0089),
    write: AccessMask(0x0012_0116),
    execute: AccessMask(0x0012_00A0),
    all: AccessMask(0x001F_01FF),
};

impl GenericMapping {
    /// Replaces the generic rights in `mask` by those they stand for.
    #[must_use]
    pub fn map(&self, mask: AccessMask) -> AccessMask {
        let mut mapped = mask.without(AccessMask::GENERIC);
        for (generic, meaning) in [
            (AccessMask::GENERIC_READ, self.read),
            (AccessMask::GENERIC_WRITE, self.write),
            (AccessMask::GENERIC_EXECUTE, self.execute),
            (AccessMask::GENERIC_ALL, self.all),
        ] {
            if mask.intersects(generic) {
                mapped |= meaning;
            }
        }
        mapped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_rights_become_those_of_a_pipe() {
        let map = |mask| PIPE_MAPPING.map(AccessMask(mask)).0;
        assert_eq!(map(0x8000_0000), 0x0012_0089);
        assert_eq!(map(0xC000_0000), 0x0012_019F);
        assert_eq!(map(0x1000_0000), 0x001F_01FF);
        assert_eq!(map(0x2000_0001), 0x0012_00A1);
        assert_eq!(map(0x0200_0000), 0x0200_0000);
    }
}
