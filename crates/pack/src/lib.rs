#![doc = include_str!("../README.md")]

mod digest;
mod error;
mod gather;
mod in_use;
mod manifest;
mod platform;
mod read;
mod unpack;
mod write;

pub use digest::Sha256Sum;
pub use error::PackError;
pub use gather::{Choice, GatherError, Gathered, GatheredFile, gather};
pub use in_use::Unpacked;
pub use manifest::{Manifest, PackedFile};
pub use read::{Pack, is_pack};
pub use unpack::{ensure, unpack};
pub use write::{Written, write};

/// The most files in a pack.
pub const MOST_FILES: usize = 100_000;

/// The most that the files of a pack hold together, in bytes.
pub const MOST_BYTES: u64 = 4 * 1024 * 1024 * 1024 - 1;
