//! Who is at the other end of a pipe.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use standpipe_security::{Sid, Token};

/// The client that opened a pipe, as the server knows it: logged on, and past the pipe's access check.
///
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    account: Arc<str>,
    token: Arc<Token>,
    address: SocketAddr,
    pipe: Arc<str>,
}

impl Caller {
    /// Who opened a pipe: the account, what access checks know of it, the address its connection comes from,
    /// and the pipe's name. Only a server that has checked all this can say so.
    pub fn new(account: Arc<str>, token: Arc<Token>, address: SocketAddr, pipe: Arc<str>) -> Self {
        Self { account, token, address, pipe }
    }

    /// The name of the account that logged on.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The account's SID.
    pub fn sid(&self) -> &Sid {
        self.token.user()
    }

    /// The groups that the account belongs to, those that every log-on over the network gives included.
    pub fn groups(&self) -> &[Sid] {
        self.token.groups()
    }

    /// What access checks of the service's own need to know of the caller.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The address that the client's connection comes from.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The name of the pipe, as the server offers it.
    pub fn pipe(&self) -> &str {
        &self.pipe
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("account", &self.account)
            .field("sid", &self.sid().to_string())
            .field("address", &self.address)
            .field("pipe", &self.pipe)
            .finish_non_exhaustive()
    }
}
