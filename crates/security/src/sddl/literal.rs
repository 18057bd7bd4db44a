//! Reading and writing the values that conditions and resource attributes are made of.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::SddlError;
use super::cursor::Cursor;
use super::trustee;
use crate::literal::{Base, Integer, Sign};
use crate::trustee::Trustee;

impl Integer {
    /// Reads a decimal, octal (0…) or hexadecimal (0x…) number with or without a sign.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, SddlError> {
        let start = cursor.clone();
        let sign = match cursor.peek() {
            Some('+') => Sign::Plus,
            Some('-') => Sign::Minus,
            _ => Sign::None,
        };
        if sign != Sign::None {
            cursor.take_ascii(1);
        }
        let integer = unsigned(cursor).and_then(|(magnitude, base)| {
            let value = i128::from(magnitude) * if sign == Sign::Minus { -1 } else { 1 };
            Self::new(i64::try_from(value).ok()?, sign, base)
        });
        integer.ok_or_else(|| start.unexpected("an integer of 64 bits"))
    }
}

impl fmt::Display for Integer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.sign {
            Sign::Plus => "+",
            Sign::Minus => "-",
            Sign::None => "",
        })?;
        let magnitude = self.value.unsigned_abs();
        match self.base {
            Base::Octal => write!(f, "0{magnitude:o}"),
            Base::Decimal => write!(f, "{magnitude}"),
            Base::Hexadecimal => write!(f, "{magnitude:#x}"),
        }
    }
}

/// Reads a number without a sign.
pub(super) fn unsigned(cursor: &mut Cursor<'_>) -> Option<(u64, Base)> {
    let text = cursor.take_while(|c| c.is_ascii_alphanumeric());
    let (digits, base, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, Base::Hexadecimal, 16),
        [b'0', _, ..] => (text, Base::Octal, 8),
        _ => (text, Base::Decimal, 10),
    };
    Some((u64::from_str_radix(digits, radix).ok()?, base))
}

/// Reads a text in double quotes. Nothing in it can be escaped, so it holds no double quote.
pub(super) fn quoted<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, SddlError> {
    let start = cursor.clone();
    cursor.expect("\"", "a text in double quotes")?;
    let text = cursor.take_while(|c| c != '"');
    if cursor.eat("\"") { Ok(text) } else { Err(start.unexpected("a text that ends in a double quote")) }
}

/// Reads `#` and bytes in hexadecimal, in which `#` may stand for the digit 0.
pub(super) fn octets(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, SddlError> {
    const EXPECTED: &str = "# and an even number of hexadecimal digits";
    let start = cursor.clone();
    cursor.expect("#", EXPECTED)?;
    let digits = cursor.take_while(|c| c.is_ascii_hexdigit() || c == '#').as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return Err(start.unexpected(EXPECTED)) };
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
    Ok(pairs.iter().map(|&[high, low]| value(high) << 4 | value(low)).collect())
}

/// Writes `#` and bytes in hexadecimal.
pub(super) fn write_octets(f: &mut fmt::Formatter<'_>, data: &[u8]) -> fmt::Result {
    f.write_char('#')?;
    data.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads `SID(…)`.
pub(super) fn sid(cursor: &mut Cursor<'_>) -> Result<Trustee, SddlError> {
    cursor.expect("SID", "SID(…)")?;
    cursor.expect("(", "`(` and a SID")?;
    let sid = trustee::parse(cursor)?;
    cursor.expect(")", "`)` behind the SID")?;
    Ok(sid)
}

/// Punctuation that a name contains unescaped, beside letters, digits and everything outside ASCII
/// ([MS-DTYP] 2.5.1.1, `attr-char2`). The others are written `%` and four hexadecimal digits.
const NAME_PUNCTUATION: &str = "#$'*+-;?@[\\]^_`{}~:/.";

fn is_clear_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || !c.is_ascii() || NAME_PUNCTUATION.contains(c)
}

/// Reads a name in which `%` and four hexadecimal digits stand for a UTF-16 unit.
pub(super) fn name(cursor: &mut Cursor<'_>) -> Result<String, SddlError> {
    let start = cursor.clone();
    let text = cursor.take_while(|c| is_clear_in_name(c) || c == '%');
    let mut pieces = text.split('%');
    let mut units: Vec<u16> = pieces.next().unwrap_or_default().encode_utf16().collect();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(4).unwrap_or_default();
        let unit = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(digits);
        let unit = unit.and_then(|digits| u16::from_str_radix(digits, 16).ok()).filter(|&unit| unit != 0);
        units
            .push(unit.ok_or_else(|| start.unexpected("a name in which % and four digits are a character"))?);
        units.extend(rest.encode_utf16());
    }
    match String::from_utf16(&units) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => Err(start.unexpected("the name of an attribute")),
    }
}

/// Writes a name in the form that [`name()`] reads.
pub(super) fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    name.chars().try_for_each(|c| {
        if is_clear_in_name(c) { f.write_char(c) } else { write!(f, "%{:04x}", u32::from(c)) }
    })
}
