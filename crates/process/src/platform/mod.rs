//! What differs between systems: sessions, process handles, signals, job objects, and which files are
//! programs.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as processes;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as processes;
#[cfg(not(any(target_os = "linux", windows)))]
mod unsupported;
#[cfg(not(any(target_os = "linux", windows)))]
use unsupported as processes;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as programs;
#[cfg(windows)]
use windows as programs;

pub use processes::Tree;
pub(crate) use processes::{Child, check, end_abandoned, spawn, spawn_on, user_ids};
pub use programs::end_process;
pub(crate) use programs::{is_executable, program_names};
