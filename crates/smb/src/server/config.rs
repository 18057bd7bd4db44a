//! What a server offers and where its limits are.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use standpipe_security::{Accounts, SecurityDescriptor};

use crate::Dialect;
use crate::auth::ServerNames;
use crate::crypto::provider::{Provider, RUST_CRYPTO};

/// What a server offers: shared by all of its connections.
pub struct Config {
    /// The names that clients learn during log-on.
    pub names: ServerNames,
    /// Distinguishes this server from others ([MS-SMB2] 2.2.4); random for each installation.
    pub guid: [u8; 16],
    /// The pipes that can be opened.
    pub pipes: Vec<Pipe>,
    /// The accounts that may log on.
    pub accounts: Arc<dyn Accounts>,
    /// Whether every request of a logged-on client must be signed. Otherwise each client decides.
    pub require_signing: bool,
    /// Whether messages can or must be encrypted.
    pub encryption: Encryption,
    /// The lifetime of a log-on. After it the session is expired ([MS-SMB2] 3.3.5.2.9): what is open stays
    /// open, but is of no use until the same user logs on again. A user whose account was removed, disabled
    /// or given another password cannot. After another lifetime the session ends with everything open in it.
    /// `None` for no end, as Windows has it with NTLM.
    pub session_lifetime: Option<Duration>,
    /// Whether the tokens of administrators are filtered
    /// ([`Token::filtered`](standpipe_security::Token::filtered)).
    pub filter_administrators: bool,
    /// The oldest dialect accepted.
    pub min_dialect: Dialect,
    /// The newest dialect accepted.
    pub max_dialect: Dialect,
    /// Limits on what a client can make the server hold, and on time.
    pub limits: Limits,
    /// What signs and encrypts.
    pub crypto: &'static dyn Provider,
}

impl Config {
    /// Every dialect, signing required, encryption for clients that want it, log-ons without an end, and the
    /// default limits.
    #[must_use]
    pub fn new(names: ServerNames, guid: [u8; 16], pipes: Vec<Pipe>, accounts: Arc<dyn Accounts>) -> Self {
        Self {
            names,
            guid,
            pipes,
            accounts,
            require_signing: true,
            encryption: Encryption::default(),
            session_lifetime: None,
            filter_administrators: true,
            min_dialect: Dialect::Smb202,
            max_dialect: Dialect::Smb311,
            limits: Limits::default(),
            crypto: RUST_CRYPTO,
        }
    }

    /// The pipe of this name, compared without regard to case; `name` is bare (`simple`, not
    /// `\pipe\simple`).
    #[must_use]
    pub fn find_pipe(&self, name: &str) -> Option<PipeId> {
        let wanted = standpipe_security::upcase(name);
        let named = self.pipes.iter().position(|pipe| standpipe_security::upcase(&pipe.name) == wanted);
        named.map(PipeId)
    }

    /// Whether only encrypted requests open and use this pipe.
    pub(super) fn requires_encryption(&self, pipe: PipeId) -> bool {
        self.pipes.get(pipe.0).is_some_and(|pipe| pipe.require_encryption)
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("pipes", &self.pipes)
            .field("min_dialect", &self.min_dialect)
            .field("max_dialect", &self.max_dialect)
            .field("limits", &self.limits)
            .field("crypto", &self.crypto)
            .finish_non_exhaustive()
    }
}

/// Whether messages can or must be encrypted ([MS-SMB2] 3.3.1.5 *EncryptData* and *RejectUnencryptedAccess*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Nothing is encrypted: messages are only signed.
    Off,
    /// Each client decides whether it encrypts.
    #[default]
    Offered,
    /// Only encrypted requests are answered; clients that cannot encrypt cannot log on.
    Required,
}

/// A pipe's place in [`Config::pipes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PipeId(pub usize);

/// A named pipe that the server offers.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// The bare name, without `\pipe\`. Compared without regard to case.
    pub name: String,
    /// Which users may open it, with which rights. The descriptor of the service's end
    /// ([`ServiceEnd`](super::ServiceEnd)) can only narrow this. `None` leaves the decision to that one; if
    /// the service's end has none either, nobody may open the pipe.
    pub security_descriptor: Option<SecurityDescriptor>,
    /// How many opens there may be at once over all connections; `None` for no limit. The shell counts opens
    /// and enforces this; here it only goes to clients that ask.
    pub max_instances: Option<u32>,
    /// Whether only encrypted requests open and use it. `IPC$` is one share for all pipes, so a tree connect
    /// cannot demand this ([MS-SMB2] 3.3.5.7 *EncryptData*): it is checked at CREATE, and with every request
    /// on the open.
    pub require_encryption: bool,
}

/// Whether each write is a message, or bytes flow without boundaries (the *type* of a pipe in Windows).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PipeMode {
    /// Bytes without boundaries (`PIPE_TYPE_BYTE`).
    Byte,
    /// Each write is one message (`PIPE_TYPE_MESSAGE`).
    Message,
}

/// Limits on what one connection can make the server hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest frame before a user has logged on, in bytes.
    pub frame_before_logon: usize,
    /// The largest read, write or transceive of clients of 2.1 and later, in bytes; at least 65,536.
    pub max_transfer: u32,
    /// How long a connection may exist without a valid session ([MS-SMB2] 3.3.6.3: 45 s).
    pub logon_timeout: Duration,
    /// Failed log-ons on one connection before it is closed.
    pub failed_logons: u32,
    /// Sessions, those being set up included; until a user has logged on, two at most.
    pub sessions: usize,
    /// Tree connects in one session.
    pub trees: usize,
    /// Opens over all sessions.
    pub opens: usize,
    /// Credits a client can hold. At most 512.
    pub credits: u16,
    /// Requests that wait for a service.
    pub pending: usize,
    /// Requests that wait for a pipe to come up (`FSCTL_PIPE_WAIT`), which the pipe's descriptor does not
    /// restrict.
    pub waits: usize,
    /// Requests in one compound.
    pub compound: usize,
    /// Bytes of a service's output held for one open until the client reads them.
    pub read_ahead: usize,
    /// Bytes that wait for backends: written data and the rest of compounds, over all opens.
    pub write_backlog: usize,
    /// How long a frame may take to arrive whole once it has begun, and how many bytes of it a second must
    /// come in the time beyond.
    pub frame_time: Duration,
    /// See [`Self::frame_time`]; at least 1.
    pub frame_rate: usize,
    /// How long a connection of users is kept on which nothing is open and nothing happens.
    pub idle_time: Duration,
    /// How long a request stays unanswered before the client gets an interim reply.
    pub interim_after: Duration,
    /// The same for a client with few credits left, which may need those that come with the interim reply.
    pub interim_after_for_few_credits: Duration,
    /// The longest a client may wait for a pipe (`FSCTL_PIPE_WAIT`).
    pub max_pipe_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_before_logon: 20 * 1024,
            max_transfer: 1024 * 1024,
            logon_timeout: Duration::from_secs(45),
            failed_logons: 10,
            sessions: 16,
            trees: 16,
            opens: 1024,
            credits: 512,
            pending: 512,
            waits: 64,
            compound: 64,
            read_ahead: 64 * 1024,
            write_backlog: 4 * 1024 * 1024,
            frame_time: Duration::from_secs(20),
            frame_rate: 16 * 1024,
            idle_time: Duration::from_mins(15),
            interim_after: Duration::from_millis(20),
            interim_after_for_few_credits: Duration::from_millis(1),
            max_pipe_wait: Duration::from_mins(1),
        }
    }
}
