//! Keys, signing and encryption.
