//! Mode bits.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;

/// Whether anybody but the owner can read or change the file.
pub(crate) fn others_can_read(metadata: &Metadata) -> bool {
    metadata.permissions().mode() & 0o066 != 0
}
