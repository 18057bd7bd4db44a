//! The header of every SMB2 message, [MS-SMB2] 2.2.1.

use alloc::vec::Vec;
use core::fmt;

use super::{Malformed, Reader};
use crate::NtStatus;
use crate::numbers::flags;

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

// Where the fields that are set after the header was written are in it ([MS-SMB2] 2.2.1.2).
const STATUS_AT: usize = 8;
const CREDITS_AT: usize = 14;
const FLAGS_AT: usize = 16;
const NEXT_COMMAND_AT: usize = 20;
const TREE_ID_AT: usize = 36;
const SESSION_ID_AT: usize = 40;

/// An SMB2 command. Any number may arrive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(pub u16);

macro_rules! commands {
    ($($name:ident = $value:literal;)*) => {
        impl Command {
            $(#[doc = concat!("SMB2 ", stringify!($name), ".")] pub const $name: Self = Self($value);)*
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

flags! {
    /// The flags of a header. [`TreeOrAsync`] tells whether it is asynchronous.
    pub struct Flags(u32) {
        RESPONSE = 0x1, "SMB2_FLAGS_SERVER_TO_REDIR", "a response";
        RELATED = 0x4, "SMB2_FLAGS_RELATED_OPERATIONS", "in a compound, related to the element before";
        SIGNED = 0x8, "SMB2_FLAGS_SIGNED", "signed";
    }
}

/// `SMB2_FLAGS_ASYNC_COMMAND`: an AsyncId stands where the TreeId would.
const ASYNC: Flags = Flags(0x2);

/// The field of a header that holds one of two ids ([MS-SMB2] 2.2.1.1 and 2.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeOrAsync {
    /// The TreeId; 0 where there is no tree connect.
    Tree(u32),
    /// The AsyncId of a request that got an interim reply (`SMB2_FLAGS_ASYNC_COMMAND`).
    Async(u64),
}

/// The header of an SMB2 message, without its signature, which [`crate::crypto`] reads and writes in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The tree connect, or what an interim reply called the request.
    pub tree_or_async: TreeOrAsync,
    /// The session.
    pub session_id: u64,
}

impl Header {
    /// Reads the header at the start of `message`, whose ProtocolId must be SMB2's.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(message, "SMB2 header");
        if reader.array("ProtocolId")? != PROTOCOL_SMB2 {
            return Err(reader.malformed("ProtocolId"));
        }
        reader.structure_size(64)?;
        let credit_charge = reader.u16("CreditCharge")?;
        let status = NtStatus(reader.u32("Status")?);
        let command = Command(reader.u16("Command")?);
        let credits = reader.u16("Credits")?;
        let flags = Flags(reader.u32("Flags")?);
        let next_command = reader.u32("NextCommand")?;
        let message_id = reader.u64("MessageId")?;
        let id = reader.u64("TreeId or AsyncId")?;
        let tree_or_async = if flags.contains(ASYNC) {
            TreeOrAsync::Async(id)
        } else {
            TreeOrAsync::Tree((id >> 32) as u32) // after four reserved bytes
        };
        let session_id = reader.u64("SessionId")?;
        reader.skip(16, "Signature")?;
        Ok(Self {
            credit_charge,
            status,
            command,
            credits,
            flags: flags.without(ASYNC),
            next_command,
            message_id,
            tree_or_async,
            session_id,
        })
    }

    /// Appends the header with an empty signature.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (id, flags) = match self.tree_or_async {
            TreeOrAsync::Tree(id) => (u64::from(id) << 32, self.flags),
            TreeOrAsync::Async(id) => (id, self.flags.with(ASYNC)),
        };
        out.extend_from_slice(&PROTOCOL_SMB2);
        out.extend_from_slice(&64u16.to_le_bytes());
        out.extend_from_slice(&self.credit_charge.to_le_bytes());
        out.extend_from_slice(&self.status.0.to_le_bytes());
        out.extend_from_slice(&self.command.0.to_le_bytes());
        out.extend_from_slice(&self.credits.to_le_bytes());
        out.extend_from_slice(&flags.0.to_le_bytes());
        out.extend_from_slice(&self.next_command.to_le_bytes());
        out.extend_from_slice(&self.message_id.to_le_bytes());
        out.extend_from_slice(&id.to_le_bytes());
        out.extend_from_slice(&self.session_id.to_le_bytes());
        out.extend_from_slice(&[0; 16]);
    }

    /// The TreeId, unless the header is asynchronous.
    #[must_use]
    pub fn tree_id(&self) -> Option<u32> {
        match self.tree_or_async {
            TreeOrAsync::Tree(id) => Some(id),
            TreeOrAsync::Async(_) => None,
        }
    }

    /// The AsyncId, if the header is asynchronous.
    #[must_use]
    pub fn async_id(&self) -> Option<u64> {
        match self.tree_or_async {
            TreeOrAsync::Tree(_) => None,
            TreeOrAsync::Async(id) => Some(id),
        }
    }
}

/// A message whose header was written, for setting fields that become known only later.
#[derive(Debug)]
pub(crate) struct WrittenHeader<'a>(pub(crate) &'a mut [u8]);

impl WrittenHeader<'_> {
    pub(crate) fn set_status(&mut self, status: NtStatus) {
        self.set(STATUS_AT, status.0.to_le_bytes());
    }

    pub(crate) fn set_credits(&mut self, credits: u16) {
        self.set(CREDITS_AT, credits.to_le_bytes());
    }

    pub(crate) fn set_next_command(&mut self, distance: u32) {
        self.set(NEXT_COMMAND_AT, distance.to_le_bytes());
    }

    pub(crate) fn set_tree_id(&mut self, tree_id: u32) {
        self.set(TREE_ID_AT, tree_id.to_le_bytes());
    }

    pub(crate) fn set_session_id(&mut self, session_id: u64) {
        self.set(SESSION_ID_AT, session_id.to_le_bytes());
    }

    /// Says that the message is signed, without a signature.
    pub(crate) fn set_signed(&mut self) {
        if let Some(flags) = self.0.get_mut(FLAGS_AT) {
            *flags |= Flags::SIGNED.0 as u8;
        }
    }

    pub(crate) fn set_signature(&mut self, signature: &[u8; 16]) {
        self.set(SIGNATURE_RANGE.start, *signature);
    }

    fn set<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        if let Some(field) = self.0.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *field = value;
        }
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
            tree_or_async: TreeOrAsync::Tree(7),
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
    fn an_async_id_stands_for_the_tree_id_and_its_flag_goes_with_it() {
        let header = Header { tree_or_async: TreeOrAsync::Async(0x0102_0304_0506_0708), ..sample() };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(bytes[16..20], [9 | 2, 0, 0, 0]);
        assert_eq!(bytes[32..34], [8, 7]);
        assert_eq!(Header::decode(&bytes), Ok(header));
        assert_eq!((header.tree_id(), header.async_id()), (None, Some(0x0102_0304_0506_0708)));
    }

    #[test]
    fn fields_that_are_set_later_read_back() {
        let mut bytes = Vec::new();
        Header { flags: Flags::RESPONSE, ..sample() }.encode(&mut bytes);
        let mut written = WrittenHeader(&mut bytes);
        written.set_status(NtStatus::ACCESS_DENIED);
        written.set_credits(3);
        written.set_next_command(72);
        written.set_tree_id(8);
        written.set_session_id(99);
        written.set_signed();
        written.set_signature(&[5; 16]);
        let expected = Header {
            status: NtStatus::ACCESS_DENIED,
            credits: 3,
            next_command: 72,
            tree_or_async: TreeOrAsync::Tree(8),
            session_id: 99,
            ..sample()
        };
        assert_eq!(Header::decode(&bytes), Ok(expected));
        assert_eq!(bytes[SIGNATURE_RANGE], [5; 16]);
    }

    #[test]
    fn a_short_or_foreign_header_is_rejected() {
        let mut bytes = Vec::new();
        sample().encode(&mut bytes);
        for length in 0..HEADER_LEN {
            assert!(Header::decode(&bytes[..length]).is_err(), "{length} bytes");
        }
        bytes[0] = 0xFF;
        assert!(Header::decode(&bytes).is_err());
    }
}
