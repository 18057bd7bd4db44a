//! Resource attributes: named values of an object, for conditions to compare with.

mod binary;
mod parse;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

pub(crate) use parse::attribute as parse;

use crate::sddl::literal;
use crate::sddl::print::hex;
use crate::well_known::Trustee;

/// A named value of the object ([MS-DTYP] 2.4.10.1). Read, kept and written, but never evaluated.
///
/// Displayed as SDDL writes it, parentheses included. Data that is no attribute, or none that SDDL can
/// express, is displayed as `#` and its bytes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceAttribute(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Claim { name: String, flags: u32, values: Values },
    Opaque(Vec<u8>),
}

/// The values, all of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    Integers(Vec<i64>),
    Unsigned(Vec<u64>),
    Texts(Vec<String>),
    Sids(Vec<Trustee>),
    Booleans(Vec<bool>),
    Octets(Vec<Vec<u8>>),
}

impl Values {
    /// The letters of SDDL and the type number of the binary form.
    fn kind(&self) -> (&'static str, u16) {
        match self {
            Self::Integers(_) => ("TI", 0x01),
            Self::Unsigned(_) => ("TU", 0x02),
            Self::Texts(_) => ("TS", 0x03),
            Self::Sids(_) => ("TD", 0x05),
            Self::Booleans(_) => ("TB", 0x06),
            Self::Octets(_) => ("TX", 0x10),
        }
    }
}

impl ResourceAttribute {
    /// The name, unless it is only bytes.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            Form::Claim { name, .. } => Some(name),
            Form::Opaque(_) => None,
        }
    }

    /// The SIDs among its values.
    pub(crate) fn trustees(&self) -> &[Trustee] {
        match &self.0 {
            Form::Claim { values: Values::Sids(sids), .. } => sids,
            _ => &[],
        }
    }

    /// The SIDs among its values.
    pub(crate) fn trustees_mut(&mut self) -> &mut [Trustee] {
        match &mut self.0 {
            Form::Claim { values: Values::Sids(sids), .. } => sids,
            _ => &mut [],
        }
    }
}

impl fmt::Display for ResourceAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, flags, values) = match &self.0 {
            Form::Opaque(data) => return hex(f, data),
            Form::Claim { name, flags, values } => (name, flags, values),
        };
        f.write_str("(\"")?;
        literal::write_name(f, name)?;
        write!(f, "\",{},{flags:#x}", values.kind().0)?;
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
                hex(f, value)
            })?,
        }
        f.write_char(')')
    }
}

#[cfg(test)]
pub(crate) mod tests;
