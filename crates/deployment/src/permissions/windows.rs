//! Windows keeps this in access-control lists, which folders hand down; they are not looked at yet.

use std::fs::Metadata;

/// Not looked at yet.
pub(crate) fn others_can_read(_metadata: &Metadata) -> bool {
    false
}
