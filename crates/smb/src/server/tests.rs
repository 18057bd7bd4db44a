//! Whole connections, from bytes to bytes.
