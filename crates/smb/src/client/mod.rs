//! The client's half of a connection: a state machine that logs on, connects to `IPC$` and calls named pipes,
//! many requests at a time.
//!
//! One [`Connection`] stands for one transport connection and one log-on. It does no I/O: bytes go in through
//! [`Connection::handle`], bytes and events come out of [`Connection::take_transmit`] and
//! [`Connection::poll_event`]. Randomness comes from a seed, time is an argument, so the same inputs give the
//! same outputs.
//!
//! # Order of calls
//!
//! 1. [`Connection::new`] as soon as the transport is connected.
//! 2. Ask for things at any time: [`Connection::request`] takes an [`Operation`] and gives a [`RequestId`]. A
//!    request before [`Event::Ready`], or beyond what the server allows at once, waits inside.
//! 3. After every call that takes `&mut self`, send what [`Connection::take_transmit`] gives and look at
//!    every event that [`Connection::poll_event`] gives. Each request ends in exactly one
//!    [`Event::Completed`].
//! 4. When [`Connection::next_timeout`] has passed, call `handle` with [`Input::Timeout`]; when the transport
//!    ends, with [`Input::Disconnected`].
//! 5. After [`Event::Closed`], send what is left and close the transport. There are no more events, and every
//!    later request ends at once.
//!
//! # Example
//!
//! The transport ends before the server answers. The page of the crate has a whole call.
//!
//! ```
//! use core::time::Duration;
//! use standpipe_smb::FileTime;
//! use standpipe_smb::auth::client::Credentials;
//! use standpipe_smb::client::{Config, Connection, Event, Input, Operation, READ_WRITE};
//!
//! let config = Config::new("server", Credentials::from_password("anna", "", "correct horse"));
//! let mut client = Connection::new(config, [1; 32], Duration::ZERO, FileTime(133_500_000_000_000_000));
//! let opening = client.request(Operation::Open { name: "simple".into(), access: READ_WRITE });
//!
//! let mut bytes = Vec::new();
//! assert!(client.take_transmit(&mut bytes), "the first message is for the transport");
//!
//! client.handle(Duration::from_secs(1), Input::Disconnected);
//! assert!(matches!(
//!     client.poll_event(),
//!     Some(Event::Completed { request, result: Err(_) }) if request == opening
//! ));
//! assert!(matches!(client.poll_event(), Some(Event::Closed(_))));
//! ```
//!
//! # What the client insists on
//!
//! Every message after the log-on is signed both ways and verified; only the interim "it is pending" may come
//! without a signature ([MS-SMB2] 3.2.5.1.3). With [`Encryption`], every message is encrypted instead, and
//! no reply may come in the clear. Guest and anonymous sessions are refused. What was agreed on is
//! confirmed: by the pre-authentication hash in 3.1.1, by `FSCTL_VALIDATE_NEGOTIATE_INFO` in older dialects.

mod connection;
mod error;
mod flight;
mod handshake;
mod protection;
mod reply;
mod request;
mod writer;

pub use connection::Connection;
pub use error::{Blame, ConnectionError, Defect, Downgrade, RequestError, Stage, Unacceptable, Violation};
pub use request::Operation;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use standpipe_security::AccessMask;

use crate::Dialect;
use crate::auth::client::Credentials;
use crate::crypto::provider::{Provider, RUST_CRYPTO};
use crate::crypto::{Cipher, SigningAlgorithm};
use crate::wire::FileId;

/// The rights of a client that reads and writes: `GENERIC_READ | GENERIC_WRITE` as Windows maps it for pipes.
pub const READ_WRITE: AccessMask = AccessMask(0x0012_019F);

/// The server to talk to, the user, and how to talk.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's name or address as the user gave it, for `\\host\IPC$` and for the server's principal
    /// name.
    pub host: String,
    /// The user that logs on, with the password's hash.
    pub credentials: Credentials,
    /// The oldest dialect offered.
    pub min_dialect: Dialect,
    /// The newest dialect offered; at least `min_dialect`.
    pub max_dialect: Dialect,
    /// The signing algorithms offered in 3.1.1, best first. Empty to offer none, which means AES-CMAC.
    pub signing: Vec<SigningAlgorithm>,
    /// Whether messages are encrypted.
    pub encryption: Encryption,
    /// The ciphers offered in 3.1.1, best first, unless encryption is off. Older dialects have AES-128-CCM
    /// and no choice.
    pub ciphers: Vec<Cipher>,
    /// The session of an earlier connection that this one takes the place of, such as one that was lost: the
    /// server ends it, with what was open in it, when the same user logs on ([MS-SMB2] 3.3.5.5.3).
    pub previous_session: Option<u64>,
    /// What a server can make the client hold, and how long it may take.
    pub limits: Limits,
    /// What signs and encrypts.
    pub crypto: &'static dyn Provider,
}

impl Config {
    /// Every dialect, every signing algorithm, every cipher for servers that ask for encryption, and the
    /// default limits.
    pub fn new(host: &str, credentials: Credentials) -> Self {
        Self {
            host: host.into(),
            credentials,
            min_dialect: Dialect::Smb202,
            max_dialect: Dialect::Smb311,
            signing: vec![SigningAlgorithm::AesGmac, SigningAlgorithm::AesCmac, SigningAlgorithm::HmacSha256],
            encryption: Encryption::default(),
            ciphers: vec![Cipher::Aes128Gcm, Cipher::Aes256Gcm, Cipher::Aes128Ccm, Cipher::Aes256Ccm],
            previous_session: None,
            limits: Limits::default(),
            crypto: RUST_CRYPTO,
        }
    }
}

/// Whether messages are encrypted, beyond being signed. Only SMB 3 can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Never. No cipher is offered, and the client gives up a server that insists on encryption.
    Off,
    /// When the server asks for it, for the session (`SMB2_SESSION_FLAG_ENCRYPT_DATA`) or for `IPC$`
    /// (`SMB2_SHAREFLAG_ENCRYPT_DATA`): then everything after that is.
    #[default]
    WhenAsked,
    /// Everything after the log-on. The client gives up a server that cannot encrypt before it logs on.
    Required,
}

/// Limits of one connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take from [`Connection::new`] to [`Event::Ready`].
    pub handshake_timeout: Duration,
    /// The largest read, write or transceive, in bytes; the server's own limit may be lower. At least 65,536.
    pub max_transfer: u32,
    /// How many credits to ask for: about as many requests can be on their way at once.
    pub credits: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { handshake_timeout: Duration::from_secs(10), max_transfer: 1024 * 1024, credits: 256 }
    }
}

/// An event for the connection.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// Bytes arrived from the server, split anywhere.
    Received(&'a [u8]),
    /// The time of [`Connection::next_timeout`] has come.
    Timeout,
    /// The transport connection ended.
    Disconnected,
}

/// Names one request within its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// Names one open pipe within its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpenPipe(FileId);

/// Whether reads keep the boundaries of messages, [MS-FSCC] 2.4.37.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// Reads give whatever bytes there are: the mode of a pipe that was just opened.
    Byte,
    /// Each read gives one message, or the part of it that fits.
    Message,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The client is logged on and connected to `IPC$`.
    Ready(Ready),
    /// A request ended.
    Completed {
        /// Which request.
        request: RequestId,
        /// How.
        result: Result<Reply, RequestError>,
    },
    /// The connection is over. Every request was completed before.
    Closed(ConnectionError),
}

/// What was agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Names the session, for [`Config::previous_session`].
    pub session_id: u64,
    /// The dialect.
    pub dialect: Dialect,
    /// How messages are signed.
    pub signing: SigningAlgorithm,
    /// The cipher of the messages, which are then not signed. `None` when they are only signed.
    pub encryption: Option<Cipher>,
    /// The largest read in bytes.
    pub max_read: u32,
    /// The largest write in bytes.
    pub max_write: u32,
    /// The largest transceive in bytes, each way.
    pub max_transceive: u32,
}

/// The good end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// [`Operation::Open`]: the pipe is open.
    Opened(OpenPipe),
    /// [`Operation::Read`] and [`Operation::Transceive`]: what the service wrote.
    Data(Data),
    /// [`Operation::Read`], [`Operation::Transceive`] and [`Operation::Peek`]: the service closed or
    /// disconnected its end, and nothing is left to read.
    End,
    /// [`Operation::Write`]: how many bytes the pipe took.
    Written(u32),
    /// [`Operation::Peek`]: what could be read now.
    Peeked(Peeked),
    /// Every other request: it is done.
    Done,
}

/// What was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Data {
    /// The bytes. There are none when the message is empty.
    pub bytes: Vec<u8>,
    /// Whether this is only the beginning of a message, whose rest the next read gives
    /// (`STATUS_BUFFER_OVERFLOW`).
    pub more: bool,
}

impl core::fmt::Debug for Data {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What goes through a pipe is not for logs.
        f.debug_struct("Data").field("length", &self.bytes.len()).field("more", &self.more).finish()
    }
}

/// What could be read, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peeked {
    /// How many bytes could be read.
    pub available: u32,
    /// How many messages could be read; 0 for a byte pipe.
    pub messages: u32,
    /// How long the first message is, in bytes; 0 for a byte pipe.
    pub message_length: u32,
    /// The first bytes of what could be read.
    pub data: Data,
}
