#![doc = include_str!("../README.md")]

mod check;
mod definition;
mod file;
mod filter;
mod load;
mod machine;
mod password;
mod resolve;

pub use check::Look;
pub use definition::{
    Backend, Call, Command, Deployment, Endpoint, EventSource, Logs, PasswordSource, Pipe, PipeCommand,
    Program, Role, Service, StartupTask, Target, Wine, local_address,
};
pub use file::{
    Encryption, Environment, PipeEncryption, PipeMode, Problem, Problems, ProcessEnvironment, Protocol,
    Recovery, Source, Span, TaskKind, Visibility, WhenPaused, keys,
};
pub use filter::EnvironmentFilter;
pub use machine::{Machine, System};
pub use password::{Password, PasswordError};
pub use resolve::names::is_role_name;
