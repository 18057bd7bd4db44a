//! A Chromium to look at the page with.

use std::path::PathBuf;

use super::debian;
use crate::shell::{Failure, Result};

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// The browser that is installed, else Debian's.
pub(crate) fn find_or_install() -> Result<PathBuf> {
    if let Some(found) = find() {
        return Ok(found);
    }
    debian::install(&["chromium"])?;
    find().ok_or_else(|| Failure("Debian's chromium is installed but not on PATH".to_owned()))
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    NAMES.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()))
}
