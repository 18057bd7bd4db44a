//! The server's half of a connection: a state machine that serves named pipes on `IPC$`.
//!
//! One [`Connection`] stands for one transport connection. It does no I/O: bytes and events go in through
//! [`Connection::handle`], bytes come out of [`Connection::take_transmit`], and requests to the shell, the
//! program around it, come out of [`Connection::poll_output`].
//!
//! # Order of calls
//!
//! 1. After each [`Connection::handle`], send what [`Connection::take_transmit`] gives and carry out every
//!    [`Output`] until [`Connection::poll_output`] gives `None`.
//! 2. When [`Connection::next_timeout`] has passed, call `handle` with [`Input::Timeout`].
//! 3. Read from a pipe's backend only while [`Connection::wants_data`] answers `true`: that bounds what the
//!    connection holds.
//! 4. Remember the sessions of [`Output::SessionStarted`] for all connections: [`Output::EndSession`] names
//!    them.
//! 5. After [`Output::Disconnect`], send what is left to transmit and close. Every later input is ignored.
//!
//! Time is handed in as [`Now`] and must not go back. Randomness comes from the seed given to
//! [`Connection::new`], so the same seed and inputs give the same outputs.
//!
//! # Example
//!
//! A stranger sends something that is not SMB. The page of the crate has a whole call.
//!
//! ```
//! use core::time::Duration;
//! use std::sync::Arc;
//! use standpipe_security::AccountSet;
//! use standpipe_smb::FileTime;
//! use standpipe_smb::auth::ServerNames;
//! use standpipe_smb::server::{Config, Connection, Input, Now, Output};
//!
//! # let name = || "server".to_owned();
//! # let names = ServerNames {
//! #     netbios_computer: name(), netbios_domain: name(), dns_computer: name(), dns_domain: name(),
//! # };
//! let config = Arc::new(Config::new(names, [7; 16], Vec::new(), Arc::new(AccountSet::new())));
//! let now = Now { monotonic: Duration::ZERO, wall: FileTime(133_500_000_000_000_000) };
//! let mut server = Connection::new(config, [2; 32], now);
//!
//! server.handle(now, Input::Received(b"GET / HTTP/1.1\r\n\r\n"));
//! let mut outputs = std::iter::from_fn(|| server.poll_output());
//! let closes = outputs.any(|output| matches!(output, Output::Disconnect(_)));
//! assert!(closes);
//! ```

pub mod budget;
mod commands;
mod config;
mod connection;
mod disconnect;
mod dispatch;
mod event;
mod gate;
mod ids;
mod input;
mod output;
mod replies;
mod request;
mod state;

#[cfg(test)]
mod tests;

pub use config::{Config, Encryption, Limits, Pipe, PipeId, PipeMode};
pub use connection::Connection;
pub use disconnect::{Blame, DisconnectReason, Malformation, Violation};
pub use event::{Event, LogOnRefusal};
pub use gate::LogonGate;
pub use ids::{OpenId, SessionId, WaitId};
pub use input::{Input, Now, OpenFailure, ServiceEnd, WriteFailure};
pub use output::Output;
