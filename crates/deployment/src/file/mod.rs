//! The deployment file as it is written: its text, its values with their places, and what is wrong with it.

pub mod keys;
pub(crate) mod parsed;
mod ports;
mod probe;
mod problem;
mod reader;
mod text;

pub use parsed::{
    Encryption, OnSettingsChange, PipeEncryption, PipeMode, PortChoice, Protocol, Recovery, TaskKind,
    Visibility, WhenPaused,
};
pub(crate) use parsed::{ProbeMatch, ProbeType};
pub use ports::Ports;
pub use problem::{Problem, Problems, Source, Span};
pub(crate) use reader::{Field, list_of, nearest};
pub use text::{Environment, NoVariables, ProcessEnvironment};
pub(crate) use text::{Text, is_variable_name};
