//! The manager that controls a service of Windows through the service control manager (SCM).
//!
//! What needs no Windows, the meaning of its errors among it, is the same on every system.

mod code;
#[cfg(any(windows, test))]
mod environment;
mod error;
mod installation;
mod options;
mod recovery;
#[cfg(any(windows, test))]
mod step;

#[cfg(windows)]
mod control;
#[cfg(not(windows))]
mod elsewhere;
#[cfg(windows)]
mod follower;
#[cfg(windows)]
mod installer;
#[cfg(windows)]
mod manager;

pub use code::WindowsCode;
pub(crate) use error::DisplayExit;
pub use error::{Blocker, ScmError, display_exit};
pub use installation::{
    Description, Installation, Installed, LOCAL_SYSTEM, StartType, account_name, check_service_name,
};
pub use options::{ScmOptions, WhenPaused};
pub use recovery::{Recovery, RecoveryAction, RecoveryActions, RecoveryKind, removal_command};

#[cfg(windows)]
pub use control::{check_supported, start, status, stop};
#[cfg(not(windows))]
pub use elsewhere::{check_supported, describe, install, remove, start, status, stop};
#[cfg(windows)]
pub use installer::{describe, install, remove};
#[cfg(windows)]
pub use manager::ScmManager;
