//! Why a connection has to be closed, and who is to blame.

use thiserror::Error;

/// Why the connection must be closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DisconnectReason {
    /// The client sent bytes that are no message.
    #[error(transparent)]
    Malformed(#[from] Malformation),
    /// The client broke the protocol in a way that the specification answers with a closed connection.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The client speaks SMB 1 only, or offers nothing of SMB 2 that this server accepts.
    #[error("SMB 1 is not served")]
    Smb1NotServed,
    /// A frame was longer than what is allowed at this point.
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    FrameTooLong {
        /// The length that the frame announced, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A compound had more requests than [`Limits::compound`](super::Limits::compound).
    #[error("a compound of more than {limit} requests")]
    CompoundTooLong {
        /// The limit, in requests.
        limit: usize,
    },
    /// The end of a frame did not come within the time that its length allows.
    #[error("a frame did not arrive whole in time")]
    FrameTooSlow,
    /// Nothing was open and nothing happened for [`Limits::idle_time`](super::Limits::idle_time).
    #[error("nothing was open, and nothing happened")]
    Idle,
    /// Nobody logged on in time ([MS-SMB2] 3.3.6.3).
    #[error("nobody logged on in time")]
    LogonTimeout,
    /// Too many log-ons failed on this connection.
    #[error("too many failed log-ons")]
    TooManyFailedLogons,
    /// The client's negotiation was tampered with ([MS-SMB2] 3.3.5.15.12).
    #[error("the negotiation was tampered with")]
    NegotiationTampered,
    /// The session's key has encrypted as many messages as it may; the client can log on again.
    #[error("the session's encryption key is used up")]
    KeyUsedUp,
    /// The server drains and nothing is open any more.
    #[error("the server is stopping")]
    Drained,
    /// A reply could not be framed. The limits on replies rule this out: it is a defect of this library.
    #[error("a reply could not be framed, which is a defect of the server")]
    ReplyNotFramed,
}

impl DisconnectReason {
    /// Who or what is to blame.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Malformed(_) => Blame::MalformedByPeer,
            Self::Violation(_) => Blame::ViolatedByPeer,
            Self::Smb1NotServed
            | Self::FrameTooLong { .. }
            | Self::CompoundTooLong { .. }
            | Self::FrameTooSlow
            | Self::LogonTimeout
            | Self::TooManyFailedLogons => Blame::Policy,
            Self::NegotiationTampered => Blame::SomebodyInTheMiddle,
            Self::KeyUsedUp | Self::Drained | Self::Idle => Blame::Nobody,
            Self::ReplyNotFramed => Blame::CannotHappen,
        }
    }
}

/// Who or what is to blame for a closed connection. The shell never is: an input that fits nothing is
/// ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The client sent what cannot be read.
    MalformedByPeer,
    /// The client sent what can be read and is not allowed.
    ViolatedByPeer,
    /// A limit or a setting of this server.
    Policy,
    /// Somebody between client and server changed what they negotiated.
    SomebodyInTheMiddle,
    /// Nobody: the connection has come to its end.
    Nobody,
    /// This library: it reached a state that it rules out.
    CannotHappen,
}

/// What cannot be read in what a client sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Malformation {
    /// A frame does not begin as those of the direct TCP transport do ([MS-SMB2] 2.1).
    #[error("not a direct TCP frame")]
    Frame,
    /// A message has a protocol id that is not served ([MS-SMB2] 3.3.5.2).
    #[error("unknown protocol id")]
    ProtocolId,
    /// The header of a request ([MS-SMB2] 2.2.1).
    #[error("malformed header")]
    Header,
    /// The header of an encrypted message ([MS-SMB2] 2.2.41).
    #[error("malformed encrypted message")]
    TransformHeader,
    /// The NextCommand of a compound points to no place in the message ([MS-SMB2] 3.3.5.2.7).
    #[error("NextCommand leaves the message")]
    NextCommand,
}

/// How a client broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Violation {
    /// An SMB 1 message after the first message ([MS-SMB2] 3.3.5.3.1).
    #[error("SMB1 after the first message")]
    LateSmb1,
    /// A second NEGOTIATE ([MS-SMB2] 3.3.5.4).
    #[error("a second NEGOTIATE")]
    SecondNegotiate,
    /// Another request before NEGOTIATE ([MS-SMB2] 3.3.5.2.3).
    #[error("a request before NEGOTIATE")]
    BeforeNegotiate,
    /// A response, which only a server sends ([MS-SMB2] 3.3.5.2).
    #[error("a client sent a response")]
    Response,
    /// A command that the protocol does not have ([MS-SMB2] 3.3.5.2.6).
    #[error("unknown command")]
    UnknownCommand,
    /// A message id that was not granted or is used already ([MS-SMB2] 3.3.5.2.3).
    #[error("message id out of the window")]
    MessageId,
    /// A TREE_CONNECT that is neither signed nor encrypted, in 3.1.1 ([MS-SMB2] 3.3.5.7).
    #[error("unsigned TREE_CONNECT")]
    UnsignedTreeConnect,
    /// An ECHO where nobody has ever logged on ([MS-SMB2] 3.3.5.17).
    #[error("ECHO without a session")]
    EchoWithoutSession,
    /// An encrypted message of a session that has no key to decrypt it ([MS-SMB2] 3.3.5.2.1.1).
    #[error("encrypted for a session without keys")]
    EncryptedWithoutKeys,
    /// An encrypted message that does not decrypt with the session's key ([MS-SMB2] 3.3.5.2.1.1).
    #[error("an encrypted message was changed")]
    EncryptedChanged,
    /// An encrypted message that holds something else than SMB 2 messages ([MS-SMB2] 3.3.5.2.1.1).
    #[error("no SMB2 message inside an encrypted one")]
    EncryptedOther,
    /// An encrypted message that holds a request of another session ([MS-SMB2] 3.3.5.2.1.1).
    #[error("the session inside an encrypted message is another")]
    EncryptedForeignSession,
}
