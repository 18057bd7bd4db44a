//! Mode bits.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;

/// Whether anybody but the owner can read or change the file.
pub(crate) fn others_can_read(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o066 != 0
}

/// Whether it is a file that somebody may execute.
pub(crate) fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}
