//! The managers: one module for each way in which a service can be run.
//!
//! Each implements [`Manager`](crate::Manager), and turns its own errors into a
//! [`StartRefused`](crate::StartRefused). The service control manager of Windows (`scm`) and an agent on
//! another machine (`agent`) will stand here beside `process`.

mod process;

pub use process::ProcessManager;
