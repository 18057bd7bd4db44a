//! Finds the program of a command before it is started, so that each mistake is an error of its own.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::SpawnError;
use crate::platform;

/// How much of a script's first line the kernel reads.
const LONGEST_FIRST_LINE: u64 = 256;

/// The file that `program` names: in the folders of the search path `path` when it has no separator, else
/// relative to `folder`. So are the folders of the search path that are relative.
///
/// # Errors
/// [`SpawnError::EmptyCommand`], [`SpawnError::Missing`] or [`SpawnError::Denied`].
pub fn find(program: &OsStr, folder: &Path, path: Option<&OsStr>) -> Result<PathBuf, SpawnError> {
    if program.is_empty() {
        return Err(SpawnError::EmptyCommand);
    }
    let named = Path::new(program);
    if named.components().count() > 1 || named.is_absolute() || named.parent() != Some(Path::new("")) {
        for name in platform::program_names(program) {
            let file = folder.join(name);
            match Candidate::at(&file) {
                Candidate::Program => return Ok(file),
                Candidate::Unusable => return Err(SpawnError::Denied { program: file }),
                Candidate::Absent => {}
            }
        }
        return Err(SpawnError::Missing { program: folder.join(named), searched: false });
    }
    let mut denied = None;
    for searched in path.map(std::env::split_paths).into_iter().flatten() {
        for name in platform::program_names(program) {
            let file = folder.join(&searched).join(name);
            match Candidate::at(&file) {
                Candidate::Program => return Ok(file),
                Candidate::Unusable => denied = denied.or(Some(file)),
                Candidate::Absent => {}
            }
        }
    }
    // As a shell does: a program that may not be run is only reported when no other one can be.
    Err(match denied {
        Some(program) => SpawnError::Denied { program },
        None => SpawnError::Missing { program: named.to_path_buf(), searched: true },
    })
}

/// `path` with the folder of the program `own` put first.
pub fn search_path(own: Option<&Path>, path: Option<OsString>) -> OsString {
    let path = path.unwrap_or_default();
    let Some(folder) = own.and_then(Path::parent) else { return path };
    let folders = std::iter::once(folder.to_path_buf()).chain(std::env::split_paths(&path));
    // A folder whose name holds the separator cannot be in a search path at all.
    std::env::join_paths(folders).unwrap_or(path)
}

/// Whether this is a file that somebody may execute. Windows decides that by the file's name, so every file
/// counts there.
pub fn is_executable(file: &Metadata) -> bool {
    file.is_file() && platform::is_executable(file)
}

/// The interpreter that a script's first line names and that is not there, as the line has it: `None` for a
/// script whose interpreter is there, and for whatever is no script. Windows knows no such lines.
///
/// One that `env` looks for is looked for on `path`.
pub fn missing_interpreter(script: &Path, path: Option<&OsStr>) -> Option<String> {
    if cfg!(windows) {
        return None;
    }
    let mut head = Vec::new();
    File::open(script).ok()?.take(LONGEST_FIRST_LINE).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
    let interpreter = words.next()?;
    if !Path::new(interpreter).exists() {
        return Some(interpreter.to_owned());
    }
    if Path::new(interpreter).file_name() != Some(OsStr::new("env")) {
        return None;
    }
    let looked_for = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    find(looked_for.as_ref(), Path::new("/"), path).is_err().then(|| looked_for.to_owned())
}

/// What is found where a program may be.
enum Candidate {
    Program,
    /// Something that cannot be executed.
    Unusable,
    Absent,
}

impl Candidate {
    fn at(file: &Path) -> Self {
        match std::fs::metadata(file) {
            Ok(meta) if is_executable(&meta) => Self::Program,
            Ok(meta) if meta.is_dir() => Self::Absent,
            Ok(_) => Self::Unusable,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Self::Unusable,
            Err(_) => Self::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn an_interpreter_that_is_not_there_is_named_as_the_script_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("script");
        let path = OsStr::new("/bin:/usr/bin");
        for (line, missing) in [
            ("#!/bin/sh", None),
            ("#! /bin/sh -e", None),
            ("#!/usr/bin/env sh", None),
            ("#!/usr/bin/env -S A=1 sh -e", None),
            ("no script", None),
            ("", None),
            ("#!/no/such/python3 -u", Some("/no/such/python3")),
            ("#!/usr/bin/env no-such-python", Some("no-such-python")),
            ("#!/bin/sh\r", Some("/bin/sh\r")),
            ("#!/usr/bin/env sh\r", Some("sh\r")),
        ] {
            std::fs::write(&script, format!("{line}\nexit 0\n")).unwrap();
            assert_eq!(missing_interpreter(&script, Some(path)).as_deref(), missing, "{line:?}");
        }
    }

    #[test]
    fn own_programs_are_found_first() {
        let path = search_path(Some(Path::new("/opt/standpipe/bin/standpipe")), Some("/usr/bin".into()));
        let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
        assert_eq!(folders[0], Path::new("/opt/standpipe/bin"));
        assert_eq!(search_path(None, Some("/bin".into())), "/bin");
    }
}
