#![doc = include_str!("../README.md")]

mod addresses;
mod check;
mod definition;
pub mod facts;
mod file;
mod filter;
mod load;
mod machine;
mod password;
mod resolve;
mod stop;

pub use addresses::{AddressSource, AddressSourceError, TargetAddresses};
pub use check::Look;
pub use definition::{
    Backend, Call, Command, Content, Deployment, Endpoint, EventSource, ExpectedReply, Health, Limits,
    LocalStorage, Logs, PasswordSource, Pipe, PipeCommand, Probe, Program, Question, Role, Service,
    StartupTask, Target, Wine, local_address,
};
pub use file::{
    Encryption, Environment, NoVariables, OnSettingsChange, PipeEncryption, PipeMode, PortChoice, Ports,
    Problem, Problems, ProcessEnvironment, Protocol, Recovery, Source, Span, TaskKind, Visibility,
    WhenPaused, keys,
};
pub use filter::EnvironmentFilter;
pub use machine::{Machine, System};
pub use password::{Password, PasswordError};
pub use resolve::names::is_role_name;
pub use stop::{FOREGROUND_GRACE, TASK_GRACE};
