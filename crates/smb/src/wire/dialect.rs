//! The dialects of SMB 2, [MS-SMB2] 1.7 and 2.2.3.

use core::fmt;

use crate::numbers::numbers;

numbers! {
    /// A dialect's number on the wire (DialectRevision).
    pub struct DialectRevision(u16) {
        SMB_2_0_2 = 0x0202, "SMB 2.0.2", "Windows Vista SP1, Windows Server 2008";
        SMB_2_1 = 0x0210, "SMB 2.1", "Windows 7, Windows Server 2008 R2";
        WILDCARD = 0x02FF, "SMB 2.???", "the answer to an SMB1 NEGOTIATE that offers SMB 2 without saying which";
        SMB_3_0 = 0x0300, "SMB 3.0", "Windows 8, Windows Server 2012";
        SMB_3_0_2 = 0x0302, "SMB 3.0.2", "Windows 8.1, Windows Server 2012 R2";
        SMB_3_1_1 = 0x0311, "SMB 3.1.1", "Windows 10, Windows Server 2016 and later";
    }
}

/// A dialect of SMB 2 that both sides can speak, in order of age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Dialect {
    /// SMB 2.0.2 (Windows Vista SP1, Windows Server 2008).
    Smb202 = 0x0202,
    /// SMB 2.1 (Windows 7, Windows Server 2008 R2).
    Smb210 = 0x0210,
    /// SMB 3.0 (Windows 8, Windows Server 2012).
    Smb300 = 0x0300,
    /// SMB 3.0.2 (Windows 8.1, Windows Server 2012 R2).
    Smb302 = 0x0302,
    /// SMB 3.1.1 (Windows 10, Windows Server 2016 and later).
    Smb311 = 0x0311,
}

impl Dialect {
    /// Every dialect, oldest first.
    pub const ALL: [Self; 5] = [Self::Smb202, Self::Smb210, Self::Smb300, Self::Smb302, Self::Smb311];

    /// The dialect with this revision number, if it is one we know.
    pub fn from_wire(revision: DialectRevision) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.to_wire() == revision)
    }

    /// The revision number on the wire.
    pub fn to_wire(self) -> DialectRevision {
        DialectRevision(self as u16)
    }

    /// Whether this is a dialect of the SMB 3 family, which derives a key for each purpose.
    pub fn is_smb3(self) -> bool {
        self >= Self::Smb300
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smb202 => "2.0.2",
            Self::Smb210 => "2.1",
            Self::Smb300 => "3.0",
            Self::Smb302 => "3.0.2",
            Self::Smb311 => "3.1.1",
        })
    }
}
