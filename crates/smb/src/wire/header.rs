//! The header of every SMB2 message, [MS-SMB2] 2.2.1.

use alloc::vec::Vec;
use core::fmt;

use super::{Malformed, Reader};
use crate::NtStatus;

/// The length of an SMB2 header in bytes.
pub const HEADER_LEN: usize = 64;
/// `FE 'SMB'`: a plain SMB2 message.
pub const PROTOCOL_SMB2: [u8; 4] = *b"\xFESMB";
/// `FD 'SMB'`: an encrypted message ([MS-SMB2] 2.2.41).
pub const PROTOCOL_TRANSFORM: [u8; 4] = *b"\xFDSMB";
/// `FF 'SMB'`: an SMB1 message.
pub const PROTOCOL_SMB1: [u8; 4] = *b"\xFFSMB";
/// Where the signature is in a header.
pub const SIGNATURE_RANGE: core::ops::Range<usize> = 48..64;

/// An SMB2 command. Any number may arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(pub u16);

macro_rules! commands {
    ($($name:ident = $value:literal;)*) => {
        impl Command {
            $(#[doc = concat!("SMB2 ", stringify!($name), ".")] pub const $name: Command = Command($value);)*
            fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some(stringify!($name)),)* _ => None }
            }
        }
    };
}

commands! {
    NEGOTIATE = 0;
    SESSION_SETUP = 1;
    LOGOFF = 2;
    TREE_CONNECT = 3;
    TREE_DISCONNECT = 4;
    CREATE = 5;
    CLOSE = 6;
    FLUSH = 7;
    READ = 8;
    WRITE = 9;
    LOCK = 10;
    IOCTL = 11;
    CANCEL = 12;
    ECHO = 13;
    QUERY_DIRECTORY = 14;
    CHANGE_NOTIFY = 15;
    QUERY_INFO = 16;
    SET_INFO = 17;
    OPLOCK_BREAK = 18;
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "command {}", self.0),
        }
    }
}

/// The flags of a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// A response (`SMB2_FLAGS_SERVER_TO_REDIR`).
    pub const RESPONSE: Flags = Flags(0x1);
    /// Asynchronous: an AsyncId stands where the TreeId would.
    pub const ASYNC: Flags = Flags(0x2);
    /// In a compound: related to the element before.
    pub const RELATED: Flags = Flags(0x4);
    /// Signed.
    pub const SIGNED: Flags = Flags(0x8);

    /// Whether all of these are set.
    #[must_use]
    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    #[must_use]
    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// The header of an SMB2 message, without its signature, which [`crate::crypto`] reads and writes in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many credits the request costs; echoed in the response.
    pub credit_charge: u16,
    /// The status in a response; the channel sequence in a request, which pipes do not use.
    pub status: NtStatus,
    /// The command.
    pub command: Command,
    /// Credits asked for, or granted.
    pub credits: u16,
    /// The flags.
    pub flags: Flags,
    /// Where the next element of a compound starts, counted from this header; 0 for none.
    pub next_command: u32,
    /// Matches a response with its request.
    pub message_id: u64,
    /// The AsyncId, when [`Flags::ASYNC`] is set; else reserved and the TreeId.
    pub tree_or_async: u64,
    /// The session.
    pub session_id: u64,
}

impl Header {
    /// Reads the header at the start of `message`, whose ProtocolId must be SMB2's.
    pub fn decode(message: &[u8]) -> Result<Header, Malformed> {
        let mut reader = Reader::new(message, "SMB2 header");
        if reader.array()? != PROTOCOL_SMB2 {
            return Err(reader.malformed());
        }
        reader.structure_size(64)?;
        let credit_charge = reader.u16()?;
        let status = NtStatus(reader.u32()?);
        let command = Command(reader.u16()?);
        let credits = reader.u16()?;
        let flags = Flags(reader.u32()?);
        let next_command = reader.u32()?;
        let message_id = reader.u64()?;
        let tree_or_async = reader.u64()?;
        let session_id = reader.u64()?;
        reader.skip(16)?;
        Ok(Header {
            credit_charge,
            status,
            command,
            credits,
            flags,
            next_command,
            message_id,
            tree_or_async,
            session_id,
        })
    }

    /// Appends the header with an empty signature.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&PROTOCOL_SMB2);
        out.extend_from_slice(&64u16.to_le_bytes());
        out.extend_from_slice(&self.credit_charge.to_le_bytes());
        out.extend_from_slice(&self.status.0.to_le_bytes());
        out.extend_from_slice(&self.command.0.to_le_bytes());
        out.extend_from_slice(&self.credits.to_le_bytes());
        out.extend_from_slice(&self.flags.0.to_le_bytes());
        out.extend_from_slice(&self.next_command.to_le_bytes());
        out.extend_from_slice(&self.message_id.to_le_bytes());
        out.extend_from_slice(&self.tree_or_async.to_le_bytes());
        out.extend_from_slice(&self.session_id.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
    }

    /// The TreeId, unless the header is asynchronous.
    #[must_use]
    pub fn tree_id(&self) -> Option<u32> {
        (!self.flags.contains(Flags::ASYNC)).then_some((self.tree_or_async >> 32) as u32)
    }

    /// The AsyncId, if the header is asynchronous.
    #[must_use]
    pub fn async_id(&self) -> Option<u64> {
        self.flags.contains(Flags::ASYNC).then_some(self.tree_or_async)
    }

    /// The form in which [`Header::tree_or_async`] holds a TreeId.
    #[must_use]
    pub fn tree_field(tree_id: u32) -> u64 {
        u64::from(tree_id) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Header {
        Header {
            credit_charge: 1,
            status: NtStatus::PENDING,
            command: Command::READ,
            credits: 31,
            flags: Flags::RESPONSE.with(Flags::SIGNED),
            next_command: 0,
            message_id: 0x0102_0304_0506_0708,
            tree_or_async: Header::tree_field(7),
            session_id: 0x1111_2222_3333_4444,
        }
    }

    #[test]
    fn a_header_reads_back() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        assert_eq!(bytes.len(), HEADER_LEN);
        assert_eq!(Header::decode(&bytes), Ok(sample()));
        assert_eq!(sample().tree_id(), Some(7));
        assert_eq!(sample().async_id(), None);
        // The offsets of [MS-SMB2] 2.2.1.2: Command, Flags, MessageId, TreeId, SessionId.
        assert_eq!(bytes[12..14], [8, 0]);
        assert_eq!(bytes[16..20], [9, 0, 0, 0]);
        assert_eq!(bytes[24], 8);
        assert_eq!(bytes[36..40], [7, 0, 0, 0]);
        assert_eq!(bytes[40..42], [0x44, 0x44]);
    }

    #[test]
    fn rejects_a_short_or_foreign_header() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        for length in 0..HEADER_LEN {
            assert!(Header::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        bytes[0] = 0xFF;
        assert!(Header::decode(&bytes).is_err());
    }
}
