#![doc = include_str!("../README.md")]

mod command_line;
mod error;
mod exit;
pub mod machine;
#[cfg(any(target_os = "linux", windows, test))]
mod output;
mod platform;
mod process;
pub mod program;
mod spec;
mod tail;

pub use command_line::command_line;
pub use error::SpawnError;
pub use exit::Exit;
pub use platform::{Tree, end_process};
pub use process::{Process, Socket, check, end_abandoned, spawn, spawn_on, spawn_wired, user_ids};
pub use spec::{Ask, Orphaned, Output, ProcessSpec};
pub use tail::Tail;
