//! The rights of an entry.

use core::fmt;

use super::SddlError;
use super::cursor::Cursor;
use crate::access::AccessMask;

/// Sets of rights that have a name. A mask that is exactly one of them is written by that name.
const SETS: &[(&str, u32)] = &[
    ("FA", 0x001F_01FF),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00A0),
    ("KA", 0x000F_003F),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    // The same set as KR, so only read and never written.
    ("KX", 0x0002_0019),
];

/// Single rights, in the order Windows writes them. SDDL names the lowest nine bits after a directory's
/// rights, for every kind of object.
const SINGLE: &[(&str, u32)] = &[
    ("CC", 0x1),
    ("DC", 0x2),
    ("LC", 0x4),
    ("SW", 0x8),
    ("RP", 0x10),
    ("WP", 0x20),
    ("DT", 0x40),
    ("LO", 0x80),
    ("CR", 0x100),
    ("SD", 0x1_0000),
    ("RC", 0x2_0000),
    ("WD", 0x4_0000),
    ("WO", 0x8_0000),
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
];

/// The bits of a mandatory label.
const LABEL: &[(&str, u32)] = &[("NW", 0x1), ("NR", 0x2), ("NX", 0x4)];

const EXPECTED: &str = "rights such as GRGW, FA or RC, or a number such as 0x12019f";

/// Reads the rights up to the next `;`: names, or one number, decimal, octal (0…) or hexadecimal (0x…). An
/// empty field means no rights.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<AccessMask, SddlError> {
    cursor.skip_space();
    if cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        return number(cursor).map(AccessMask);
    }
    let mut mask = AccessMask::NONE;
    while cursor.peek() != Some(';') {
        let named = SETS.iter().chain(SINGLE).chain(LABEL).find(|(name, _)| cursor.eat(name));
        let &(_, bits) = named.ok_or_else(|| cursor.unexpected(EXPECTED))?;
        mask |= AccessMask(bits);
        cursor.skip_space();
    }
    Ok(mask)
}

/// Reads a number of 32 bits: decimal, octal (0…) or hexadecimal (0x…).
pub(super) fn number(cursor: &mut Cursor<'_>) -> Result<u32, SddlError> {
    let start = cursor.clone();
    let text = cursor.take_while(|c| c.is_ascii_alphanumeric());
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..).unwrap_or_default(), 16),
        [b'0', _, ..] => (text, 8),
        _ => (text, 10),
    };
    u32::from_str_radix(digits, radix).map_err(|_| start.unexpected("a number below 2^32"))
}

impl fmt::Display for AccessMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { f.write_str("0x0") } else { write(f, *self) }
    }
}

/// Writes rights as Windows does: the name of the set, else the names of all single rights, else a number.
/// No rights are written as nothing.
pub(super) fn write(f: &mut fmt::Formatter<'_>, mask: AccessMask) -> fmt::Result {
    match SETS.iter().find(|&&(_, bits)| bits == mask.0) {
        Some((name, _)) => f.write_str(name),
        None => write_names(f, mask, SINGLE),
    }
}

/// Writes the rights of an entry with a mandatory label.
pub(super) fn write_label(f: &mut fmt::Formatter<'_>, mask: AccessMask) -> fmt::Result {
    write_names(f, mask, LABEL)
}

fn write_names(f: &mut fmt::Formatter<'_>, mask: AccessMask, names: &[(&str, u32)]) -> fmt::Result {
    let named = names.iter().fold(0, |all, (_, bits)| all | bits);
    if mask.0 & !named != 0 {
        return write!(f, "{mask:#x}");
    }
    let set = names.iter().filter(|(_, bits)| mask.0 & bits != 0);
    set.map(|(name, _)| name).try_for_each(|name| f.write_str(name))
}
