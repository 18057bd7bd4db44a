//! The folder that everything is written into.

use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::Value;

/// A folder with `files/` and `sections/`.
pub(crate) struct Output {
    folder: PathBuf,
}

impl Output {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder for whole files whose path in the workspace starts with `path`. It is made when it is
    /// missing.
    pub(crate) fn folder(&self, path: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join("files").join(path);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// A whole file.
    pub(crate) fn file(&self, path: &str, content: &str) -> io::Result<()> {
        let path = self.folder.join("files").join(path);
        write(&path, content)
    }

    /// A whole file of JSON.
    pub(crate) fn json(&self, path: &str, value: &Value) -> io::Result<()> {
        self.file(path, &format!("{value:#}\n"))
    }

    /// The part of a file between the marks `name`.
    pub(crate) fn section(&self, path: &str, name: &str, content: &str) -> io::Result<()> {
        write(&self.folder.join("sections").join(path).join(name), content)
    }
}

fn write(path: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, content)
}
