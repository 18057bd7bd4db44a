#![doc = include_str!("../README.md")]

mod command_line;
mod configuration;
mod document;
mod ledger;
mod map;
mod names;
mod outline;
mod package;
mod references;
mod report;
mod script;
mod write;
mod xpath;

use std::path::PathBuf;

pub use map::{Content, Import, NoContent, Options, Platform, import};
pub use package::{Package, PackageError};
pub use report::{Entry, Outcome, Report};

/// A file as it was found: its path for messages, and its bytes.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}
