//! Attribute-value pairs: what the server says of itself and the client repeats, [MS-NLMP] 2.2.2.1.

use alloc::vec::Vec;

use crate::FileTime;
use crate::wire::{Malformed, Reader, encode_utf16};

/// The longest name put into a pair, in UTF-16 units.
const MAX_NAME: usize = 255;

/// What a pair is about. Any number may arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::auth) struct AvId(u16);

impl AvId {
    const END: Self = Self(0);
    pub(in crate::auth) const NETBIOS_COMPUTER: Self = Self(1);
    pub(in crate::auth) const NETBIOS_DOMAIN: Self = Self(2);
    pub(in crate::auth) const DNS_COMPUTER: Self = Self(3);
    pub(in crate::auth) const DNS_DOMAIN: Self = Self(4);
    pub(in crate::auth) const FLAGS: Self = Self(6);
    pub(in crate::auth) const TIMESTAMP: Self = Self(7);
    pub(in crate::auth) const TARGET_NAME: Self = Self(9);
    pub(in crate::auth) const CHANNEL_BINDINGS: Self = Self(10);
}

/// A list of pairs as it is on the wire, without the pair that ends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::auth) struct AvPairs(Vec<u8>);

impl AvPairs {
    const STRUCTURE: &str = "NTLM attribute-value pairs";
    /// `MsvAvFlags`: the authenticate message carries an integrity code.
    pub(in crate::auth) const FLAG_MIC: u32 = 0x2;

    pub(in crate::auth) fn new() -> Self {
        Self::default()
    }

    /// Reads a list up to the pair that ends it, which must be there. What follows is not looked at: clients
    /// pad.
    pub(in crate::auth) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes, Self::STRUCTURE);
        loop {
            let read = reader.position();
            let id = AvId(reader.u16("AvId")?);
            let length = reader.length16("AvLen")?;
            if id == AvId::END {
                return Ok(Self(bytes[..read].to_vec()));
            }
            reader.skip(length, "Value")?;
        }
    }

    /// The list with the pair that ends it.
    pub(in crate::auth) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.0.clone();
        bytes.extend_from_slice(&[0; 4]);
        bytes
    }

    /// Every pair in order.
    pub(in crate::auth) fn iter(&self) -> impl Iterator<Item = (AvId, &[u8])> {
        let mut reader = Reader::new(&self.0, Self::STRUCTURE);
        core::iter::from_fn(move || {
            let id = AvId(reader.u16("AvId").ok()?);
            let length = reader.length16("AvLen").ok()?;
            Some((id, reader.bytes(length, "Value").ok()?))
        })
    }

    /// The value of the first pair with this id.
    pub(in crate::auth) fn get(&self, wanted: AvId) -> Option<&[u8]> {
        self.iter().find(|(id, _)| *id == wanted).map(|(_, value)| value)
    }

    /// `MsvAvFlags`, 0 when there are none. What any of several pairs says counts, so that none hides
    /// another.
    pub(in crate::auth) fn flags(&self) -> Result<u32, Malformed> {
        let values = self.iter().filter(|(id, _)| *id == AvId::FLAGS);
        values
            .map(|(_, value)| Reader::new(value, Self::STRUCTURE).u32("MsvAvFlags"))
            .try_fold(0, |all, flags| flags.map(|flags| all | flags))
    }

    /// Whether each pair of `sent` is in this list, as it was sent, and none of its kind says otherwise.
    pub(in crate::auth) fn repeats(&self, sent: &Self) -> bool {
        sent.iter().all(|(wanted, value)| {
            let mut repeated = self.iter().filter(|(id, _)| *id == wanted).peekable();
            repeated.peek().is_some() && repeated.all(|(_, own)| own == value)
        })
    }

    /// The server's time, when it said it.
    pub(in crate::auth) fn timestamp(&self) -> Result<Option<FileTime>, Malformed> {
        let value = self.get(AvId::TIMESTAMP);
        value.map(|value| Reader::new(value, Self::STRUCTURE).u64("MsvAvTimestamp").map(FileTime)).transpose()
    }

    /// Appends a pair. A value longer than its length field can say is cut.
    pub(in crate::auth) fn push(&mut self, id: AvId, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&id.0.to_le_bytes());
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(&value[..length.into()]);
    }

    /// Appends a pair that holds a name, cut to 255 UTF-16 units.
    pub(in crate::auth) fn push_name(&mut self, id: AvId, name: &str) {
        let mut encoded = encode_utf16(name);
        encoded.truncate(2 * MAX_NAME);
        self.push(id, &encoded);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_read_back_in_order() {
        let mut pairs = AvPairs::new();
        pairs.push_name(AvId::NETBIOS_DOMAIN, "DOMAIN");
        pairs.push(AvId::TIMESTAMP, &7u64.to_le_bytes());
        let mut wire = pairs.encode();
        wire.extend_from_slice(&[0; 4]); // the padding that clients add
        let read = AvPairs::decode(&wire).expect("a list with its end");
        assert_eq!(read, pairs);
        assert_eq!(read.get(AvId::NETBIOS_DOMAIN), Some(&encode_utf16("DOMAIN")[..]));
        assert_eq!(read.timestamp(), Ok(Some(FileTime(7))));
        assert_eq!(read.flags(), Ok(0));
    }

    #[test]
    fn rejects_a_list_without_end_and_values_past_it() {
        let mut pairs = AvPairs::new();
        pairs.push(AvId::FLAGS, &[2, 0, 0, 0]);
        let wire = pairs.encode();
        for length in 0..wire.len() {
            assert!(AvPairs::decode(&wire[..length]).is_err(), "{length} bytes");
        }
        assert!(AvPairs::decode(&[1, 0, 0xFF, 0xFF, 0, 0, 0, 0]).is_err());
    }

    #[test]
    fn flags_in_a_later_pair_count() {
        let mut pairs = AvPairs::new();
        pairs.push(AvId::FLAGS, &[1, 0, 0, 0]);
        pairs.push(AvId::FLAGS, &[2, 0, 0, 0]);
        assert_eq!(pairs.flags(), Ok(3));
        pairs.push(AvId::FLAGS, &[2, 0, 0]);
        assert!(pairs.flags().is_err());
    }

    #[test]
    fn a_list_repeats_another_if_it_says_the_same_and_nothing_else_of_it() {
        let (mut sent, mut own) = (AvPairs::new(), AvPairs::new());
        sent.push_name(AvId::NETBIOS_COMPUTER, "SERVER");
        assert!(!own.repeats(&sent) && own.repeats(&AvPairs::new()));
        own.push_name(AvId::TARGET_NAME, "cifs/server");
        own.push_name(AvId::NETBIOS_COMPUTER, "SERVER");
        assert!(own.repeats(&sent));
        own.push_name(AvId::NETBIOS_COMPUTER, "OTHER");
        assert!(!own.repeats(&sent));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_not_but_never_panic(bytes: Vec<u8>) {
            if let Ok(pairs) = AvPairs::decode(&bytes) {
                let _ = (pairs.flags(), pairs.timestamp(), pairs.iter().count());
                prop_assert!(bytes.starts_with(&pairs.encode()[..pairs.encode().len() - 4]));
            }
        }
    }
}
