//! What strangers can send, sent at random.
//!
//! Each function takes any bytes and panics when a promise is broken. libFuzzer calls them through
//! `fuzz_targets`; `tests/twins.rs` calls them with the seeds and with mutations of the seeds, so that they
//! cannot rot.
//!
//! | function | what it feeds |
//! | --- | --- |
//! | [`connection`] | the server's connection, before and after a log-on, with frames, messages and events |
//! | [`sessions`] | the same with clients that keep to the protocol and hold the server to it |
//! | [`client`] | the client's connection, with somebody between it and the server |
//! | [`logon`] | the acceptor of SPNEGO and NTLM |
//! | [`initiator`] | the initiator of SPNEGO and NTLM |
//! | [`descriptor`] | binary security descriptors |
//! | [`sddl`] | security descriptors as text |
//! | [`import`] | definitions and configurations of Cloud Services |
//! | [`pack`] | packs, and packages of Cloud Services |
//! | [`page`] | the web page and the bridge, with what a connection brings |
//! | [`accounts`] | the file of accounts |
#![expect(clippy::expect_used, reason = "a broken promise must end the run")]

mod accounts;
mod bytes;
mod client;
mod connection;
mod deployment;
mod descriptor;
mod initiator;
#[cfg(test)]
mod lengths;
mod logon;
pub mod memory;
mod page;
mod peer;
mod sessions;
mod shell;
mod tap;
mod world;

pub use accounts::accounts;
pub use client::client;
pub use connection::connection;
pub use deployment::{import, pack};
pub use descriptor::{descriptor, sddl};
pub use initiator::initiator;
pub use logon::logon;
pub use page::page;
pub use sessions::sessions;
