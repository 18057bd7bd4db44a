#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(test, allow(missing_docs))]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod auth;
pub mod client;
pub mod crypto;
mod numbers;
pub mod server;
mod status;
pub mod wire;

pub use status::NtStatus;
pub use wire::{Dialect, FileTime};
