//! Resource attributes as text ([MS-DTYP] 2.5.1.1, `attribute-data`).

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use super::cursor::Cursor;
use super::{SddlError, literal, rights};
use crate::attribute::{AttributeForm, ResourceAttribute, Values};
use crate::literal::{Integer, can_be_quoted};

/// Reads an attribute in parentheses, or `#` and the bytes of one.
pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<ResourceAttribute, SddlError> {
    cursor.skip_space();
    if cursor.peek() == Some('#') {
        return literal::octets(cursor).map(|data| ResourceAttribute::decode(&data));
    }
    cursor.expect("(", "a resource attribute in parentheses")?;
    cursor.expect("\"", "the name of the attribute in double quotes")?;
    let name = literal::name(cursor)?;
    if !cursor.eat("\"") {
        return Err(cursor.unexpected("a double quote behind the name"));
    }
    comma(cursor)?;
    cursor.skip_space();
    let start = cursor.clone();
    let kind = cursor.take_while(|c| c.is_ascii_alphabetic()).to_ascii_uppercase();
    comma(cursor)?;
    cursor.skip_space();
    let flags = rights::number(cursor)?;
    let values = match kind.as_str() {
        "TI" => {
            Values::Integers(values(cursor, |cursor| Integer::parse(cursor).map(|integer| integer.value))?)
        }
        "TU" => Values::Unsigned(values(cursor, unsigned)?),
        "TS" => Values::Texts(values(cursor, |cursor| {
            let start = cursor.clone();
            let text = literal::quoted(cursor)?;
            let allowed = can_be_quoted(text);
            allowed.then(|| text.to_string()).ok_or_else(|| start.unexpected("a text without NUL"))
        })?),
        "TD" => Values::Sids(values(cursor, literal::sid)?),
        "TB" => Values::Booleans(values(cursor, |cursor| {
            let start = cursor.clone();
            match literal::unsigned(cursor) {
                Some((value @ 0..=1, _)) => Ok(value == 1),
                _ => Err(start.unexpected("0 or 1")),
            }
        })?),
        "TX" => Values::Octets(values(cursor, literal::octets)?),
        _ => return Err(start.unexpected("a type: TI, TU, TS, TD, TX or TB")),
    };
    cursor.expect(")", "`,` and a value, or `)` at the end of the attribute")?;
    Ok(ResourceAttribute(AttributeForm::Claim { name, flags, values }))
}

fn comma(cursor: &mut Cursor<'_>) -> Result<(), SddlError> {
    cursor.expect(",", "`,` and the next part of the attribute")
}

fn values<T>(
    cursor: &mut Cursor<'_>,
    mut value: impl FnMut(&mut Cursor<'_>) -> Result<T, SddlError>,
) -> Result<Vec<T>, SddlError> {
    let mut values = Vec::new();
    loop {
        cursor.skip_space();
        if !cursor.eat(",") {
            return Ok(values);
        }
        cursor.skip_space();
        values.push(value(cursor)?);
    }
}

fn unsigned(cursor: &mut Cursor<'_>) -> Result<u64, SddlError> {
    let start = cursor.clone();
    let number = literal::unsigned(cursor).map(|(value, _)| value);
    number.ok_or_else(|| start.unexpected("a number below 2^64"))
}

/// The letters that SDDL has for the type of the values.
fn type_letters(values: &Values) -> &'static str {
    match values {
        Values::Integers(_) => "TI",
        Values::Unsigned(_) => "TU",
        Values::Texts(_) => "TS",
        Values::Sids(_) => "TD",
        Values::Booleans(_) => "TB",
        Values::Octets(_) => "TX",
    }
}

impl fmt::Display for ResourceAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, flags, values) = match &self.0 {
            AttributeForm::Opaque(data) => return literal::write_octets(f, data),
            AttributeForm::Claim { name, flags, values } => (name, flags, values),
        };
        f.write_str("(\"")?;
        literal::write_name(f, name)?;
        write!(f, "\",{},{flags:#x}", type_letters(values))?;
        match values {
            Values::Integers(values) => values.iter().try_for_each(|value| write!(f, ",{value}"))?,
            Values::Unsigned(values) => values.iter().try_for_each(|value| write!(f, ",{value}"))?,
            Values::Texts(values) => values.iter().try_for_each(|value| write!(f, ",\"{value}\""))?,
            Values::Sids(values) => values.iter().try_for_each(|value| write!(f, ",SID({value})"))?,
            Values::Booleans(values) => {
                values.iter().try_for_each(|value| write!(f, ",{}", u8::from(*value)))?;
            }
            Values::Octets(values) => values.iter().try_for_each(|value| {
                f.write_char(',')?;
                literal::write_octets(f, value)
            })?,
        }
        f.write_char(')')
    }
}
