//! The one SMB1 message that opens the way to SMB2: NEGOTIATE with SMB2's dialect strings,
//! [MS-SMB2] 3.3.5.3 and [MS-CIFS] 2.2.4.52.

use alloc::vec::Vec;

use super::header::PROTOCOL_SMB1;
use super::{Malformed, Reader};

/// Which of SMB2's dialect strings an SMB1 NEGOTIATE offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Smb1Negotiate {
    /// `SMB 2.002`: dialect 2.0.2.
    pub smb2_002: bool,
    /// `SMB 2.???`: the client goes on with an SMB2 NEGOTIATE.
    pub smb2_wildcard: bool,
}

impl Smb1Negotiate {
    const HEADER_LEN: usize = 32;
    const COMMAND_NEGOTIATE: u8 = 0x72;

    /// Reads an SMB1 NEGOTIATE.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message, "SMB1 NEGOTIATE");
        if reader.array("Protocol")? != PROTOCOL_SMB1 {
            return Err(reader.malformed("Protocol"));
        }
        if reader.u8("Command")? != Self::COMMAND_NEGOTIATE {
            return Err(reader.malformed("Command"));
        }
        reader.skip(Self::HEADER_LEN - 5, "header")?;
        if reader.u8("WordCount")? != 0 {
            return Err(reader.malformed("WordCount"));
        }
        let count = reader.length16("ByteCount")?;
        let mut dialects = reader.bytes(count, "Dialects")?;
        let mut found = Self::default();
        while let Some((0x02, rest)) = dialects.split_first() {
            let end = rest.iter().position(|byte| *byte == 0).ok_or(reader.malformed("Dialects"))?;
            match rest.get(..end) {
                Some(b"SMB 2.002") => found.smb2_002 = true,
                Some(b"SMB 2.???") => found.smb2_wildcard = true,
                _ => {}
            }
            dialects = rest.get(end + 1..).unwrap_or_default();
        }
        if dialects.is_empty() { Ok(found) } else { Err(reader.malformed("Dialects")) }
    }

    /// An SMB1 NEGOTIATE offering these dialect strings, for tests and fuzzing.
    #[must_use]
    pub fn encode(dialects: &[&str]) -> Vec<u8> {
        let mut out = Vec::from(PROTOCOL_SMB1);
        out.push(Self::COMMAND_NEGOTIATE);
        out.resize(Self::HEADER_LEN, 0);
        out.push(0);
        let strings: Vec<u8> =
            dialects.iter().flat_map(|text| [&[2], text.as_bytes(), &[0]].concat()).collect();
        out.extend_from_slice(&(strings.len() as u16).to_le_bytes());
        out.extend_from_slice(&strings);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_smb2_among_older_dialects() {
        let message = Smb1Negotiate::encode(&["NT LM 0.12", "SMB 2.002", "SMB 2.???"]);
        assert_eq!(
            Smb1Negotiate::decode(&message),
            Ok(Smb1Negotiate { smb2_002: true, smb2_wildcard: true })
        );
        let message = Smb1Negotiate::encode(&["NT LM 0.12"]);
        assert_eq!(Smb1Negotiate::decode(&message), Ok(Smb1Negotiate::default()));
    }

    #[test]
    fn rejects_every_truncation() {
        let message = Smb1Negotiate::encode(&["NT LM 0.12", "SMB 2.???"]);
        for length in 0..message.len() {
            assert!(Smb1Negotiate::decode(&message[..length]).is_err(), "{length} bytes");
        }
    }
}
