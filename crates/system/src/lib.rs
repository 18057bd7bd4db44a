#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

mod concealment;
pub mod error;
pub mod folder;
pub mod foreign;
mod found;
pub mod machine;
mod platform;
pub mod portable;
pub mod private_file;
pub mod process_prng;
pub mod time;
pub mod user;

pub use concealment::{conceal, confine, hide_environment};
pub use found::Found;
#[cfg(windows)]
pub use platform::{registry, wide, wide_name};
