//! Finds the program of a command before it is run, so that what is wrong with it can be told apart.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::manager::StartError;

/// The file that `program` names: in the folders of `path` when it has no separator, else relative to `folder`.
pub(super) fn find(program: &OsStr, folder: &Path, path: Option<&OsStr>) -> Result<PathBuf, StartError> {
    if program.is_empty() {
        return Err(StartError::EmptyCommand);
    }
    let named = Path::new(program);
    if named.components().count() > 1 || named.is_absolute() || named.parent() != Some(Path::new("")) {
        let file = folder.join(named);
        return match look(&file) {
            Found::Program => Ok(file),
            Found::Other => Err(StartError::Denied { program: file }),
            Found::Nothing => Err(StartError::Missing { program: file, searched: false }),
        };
    }
    let mut denied = None;
    for place in path.map(std::env::split_paths).into_iter().flatten() {
        let file = folder.join(place).join(named);
        match look(&file) {
            Found::Program => return Ok(file),
            Found::Other => denied = denied.or(Some(file)),
            Found::Nothing => {}
        }
    }
    // As a shell does: a program that may not be run is only reported when no other one can be.
    Err(match denied {
        Some(program) => StartError::Denied { program },
        None => StartError::Missing { program: named.to_path_buf(), searched: true },
    })
}

/// Whether somebody may run the file.
fn is_executable(file: &Metadata) -> bool {
    file.permissions().mode() & 0o111 != 0
}

enum Found {
    Program,
    Other,
    Nothing,
}

fn look(file: &Path) -> Found {
    match std::fs::metadata(file) {
        Ok(meta) if meta.is_file() && is_executable(&meta) => Found::Program,
        Ok(meta) if meta.is_dir() => Found::Nothing,
        Ok(_) => Found::Other,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Found::Other,
        Err(_) => Found::Nothing,
    }
}
