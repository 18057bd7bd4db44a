//! Services: the managers that start, stop and query them, and the watcher that decides.
//!
//! * [`watcher`]: the pure core. It is told what happens and what time it is, and says what to do.
//! * [`Manager`]: what does it: [`ProcessManager`] runs a service as a process of its own.
//! * [`supervise`]: the shell that joins the two.
//! * [`process`]: processes whose whole tree ends with them and whose output is kept; startup tasks and the
//!   local runtime use them too.

mod manager;
mod probe;
pub mod process;
mod shutdown;
mod state;
mod supervisor;
pub mod watcher;

pub use manager::{Manager, StartError};
pub use probe::{Alive, All, BoxFuture, NotReady, Probe};
pub use process::manager::ProcessManager;
pub use shutdown::Shutdown;
pub use state::{Exit, State, Status};
pub use supervisor::{Report, supervise};
