//! The files of an export, and the rule by which they replace others.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The words by which an export knows its own files.
const MADE_BY: &str = "Made by `standpipe export";

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedFile {
    /// Its path in the folder of the export, with `/` between its parts.
    pub path: String,
    /// What is in it.
    pub text: String,
}

/// The first lines of a file: who has made it, from what, and more. Each line is a comment.
pub(crate) fn heading(format: &str, from: &Path, more: &str) -> String {
    let from = from.file_name().unwrap_or(from.as_os_str()).to_string_lossy();
    let mut text = format!("# {MADE_BY} {format}` from {from}, which overwrites it.\n");
    for line in more.lines() {
        text.push_str(if line.is_empty() { "#" } else { "# " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Why the files of an export were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Files that no export has made are in the way.
    #[error("{} is in the way, and no export has made it", list(.0))]
    InTheWay(Vec<PathBuf>),
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

/// Writes the files of an export into `folder`, each in one step. Files of earlier exports are replaced;
/// others only when `force` says so. Nothing is removed.
///
/// # Errors
/// [`WriteError::InTheWay`] before anything is written; [`WriteError::Io`] when the system refuses.
pub fn write_all(files: &[ExportedFile], folder: &Path, force: bool) -> Result<(), WriteError> {
    let io = |action, path: &Path| {
        let path = path.to_owned();
        move |source| WriteError::Io { action, path, source }
    };
    let mut foreign = Vec::new();
    for file in files.iter().filter(|_| !force) {
        let path = folder.join(&file.path);
        if !is_free(&path).map_err(io("read", &path))? {
            foreign.push(path);
        }
    }
    if !foreign.is_empty() {
        return Err(WriteError::InTheWay(foreign));
    }
    for file in files {
        let path = folder.join(&file.path);
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).map_err(io("make the folder", parent))?;
        let mut new = path.clone().into_os_string();
        new.push(".new");
        let new = PathBuf::from(new);
        let mut options = std::fs::OpenOptions::new();
        let written = options.write(true).create(true).truncate(true).open(&new);
        written.and_then(|mut file_| file_.write_all(file.text.as_bytes())).map_err(io("write", &new))?;
        std::fs::rename(&new, &path).map_err(io("write", &path))?;
    }
    Ok(())
}

/// Whether a file may be written at `path`: there is none, or an export has made it.
fn is_free(path: &Path) -> io::Result<bool> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut start = Vec::new();
    file.take(200).read_to_end(&mut start)?;
    let start = String::from_utf8_lossy(&start);
    Ok(start.lines().next().is_some_and(|line| line.contains(MADE_BY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<ExportedFile> {
        let heading = heading("compose", Path::new("demo/standpipe.toml"), "");
        let file = |path: &str| ExportedFile { path: path.to_owned(), text: format!("{heading}x: 1\n") };
        vec![file("a.yaml"), file("more/b.yaml")]
    }

    #[test]
    fn an_export_replaces_its_own_files_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, other) = (folder.path().join("a.yaml"), folder.path().join("other.yaml"));
        std::fs::write(&other, "y: 1\n").unwrap();
        write_all(&files(), folder.path(), false).unwrap();
        write_all(&files(), folder.path(), false).unwrap();
        std::fs::write(&mine, "z: 1\n").unwrap();
        std::fs::remove_file(folder.path().join("more/b.yaml")).unwrap();
        let error = write_all(&files(), folder.path(), false).unwrap_err();
        assert!(matches!(&error, WriteError::InTheWay(paths) if *paths == [mine.clone()]), "{error}");
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "z: 1\n");
        // Nothing was written before that was found.
        assert!(!folder.path().join("more/b.yaml").exists());
        write_all(&files(), folder.path(), true).unwrap();
        assert!(std::fs::read_to_string(&mine).unwrap().ends_with("x: 1\n"));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "y: 1\n");
    }
}
