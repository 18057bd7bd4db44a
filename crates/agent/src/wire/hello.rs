//! The first frame of both ends: what it speaks.

use super::fields::{Malformed, Part, Reader, Writer};

/// What the first frame begins with, so that something else at the other end is noticed.
const MAGIC: [u8; 8] = *b"standpip";

/// The versions of the format that this build speaks.
const OLDEST: u16 = 2;
const NEWEST: u16 = 2;

/// The first frame of both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The oldest version of the format that its sender speaks.
    pub oldest: u16,
    /// The newest version of the format that its sender speaks.
    pub newest: u16,
    /// The version of the program, for log lines.
    pub program: String,
    /// The sender's process, as its own system numbers it.
    pub pid: u32,
}

/// Two ends that speak no common version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the agent (version {program}) speaks versions {oldest} to {newest} of the channel, \
     and this program {OLDEST} to {NEWEST}"
)]
pub struct Disagreement {
    /// The other program's version.
    pub program: String,
    /// Its oldest version of the format.
    pub oldest: u16,
    /// Its newest version of the format.
    pub newest: u16,
}

impl Hello {
    /// What this build says of itself.
    #[must_use]
    pub fn of_this_build(pid: u32) -> Self {
        Self { oldest: OLDEST, newest: NEWEST, program: env!("CARGO_PKG_VERSION").to_owned(), pid }
    }

    /// The newest version that both this build and the sender of `self` speak.
    pub fn agree(&self) -> Result<u16, Disagreement> {
        let common = self.newest.min(NEWEST);
        if common >= self.oldest.max(OLDEST) {
            return Ok(common);
        }
        Err(Disagreement { program: self.program.clone(), oldest: self.oldest, newest: self.newest })
    }

    pub(super) fn write(&self, to: &mut Writer<'_>) {
        to.raw(&MAGIC).u16(self.oldest).u16(self.newest).u32(self.pid).text(&self.program);
    }

    pub(super) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        for expected in MAGIC {
            if from.u8("magic")? != expected {
                return Err(Malformed(Part::Choice("program at the other end")));
            }
        }
        Ok(Self {
            oldest: from.u16("oldest")?,
            newest: from.u16("newest")?,
            pid: from.u32("pid")?,
            program: from.text("program")?,
        })
    }
}
