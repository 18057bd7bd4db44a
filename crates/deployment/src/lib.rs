#![doc = include_str!("../README.md")]

mod check;
mod definition;
mod file;
mod load;
mod machine;
mod password;
mod resolve;

pub use check::Look;
pub use definition::{
    Backend, Call, Command, Deployment, Endpoint, PasswordSource, Pipe, PipeCommand, Program, Role, Service,
    StartupTask, Target, local_address,
};
pub use file::{
    Encryption, Environment, PipeEncryption, PipeMode, Problem, Problems, ProcessEnvironment, Protocol,
    Source, Span, TaskKind, Visibility, keys,
};
pub use machine::{Machine, System};
pub use password::{Password, PasswordError};
pub use resolve::names::is_role_name;
