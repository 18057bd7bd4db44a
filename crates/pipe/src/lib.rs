//! Named pipes in use: the listener a service offers its pipe with, the server that takes pipes to the
//! network, the client and the balancer that call them, and the file of accounts that may log in.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`listener`] | for services: offer a pipe on this machine |
//! | [`server`] | takes this machine's pipes to the network |
//! | [`client`] | calls pipes of other machines |
//! | [`balancer`] | calls one pipe over several instances |
//! | [`relay`] | offers a pipe of another machine on this one |
//! | [`backend`] | where a served pipe leads on this machine |
//! | [`accounts`] | the file of accounts that may log in |
//! | [`load`] | measures how fast a pipe answers |
//!
//! What differs between operating systems is in `platform`.
#![cfg_attr(test, allow(missing_docs))]

pub mod accounts;
pub mod backend;
pub mod balancer;
mod caller;
pub mod client;
mod clock;
mod connection;
pub mod listener;
pub mod load;
mod memory;
mod mode;
mod name;
mod outgoing;
mod platform;
mod preamble;
pub mod relay;
mod scratch;
pub mod server;

pub use caller::Caller;
pub use mode::{Mode, UnknownMode};
pub use name::{NameError, PipeName};
