//! The rights to a pipe in words.

use core::fmt;

use crate::access::{AccessMask, PIPE_MAPPING};

/// Rights to a pipe, displayed in words: `read, write`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RightsInWords(pub AccessMask);

/// Reading, writing and executing as a client means them: the generic rights, without those that they share
/// (to read the permissions, and to wait) and without the right to create instances.
const SETS: [(&str, u32); 3] = [("read", 0x89), ("write", 0x112), ("execute", 0xA0)];

/// The rights that the generic rights share. They are implied by each of [`SETS`].
const SHARED: AccessMask = AccessMask(0x12_0000);

const SINGLE: [(&str, u32); 14] = [
    ("read data", 0x1),
    ("write data", 0x2),
    ("create instances", 0x4),
    ("read extended attributes", 0x8),
    ("write extended attributes", 0x10),
    ("execute", 0x20),
    ("delete children", 0x40),
    ("read attributes", 0x80),
    ("write attributes", 0x100),
    ("delete", 0x1_0000),
    ("read the permissions", 0x2_0000),
    ("change the permissions", 0x4_0000),
    ("take ownership", 0x8_0000),
    ("wait", 0x10_0000),
];

impl fmt::Display for RightsInWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = PIPE_MAPPING.map(self.0);
        let mut rest = all;
        let mut separator = "";
        let mut say = |f: &mut fmt::Formatter<'_>, words: &str| {
            write!(f, "{separator}{words}")?;
            separator = ", ";
            Ok(())
        };
        if all.contains(PIPE_MAPPING.all) {
            say(f, "everything")?;
            rest = rest.without(PIPE_MAPPING.all);
        }
        for (words, bits) in SETS {
            // A set counts if it adds something: `execute` has a right in common with `read`.
            if all.contains(AccessMask(bits)) && rest.intersects(AccessMask(bits)) {
                say(f, words)?;
                rest = rest.without(AccessMask(bits) | SHARED);
            }
        }
        for (words, bit) in SINGLE {
            if rest.intersects(AccessMask(bit)) {
                say(f, words)?;
                rest = rest.without(AccessMask(bit));
            }
        }
        match (rest.is_empty(), all.is_empty()) {
            (_, true) => f.write_str("nothing"),
            (true, false) => Ok(()),
            (false, false) => write!(f, "{separator}other rights {rest:#x}"),
        }
    }
}
