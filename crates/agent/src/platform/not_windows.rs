//! Where there are no services of Windows.

use crate::inside::AgentError;

/// Serves a host on this process's standard input and output, inside of Wine.
///
/// # Errors
/// Always: this is no program for Windows.
pub fn serve_on_standard_handles() -> Result<(), AgentError> {
    Err(AgentError::NotWindows)
}
