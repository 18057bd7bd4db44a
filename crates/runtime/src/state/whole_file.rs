//! Files that are written as a whole: a reader finds the former or the new one, and never a part.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use standpipe_system::private_file;

use super::StateError;
use crate::platform;

/// Writes `value` as JSON to the private file `path`, by way of a file with `.new` behind its name.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), StateError> {
    let temporary = path.with_extension("json.new");
    let write = || -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        platform::private_file(&mut options);
        let text = json(value)?;
        options.open(&temporary)?.write_all(&text)?;
        private_file::rename_over(&temporary, path)
    };
    write().map_err(|error| {
        // A part of it takes room that somebody may lack.
        let _ = fs::remove_file(&temporary);
        StateError::io("write", path)(error)
    })
}

/// Writes over the JSON that is in `path`, for when there is no room for a second file. A reader may find a
/// part of it for a moment.
pub(super) fn overwrite_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut text = json(value)?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    // Spaces after JSON mean nothing, and take no new room.
    let before = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    text.resize(text.len().max(before), b' ');
    file.write_all(&text)
}

fn json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}
