//! The managers: one module for each way in which a service can be run.
//!
//! Each implements [`Manager`](crate::Manager), and turns its own errors into a
//! [`StartRefused`](crate::StartRefused).

mod process;
pub mod scm;

pub use process::ProcessManager;
