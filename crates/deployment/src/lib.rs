//! The deployment file, startup tasks, instances and the local runtime.
//!
//! A deployment file is read in two steps. The *parsed* form is what the file says; the *resolved* form
//! ([`Deployment`]) is what that means, with defaults put in and every reference followed. Mistakes are collected on the
//! way and come out together as [`Problems`], each with its line.

mod check;
mod definition;
mod environment;
mod file;
pub mod instance;
mod load;
pub mod local;
mod password;
mod permissions;
mod resolve;
mod spawn_hint;
mod startup;
pub mod state;
mod stop;
#[cfg(test)]
#[cfg(target_os = "linux")]
mod testing;

pub use check::Look;
pub use definition::{
    Backend, Call, Command, Deployment, Endpoint, PasswordSource, Pipe, Program, Role, Service, StartupTask,
    Target, local_address,
};
pub use file::{
    Encryption, Environment, PipeEncryption, PipeMode, Problem, Problems, ProcessEnvironment, Protocol,
    Source, Span, TaskKind, Visibility, keys,
};
pub use password::{Password, PasswordError};
pub use startup::{TaskFailure, TaskFailureReason};
pub use stop::Stop;
