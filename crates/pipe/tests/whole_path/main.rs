//! The way of a call through everything of this crate: client, network, server, local pipe, service, and back.
#![cfg(unix)]

mod balancing;
mod calls;
mod refusals;
mod support;
