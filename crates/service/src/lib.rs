#![doc = include_str!("../README.md")]

pub mod logs;
mod manager;
mod managers;
mod platform;
mod probe;
mod shutdown;
mod state;
mod supervisor;
pub mod watcher;

pub use manager::{Manager, StartError, StartRefused};
pub use managers::{ProcessManager, scm};
pub use probe::{Alive, All, BoxFuture, NotReady, Probe};
pub use shutdown::{Forwarded, ForwardedSignal, Shutdown};
pub use standpipe_process::Exit;
pub use state::{State, Status};
pub use supervisor::{Report, supervise};
