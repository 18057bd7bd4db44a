#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

pub mod error;
pub mod folder;
pub mod machine;
mod platform;
pub mod private_file;
pub mod user;
