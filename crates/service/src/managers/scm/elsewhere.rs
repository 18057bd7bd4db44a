//! The same requests on a system without a service control manager.

use std::time::Duration;

use super::{Description, Installation, Installed, ScmError};
use crate::state::Status;

/// Whether this system has a service control manager.
///
/// # Errors
/// [`ScmError::Unsupported`] when it has none.
pub const fn check_supported() -> Result<(), ScmError> {
    Err(ScmError::Unsupported)
}

/// Installs a service, or changes one that is there to these settings.
///
/// # Errors
/// Always: [`ScmError::Unsupported`].
pub const fn install(_: &Installation, _: Duration) -> Result<Installed, ScmError> {
    Err(ScmError::Unsupported)
}

/// Removes a service, and returns whether there was one.
///
/// # Errors
/// Always: [`ScmError::Unsupported`].
pub const fn remove(_: &str, _: Duration) -> Result<bool, ScmError> {
    Err(ScmError::Unsupported)
}

/// What an installed service looks like.
///
/// # Errors
/// Always: [`ScmError::Unsupported`].
pub const fn describe(_: &str) -> Result<Option<Description>, ScmError> {
    Err(ScmError::Unsupported)
}

/// Starts a service, and returns whether it did not run before.
///
/// # Errors
/// Always: [`ScmError::Unsupported`].
pub const fn start(_: &str, _: Duration) -> Result<bool, ScmError> {
    Err(ScmError::Unsupported)
}

/// Stops a service, and returns whether it ran before.
///
/// # Errors
/// Always: [`ScmError::Unsupported`].
pub const fn stop(_: &str, _: Duration) -> Result<bool, ScmError> {
    Err(ScmError::Unsupported)
}

/// What a service is doing.
///
/// # Errors
/// Always: [`ScmError::Unsupported`].
pub const fn status(_: &str) -> Result<Option<Status>, ScmError> {
    Err(ScmError::Unsupported)
}
