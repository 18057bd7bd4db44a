//! The files of roles in the projects beside a definition.

use std::fs;
use std::path::{Path, PathBuf};

use standpipe_import::Content;

/// No batch file is as long.
const LONGEST: u64 = 1024 * 1024;

/// The folders in which the projects of the roles may be: that of each imported file, and the one above,
/// where Visual Studio puts the projects of a solution.
pub(super) struct Beside {
    folders: Vec<PathBuf>,
}

impl Beside {
    pub(super) fn new(files: &[PathBuf]) -> Self {
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in files {
            let folder =
                file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            for folder in [folder.to_owned(), folder.join("..")] {
                if !folders.contains(&folder) {
                    folders.push(folder);
                }
            }
        }
        Self { folders }
    }
}

impl Content for Beside {
    fn find(&self, role: &str, path: &str) -> Option<(String, Vec<u8>)> {
        for folder in &self.folders {
            // A project of Visual Studio keeps content of a role in `ROLEContent` too.
            for name in [role.to_owned(), format!("{role}Content")] {
                let Some((_, project)) = in_folder(folder, &name) else { continue };
                if let Some((found, file)) = in_folder(&project, path) {
                    let is_short =
                        fs::metadata(&file).is_ok_and(|data| data.is_file() && data.len() <= LONGEST);
                    if let Some(bytes) = is_short.then(|| fs::read(&file).ok()).flatten() {
                        return Some((found, bytes));
                    }
                }
            }
        }
        None
    }
}

/// A path below a folder, whatever its case, and how it is spelled there. It cannot leave the folder.
fn in_folder(folder: &Path, path: &str) -> Option<(String, PathBuf)> {
    let mut at = folder.to_owned();
    let mut spelled = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return None;
        }
        let names = fs::read_dir(&at).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let names: Vec<String> = names.filter(|name| name.eq_ignore_ascii_case(part)).collect();
        let name = names.iter().find(|name| *name == part).or_else(|| names.iter().min())?.clone();
        at.push(&name);
        spelled.push(name);
    }
    (!spelled.is_empty()).then(|| (spelled.join("/"), at))
}
