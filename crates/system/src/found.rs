//! What is found at a path, with who may touch it.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

use crate::platform;

/// What is found at a path or behind an open file: what the system says about it, and who may touch it.
///
/// On Unix the mode bits are a part of the metadata. On Windows the access list is read beside it, which
/// needs the right `READ_CONTROL`: an owner always has it.
#[derive(Debug, Clone)]
pub struct Found {
    metadata: Metadata,
    #[cfg_attr(unix, expect(dead_code, reason = "the metadata says it"))]
    pub(crate) access: platform::Access,
}

impl Found {
    /// What `path` leads to.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn at(path: &Path) -> io::Result<Self> {
        let access = platform::access_at(path, true)?;
        Ok(Self { metadata: fs::metadata(path)?, access })
    }

    /// What is at `path`, which may be a link.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn at_itself(path: &Path) -> io::Result<Self> {
        let access = platform::access_at(path, false)?;
        Ok(Self { metadata: fs::symlink_metadata(path)?, access })
    }

    /// What is open.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn of(file: &File) -> io::Result<Self> {
        Ok(Self { metadata: file.metadata()?, access: platform::access_of(file)? })
    }

    /// What the system says about it, besides who may touch it.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}
