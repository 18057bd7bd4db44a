//! The binary form of a resource attribute: a claim and the offsets of its values ([MS-DTYP] 2.4.10.1).

use alloc::string::String;
use alloc::vec::Vec;

use super::{AttributeForm, ResourceAttribute, Values};
use crate::literal::can_be_quoted;
use crate::sid::Sid;
use crate::trustee::Trustee;

/// Bytes in front of the offsets of the values.
const HEADER: usize = 16;

impl ResourceAttribute {
    /// Reads the data of an entry. Data that is not a claim, or has names and texts that SDDL cannot express,
    /// is kept as bytes.
    pub(crate) fn decode(data: &[u8]) -> Self {
        Self(claim(data).unwrap_or_else(|| AttributeForm::Opaque(data.to_vec())))
    }

    /// Appends the data of an entry. Aliases without a domain have been refused before.
    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        let (name, flags, values) = match &self.0 {
            AttributeForm::Opaque(data) => return out.extend_from_slice(data),
            AttributeForm::Claim { name, flags, values } => (name, flags, values),
        };
        let encoded = encode_values(values);
        let mut offset = HEADER + 4 * encoded.len();
        let name = encode_text(name);
        out.extend_from_slice(&(offset as u32).to_le_bytes());
        out.extend_from_slice(&values.type_number().to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&(encoded.len() as u32).to_le_bytes());
        offset += name.len();
        for value in &encoded {
            out.extend_from_slice(&(offset as u32).to_le_bytes());
            offset += value.len();
        }
        out.extend_from_slice(&name);
        out.extend(encoded.into_iter().flatten());
    }

    /// Bytes of the data.
    pub(crate) fn encoded_len(&self) -> usize {
        let mut encoded = Vec::new();
        self.encode_into(&mut encoded);
        encoded.len()
    }
}

fn encode_values(values: &Values) -> Vec<Vec<u8>> {
    match values {
        Values::Integers(values) => values.iter().map(|value| value.to_le_bytes().to_vec()).collect(),
        Values::Unsigned(values) => values.iter().map(|value| value.to_le_bytes().to_vec()).collect(),
        Values::Texts(values) => values.iter().map(|value| encode_text(value)).collect(),
        Values::Sids(values) => {
            let bytes = |value: &Trustee| {
                let mut bytes = Vec::new();
                value.encode_into(&mut bytes);
                encode_sized(&bytes)
            };
            values.iter().map(bytes).collect()
        }
        Values::Booleans(values) => {
            values.iter().map(|value| u64::from(*value).to_le_bytes().to_vec()).collect()
        }
        Values::Octets(values) => values.iter().map(|value| encode_sized(value)).collect(),
    }
}

/// UTF-16 and a NUL.
fn encode_text(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// A length and as many bytes.
fn encode_sized(bytes: &[u8]) -> Vec<u8> {
    let mut sized = (bytes.len() as u32).to_le_bytes().to_vec();
    sized.extend_from_slice(bytes);
    sized
}

fn claim(data: &[u8]) -> Option<AttributeForm> {
    let (header, offsets) = data.split_first_chunk::<HEADER>()?;
    let word = |at: usize| header.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    // The upper half of the second word is reserved.
    let kind = (word(4)? & 0xFFFF) as u16;
    let (name_offset, flags, count) = (word(0)?, word(8)?, word(12)? as usize);
    let offsets = offsets.as_chunks::<4>().0.get(..count)?;

    // Values may share bytes. The budget keeps a small claim from becoming a large one.
    let mut budget = Budget { data, left: data.len() };
    let name = budget.text(name_offset as usize).filter(|name| !name.is_empty())?;
    let mut each = offsets.iter().map(|offset| u32::from_le_bytes(*offset) as usize);
    let values = match kind {
        0x01 => {
            Values::Integers(each.map(|at| budget.word(at).map(i64::from_le_bytes)).collect::<Option<_>>()?)
        }
        0x02 => {
            Values::Unsigned(each.map(|at| budget.word(at).map(u64::from_le_bytes)).collect::<Option<_>>()?)
        }
        0x03 => {
            let mut text = |at| budget.text(at).filter(|text| can_be_quoted(text));
            Values::Texts(each.map(&mut text).collect::<Option<_>>()?)
        }
        0x05 => {
            let mut sid = |at| Sid::from_bytes(budget.sized(at)?).ok().map(Trustee::Sid);
            Values::Sids(each.map(&mut sid).collect::<Option<_>>()?)
        }
        0x06 => {
            let mut boolean = |at| match u64::from_le_bytes(budget.word(at)?) {
                value @ 0..=1 => Some(value == 1),
                _ => None,
            };
            Values::Booleans(each.map(&mut boolean).collect::<Option<_>>()?)
        }
        0x10 => Values::Octets(each.try_fold(Vec::new(), |mut all, at| {
            all.push(budget.sized(at)?.to_vec());
            Some(all)
        })?),
        _ => return None,
    };
    Some(AttributeForm::Claim { name, flags, values })
}

/// The data of a claim, and how many bytes of it may still be read.
struct Budget<'a> {
    data: &'a [u8],
    left: usize,
}

impl<'a> Budget<'a> {
    fn take(&mut self, at: usize, length: usize) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(length)?;
        self.data.get(at..)?.get(..length)
    }

    fn word(&mut self, at: usize) -> Option<[u8; 8]> {
        self.take(at, 8)?.first_chunk().copied()
    }

    fn sized(&mut self, at: usize) -> Option<&'a [u8]> {
        let length = *self.take(at, 4)?.first_chunk()?;
        self.take(at.checked_add(4)?, u32::from_le_bytes(length) as usize)
    }

    /// UTF-16 up to a NUL.
    fn text(&mut self, at: usize) -> Option<String> {
        let units = self.data.get(at..)?.as_chunks::<2>().0;
        let length = units.iter().position(|unit| *unit == [0, 0])?;
        self.take(at, 2 * length + 2)?;
        let units: Vec<u16> = units.iter().take(length).map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16(&units).ok()
    }
}
