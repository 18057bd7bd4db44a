//! The error response, [MS-SMB2] 2.2.2.

use alloc::vec::Vec;

/// Appends an error response's body without error data, which is what every failure of a pipe carries but
/// one.
pub fn encode_error(out: &mut Vec<u8>) {
    // StructureSize 9, ErrorContextCount 0, Reserved, ByteCount 0, and the one byte that must be there.
    out.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/// Appends the error response to STATUS_BUFFER_TOO_SMALL, which says how large the buffer must be. In dialect
/// 3.1.1 the number is wrapped in an error context ([MS-SMB2] 2.2.2.1).
pub fn encode_buffer_too_small(out: &mut Vec<u8>, needed: u32, in_context: bool) {
    if in_context {
        out.extend_from_slice(&[9, 0, 1, 0, 12, 0, 0, 0]);
        out.extend_from_slice(&[4, 0, 0, 0, 0, 0, 0, 0]);
    } else {
        out.extend_from_slice(&[9, 0, 0, 0, 4, 0, 0, 0]);
    }
    out.extend_from_slice(&needed.to_le_bytes());
}
