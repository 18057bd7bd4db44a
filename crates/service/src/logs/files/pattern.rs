//! Which files a pattern describes.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Files in one folder, whose names match a pattern: `*` stands for any characters, `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePattern {
    /// A folder that is there whatever its case, in which `folder` is looked for.
    root: PathBuf,
    folder: PathBuf,
    name: String,
    ignores_case: bool,
}

impl FilePattern {
    /// The files that a path of this system describes; only its last part may be a pattern.
    pub fn new(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        Self { root: PathBuf::new(), folder, name, ignores_case: cfg!(windows) }
    }

    /// The same for a path of Windows in a Wine prefix, such as `C:\logs\*.log`; `None` for one that has no
    /// drive. Names are compared without regard to case there.
    pub fn in_prefix(prefix: &Path, path: &str) -> Option<Self> {
        let (drive, rest) = path.split_once(':')?;
        let mut letters = drive.chars();
        let letter = letters.next().filter(char::is_ascii_alphabetic)?.to_ascii_lowercase();
        if letters.next().is_some() {
            return None;
        }
        let rest = rest.replace('\\', "/");
        let (folder, name) = rest.rsplit_once('/').unwrap_or(("", &rest));
        Some(Self {
            root: prefix.join("dosdevices").join(format!("{letter}:")),
            folder: folder.trim_start_matches('/').into(),
            name: name.to_owned(),
            ignores_case: true,
        })
    }

    /// The files that are there now, by name. A folder that is not there holds none.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let Some(folder) = self.folder_now() else { return Vec::new() };
        if !self.name.contains(['*', '?']) && !self.ignores_case {
            let path = folder.join(&self.name);
            return if path.is_file() { vec![path] } else { Vec::new() };
        }
        let Ok(entries) = fs::read_dir(&folder) else { return Vec::new() };
        let mut files: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            .filter(|entry| matches(&self.name, &entry.file_name().to_string_lossy(), self.ignores_case))
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
    }

    fn folder_now(&self) -> Option<PathBuf> {
        if !self.ignores_case || cfg!(windows) {
            return Some(self.root.join(&self.folder));
        }
        let mut folder = self.root.clone();
        for component in self.folder.components() {
            let Component::Normal(wanted) = component else { continue };
            let exact = folder.join(wanted);
            folder = if exact.is_dir() {
                exact
            } else {
                let wanted = wanted.to_string_lossy().to_lowercase();
                let mut entries = fs::read_dir(&folder).ok()?.filter_map(Result::ok);
                entries.find(|entry| entry.file_name().to_string_lossy().to_lowercase() == wanted)?.path()
            };
        }
        Some(folder)
    }
}

/// Whether `pattern` describes the whole of `name`.
fn matches(pattern: &str, name: &str, ignores_case: bool) -> bool {
    let characters = |text: &str| -> Vec<char> {
        if ignores_case { text.to_lowercase().chars().collect() } else { text.chars().collect() }
    };
    let (pattern, name) = (characters(pattern), characters(name));
    // What is reached of the pattern after each character of the name: there are few of both.
    let mut reached = vec![false; pattern.len() + 1];
    let mut places = reached.iter_mut();
    if let Some(first) = places.next() {
        *first = true;
    }
    for (place, c) in places.zip(&pattern) {
        if *c != '*' {
            break;
        }
        *place = true;
    }
    for character in &name {
        let mut next = vec![false; reached.len()];
        for (at, c) in pattern.iter().enumerate() {
            let here = reached.get(at).copied().unwrap_or_default();
            let stays = *c == '*' && (reached.get(at + 1).copied().unwrap_or_default() || here);
            let moves = here && (*c == '?' || c == character);
            let empty = *c == '*' && next.get(at).copied().unwrap_or_default();
            if let Some(place) = next.get_mut(at + 1) {
                *place |= stays || moves || empty;
            }
        }
        reached = next;
    }
    reached.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_describes_the_whole_name() {
        for (pattern, name) in
            [("*", ""), ("*.log", "a.log"), ("a*b*c", "abxbc"), ("a?c", "aéc"), ("a**", "a"), ("x*", "xy")]
        {
            assert!(matches(pattern, name, false), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("*.log", "a.log.1"), ("a?c", "ac"), ("A", "a"), ("?", "")] {
            assert!(!matches(pattern, name, false), "{pattern} {name}");
        }
        assert!(matches("*.LOG", "a.log", true));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_of_windows_is_found_in_the_prefix_whatever_its_case() {
        let prefix = tempfile::tempdir().unwrap();
        let logs = prefix.path().join("dosdevices/c:/Program Files/Logs");
        fs::create_dir_all(&logs).unwrap();
        fs::write(logs.join("One.LOG"), "").unwrap();
        let found = |path: &str| FilePattern::in_prefix(prefix.path(), path).unwrap().files();
        assert_eq!(found(r"C:\program files\logs\*.log"), [logs.join("One.LOG")]);
        assert_eq!(found(r"c:/Program Files/Logs/one.log"), [logs.join("One.LOG")]);
        assert!(found(r"C:\nowhere\*.log").is_empty() && found(r"D:\*.log").is_empty());
        assert_eq!(FilePattern::in_prefix(prefix.path(), "logs/x"), None);
        assert_eq!(FilePattern::in_prefix(prefix.path(), "CD:/x"), None);
    }
}
