//! What strangers can send, sent at random.
//!
//! Each function takes any bytes and panics when a promise is broken. libFuzzer calls them through `fuzz_targets`;
//! `tests/twins.rs` calls them with the seeds and with mutations of the seeds, so that they cannot rot.
//!
//! | function | what it feeds |
//! | --- | --- |
//! | [`connection`] | the server's connection, before and after a log-on, with frames, messages and events |
//! | [`logon`] | the acceptor of SPNEGO and NTLM |
//! | [`descriptor`] | binary security descriptors |
//! | [`sddl`] | security descriptors as text |
#![expect(clippy::expect_used, reason = "a broken promise must end the run")]

mod bytes;
mod client;
mod connection;
mod descriptor;
mod logon;
mod world;

pub use connection::connection;
pub use descriptor::{descriptor, sddl};
pub use logon::logon;
