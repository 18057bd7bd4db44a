#![doc = include_str!("../README.md")]

mod environment;
mod exit_code;
pub mod facts;
pub mod instance;
pub mod local;
mod notify;
mod platform;
pub mod renewal;
mod spawn_hint;
mod startup;
pub mod state;
mod stop;
pub mod targets;
mod temporary;
#[cfg(test)]
#[cfg(any(target_os = "linux", windows))]
mod testing;

pub use exit_code::ExitCode;
pub use startup::{TaskFailure, TaskFailureReason};
pub use stop::Stop;
