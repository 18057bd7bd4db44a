//! Resource attributes: named values of an object, for conditions to compare with.

mod binary;

use alloc::string::String;
use alloc::vec::Vec;

use crate::trustee::Trustee;

/// A named value of the object ([MS-DTYP] 2.4.10.1). Read, kept and written, but never evaluated.
///
/// `Display` writes SDDL, parentheses included. Data that is not an attribute, or that SDDL cannot express,
/// is written as `#` and its bytes in hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceAttribute(pub(crate) AttributeForm);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AttributeForm {
    Claim { name: String, flags: u32, values: Values },
    Opaque(Vec<u8>),
}

/// The values, all of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Values {
    Integers(Vec<i64>),
    Unsigned(Vec<u64>),
    Texts(Vec<String>),
    Sids(Vec<Trustee>),
    Booleans(Vec<bool>),
    Octets(Vec<Vec<u8>>),
}

impl Values {
    /// The type number of the binary form.
    fn type_number(&self) -> u16 {
        match self {
            Self::Integers(_) => 0x01,
            Self::Unsigned(_) => 0x02,
            Self::Texts(_) => 0x03,
            Self::Sids(_) => 0x05,
            Self::Booleans(_) => 0x06,
            Self::Octets(_) => 0x10,
        }
    }
}

impl ResourceAttribute {
    /// The name. `None` if the attribute is only bytes.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            AttributeForm::Claim { name, .. } => Some(name),
            AttributeForm::Opaque(_) => None,
        }
    }

    /// The SIDs among its values.
    pub(crate) fn trustees(&self) -> &[Trustee] {
        match &self.0 {
            AttributeForm::Claim { values: Values::Sids(sids), .. } => sids,
            _ => &[],
        }
    }

    /// The SIDs among its values.
    pub(crate) fn trustees_mut(&mut self) -> &mut [Trustee] {
        match &mut self.0 {
            AttributeForm::Claim { values: Values::Sids(sids), .. } => sids,
            _ => &mut [],
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
