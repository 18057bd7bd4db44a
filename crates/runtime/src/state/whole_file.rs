//! Files that are written as a whole: a reader finds the former or the new one, and never a part.

use std::fs::OpenOptions;
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
        let mut text = serde_json::to_vec_pretty(value)?;
        text.push(b'\n');
        options.open(&temporary)?.write_all(&text)?;
        private_file::rename_over(&temporary, path)
    };
    write().map_err(StateError::io("write", path))
}
