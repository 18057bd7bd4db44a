//! Trustees as text: SIDs, or the two letters that SDDL has for well-known ones.

use core::fmt;

use super::cursor::Cursor;
use super::{SddlError, SddlProblem};
use crate::trustee::Trustee;
use crate::well_known;

const EXPECTED: &str = "a SID (S-1-…) or an alias such as BA, AU or WD";

/// Reads an alias or a SID.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Trustee, SddlError> {
    cursor.skip_space();
    let start = cursor.clone();
    let before = cursor.rest();
    if cursor.eat("S-1-") {
        // Only the authority may be hexadecimal: otherwise the D of a D: behind would look like a digit.
        if cursor.eat("0x") {
            cursor.take_while(|c| c.is_ascii_hexdigit());
        }
        cursor.take_while(|c| c.is_ascii_digit() || c == '-');
        let text = before.get(..cursor.offset() - start.offset()).unwrap_or_default();
        let sid = text.parse().map_err(|error| start.error(SddlProblem::Sid(error)))?;
        return Ok(Trustee::Sid(sid));
    }
    let alias = before.get(..2).and_then(Trustee::from_alias);
    // With a third letter it is a word, not an alias. G: and the other sections may follow directly.
    let follows = before.get(2..).unwrap_or_default().as_bytes();
    let ends = !matches!(follows, [letter, next, ..] if letter.is_ascii_alphanumeric() && *next != b':')
        && !matches!(follows, [letter] if letter.is_ascii_alphanumeric());
    match alias.filter(|_| ends) {
        Some(alias) => {
            cursor.take_ascii(2);
            Ok(alias)
        }
        None => Err(start.unexpected(EXPECTED)),
    }
}

impl fmt::Display for Trustee {
    /// Writes the alias where SDDL has one, else the SID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sid(sid) => match well_known::alias_of(sid) {
                Some(alias) => f.write_str(alias),
                None => write!(f, "{sid}"),
            },
            Self::InDomain(alias) => f.write_str(alias.alias()),
        }
    }
}
