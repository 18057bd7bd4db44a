#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

pub mod backend;
mod caller;
pub mod connection;
mod greeting;
pub mod listener;
mod memory;
mod mode;
mod name;
pub mod native;
mod platform;

pub use caller::Caller;
pub use greeting::GreetingError;
pub use mode::{Mode, UnknownMode};
pub use name::{NameError, PipeName};
