//! What can go wrong with a request or a connection, and whose fault it is.

use thiserror::Error;

use crate::NtStatus;
use crate::auth::client::InitiatorError;
use crate::wire::{FrameError, Malformed};

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The server refused it. A cancelled request ends like this too, with `STATUS_CANCELLED`.
    #[error("the server refused the request: {0}")]
    Refused(NtStatus),
    /// It is larger than client and server accept at once.
    #[error("{length} bytes are more than the {limit} that fit into one request")]
    TooLarge {
        /// Its length, or the length of the reply asked for, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: u32,
    },
    /// The server does not let the client send a request of this size.
    #[error("the server grants too few credits for a request of this size")]
    TooFewCredits,
    /// The connection ended first.
    #[error("{}", if *sent { "the connection ended before the reply came" } else { "the connection ended before the request was sent" })]
    Lost {
        /// Whether the request was handed to the transport, so that the server may have carried it out. When
        /// this is `false`, it is safe to ask another server.
        sent: bool,
    },
}

/// Where a connection stood when the server refused to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Agreeing on a dialect.
    Negotiate,
    /// Logging on.
    LogOn,
    /// Connecting to `IPC$`.
    TreeConnect,
    /// Confirming what was agreed on.
    Validate,
}

impl core::fmt::Display for Stage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Negotiate => "negotiation",
            Self::LogOn => "log-on",
            Self::TreeConnect => "connection to IPC$",
            Self::Validate => "confirmation of the negotiation",
        })
    }
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ConnectionError {
    /// The server refused to go on.
    #[error("the server refused the {stage}: {status}")]
    Refused {
        /// At which point.
        stage: Stage,
        /// Its status.
        status: NtStatus,
    },
    /// The server sent bytes that are no frame, or a frame longer than anything asked for.
    #[error("the server sent something that is no message for this client")]
    Frame(#[from] FrameError),
    /// The server sent a message that does not parse.
    #[error("the server sent something that cannot be read")]
    Malformed(#[from] Malformed),
    /// The server sent a message that parses, but that the protocol does not allow here.
    #[error("the server broke the protocol: {0}")]
    Violation(Violation),
    /// A reply that must be signed is not.
    #[error("the server sent a reply without a signature (its status: {status})")]
    Unsigned {
        /// The reply's status, which nobody vouches for.
        status: NtStatus,
    },
    /// A reply that must be encrypted is not.
    #[error("the server sent a reply without encryption (its status: {status})")]
    Unencrypted {
        /// The reply's status, which nobody vouches for.
        status: NtStatus,
    },
    /// A reply's signature is wrong: somebody changed it on the way, or it is not from this server.
    #[error("a reply's signature is wrong")]
    BadSignature,
    /// Somebody on the way changed what client and server agreed on.
    #[error("the negotiation was tampered with: {0}")]
    Downgrade(Downgrade),
    /// The server offers less than the client insists on.
    #[error("refused by this client's policy: {0}")]
    Policy(Unacceptable),
    /// The log-on failed on the client's side.
    #[error("the log-on failed")]
    LogOn(#[from] InitiatorError),
    /// The server took too long.
    #[error("the server did not complete the log-on in time")]
    HandshakeTimeout,
    /// The transport connection ended.
    #[error("the server closed the connection")]
    Disconnected,
    /// The server wants the user to log on again, because the log-on is too old. The server did not carry
    /// out the request that it answered like this; a new connection can ask again.
    #[error("the session has expired: the server wants the user to log on again")]
    SessionExpired,
    /// The client logged off.
    #[error("the client logged off")]
    LoggedOff,
    /// This library reached a state that it rules out.
    #[error("a defect of this client: {0}")]
    Defect(Defect),
}

/// How a server broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Violation {
    /// An encrypted message where nothing is encrypted ([MS-SMB2] 3.2.5.1.1).
    #[error("an encrypted reply to a request that was not")]
    EncryptedForPlain,
    /// An encrypted message whose header names another session ([MS-SMB2] 3.2.5.1.1).
    #[error("an encrypted reply for another session")]
    EncryptedForeignSession,
    /// A reply whose header names another session.
    #[error("a reply for another session")]
    ForeignSession,
    /// A dialect that the client did not offer ([MS-SMB2] 3.2.5.2).
    #[error("a dialect that was not offered")]
    DialectNotOffered,
    /// A largest read, write or transaction below 65,536 bytes ([MS-SMB2] 3.2.5.2).
    #[error("a maximum below 65536 bytes")]
    SmallMaximum,
    /// A NEGOTIATE response of 3.1.1 without the one hash that was offered ([MS-SMB2] 3.2.5.2).
    #[error("no hash for pre-authentication integrity")]
    NoPreauthHash,
    /// A signing algorithm that the client did not offer ([MS-SMB2] 3.2.5.2).
    #[error("a signing algorithm that was not offered")]
    SigningNotOffered,
    /// More than one signing algorithm where one is to be chosen ([MS-SMB2] 3.2.5.2).
    #[error("more than one signing algorithm")]
    SeveralSigning,
    /// A cipher that the client did not offer ([MS-SMB2] 3.2.5.2).
    #[error("a cipher that was not offered")]
    CipherNotOffered,
    /// More than one cipher where one is to be chosen ([MS-SMB2] 3.2.5.2).
    #[error("more than one cipher")]
    SeveralCiphers,
    /// A session or share that must be encrypted, where no cipher was agreed on.
    #[error("a demand for encryption without a cipher agreed on")]
    EncryptionWithoutCipher,
    /// A session with the id 0.
    #[error("a session without an id")]
    NoSessionId,
    /// A share `IPC$` that does not hold pipes.
    #[error("IPC$ that is no share of pipes")]
    NoPipeShare,
    /// A TREE_CONNECT response without a TreeId.
    #[error("a tree connect without an id")]
    NoTreeId,
    /// A NextCommand that leaves the message or is not aligned ([MS-SMB2] 3.2.5.1.9).
    #[error("a chain of replies that does not fit")]
    Chain,
    /// Keep-alives of NetBIOS, and for long nothing else.
    #[error("keep-alives and nothing else")]
    KeepAlives,
    /// A request, which only a client sends.
    #[error("a request")]
    Request,
    /// A reply to no request on its way ([MS-SMB2] 3.2.5.1.2).
    #[error("a reply that nobody waits for")]
    UnexpectedReply,
    /// A reply whose command is not that of the request.
    #[error("a reply to another command")]
    OtherCommand,
    /// A second interim reply, or one without an AsyncId ([MS-SMB2] 3.2.5.1.5).
    #[error("an interim reply that is none")]
    Interim,
    /// A final reply with another AsyncId than its interim reply.
    #[error("a final reply that does not fit its interim reply")]
    OtherAsyncId,
    /// A reply that leaves the client without any credit ([MS-SMB2] 3.3.1.2).
    #[error("no credit for the next request")]
    NoCredits,
}

/// How the client found out that somebody changed the negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Downgrade {
    /// The server closed the connection when it was to confirm the offer ([MS-SMB2] 3.3.5.15.12).
    #[error("the server hung up when it was told what this client had offered")]
    Hangup,
    /// The server's confirmation differs from its NEGOTIATE response ([MS-SMB2] 3.2.5.14.12).
    #[error("the server remembers it differently")]
    Differs,
}

/// Why the client does not accept what a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Unacceptable {
    /// [`Encryption::Required`](super::Encryption::Required), and the server chose none of
    /// [`Config::ciphers`](super::Config::ciphers).
    #[error("encryption is required, and the server takes none of this client's ciphers")]
    NoSharedCipher,
    /// [`Encryption::Required`](super::Encryption::Required), and the dialect has no encryption.
    #[error("encryption is required, and the server speaks no SMB 3, which has it")]
    NoSmb3,
    /// [`Encryption::Off`](super::Encryption::Off), and the session or share must be encrypted.
    #[error("encryption is off, and the server insists on it")]
    EncryptionOff,
    /// The server lets the user in without a proof.
    #[error("a session without a password")]
    NoPassword,
    /// The server let the user in as a guest.
    #[error("the server made this a guest session")]
    Guest,
    /// The server let the user in as nobody.
    #[error("the server made this an anonymous session")]
    Anonymous,
}

/// A state that this client rules out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Defect {
    /// A reply to a message of the handshake arrived after the handshake.
    #[error("a reply to the handshake after it")]
    LateHandshake,
}

/// Who or what is to blame for the end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Blame {
    /// The server sent what cannot be read.
    MalformedByPeer,
    /// The server sent what can be read and is not allowed.
    ViolatedByPeer,
    /// The server refused, as it may.
    Refused,
    /// A setting of this client, which the server does not satisfy.
    Policy,
    /// Somebody between client and server, or a server that is not the one it claims to be.
    SomebodyInTheMiddle,
    /// The caller gave the client something that cannot work.
    Caller,
    /// The network, or a server that is gone or slow.
    Transport,
    /// Nobody: the connection has come to its end.
    Nobody,
    /// This library: it reached a state that it rules out.
    CannotHappen,
}

impl ConnectionError {
    /// Who or what is to blame.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Refused { .. } => Blame::Refused,
            Self::Frame(FrameError::UnknownKind(_)) | Self::Malformed(_) => Blame::MalformedByPeer,
            Self::Frame(FrameError::TooLong { .. }) | Self::Violation(_) => Blame::ViolatedByPeer,
            Self::Unsigned { .. } | Self::Unencrypted { .. } | Self::BadSignature | Self::Downgrade(_) => {
                Blame::SomebodyInTheMiddle
            }
            Self::Policy(_) => Blame::Policy,
            Self::LogOn(error) => match error {
                InitiatorError::NoNtlm | InitiatorError::TooWeak | InitiatorError::Unnamed => Blame::Policy,
                InitiatorError::Rejected => Blame::Refused,
                InitiatorError::BadMechListMic => Blame::SomebodyInTheMiddle,
                InitiatorError::TooLong => Blame::Caller,
                InitiatorError::Malformed(_) => Blame::MalformedByPeer,
            },
            Self::HandshakeTimeout | Self::Disconnected => Blame::Transport,
            Self::SessionExpired | Self::LoggedOff => Blame::Nobody,
            Self::Defect(_) => Blame::CannotHappen,
        }
    }
}

macro_rules! kinds {
    ($($kind:ident => $variant:ident,)*) => {
        $(impl From<$kind> for ConnectionError {
            fn from(kind: $kind) -> Self {
                Self::$variant(kind)
            }
        })*
    };
}

kinds! {
    Violation => Violation,
    Downgrade => Downgrade,
    Unacceptable => Policy,
    Defect => Defect,
}
