//! The client core against the server core: see `standpipe-pair` for the network between them.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod calls;
mod encryption;
mod network;
