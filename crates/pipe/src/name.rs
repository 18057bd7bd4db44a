//! Names of pipes.

use std::fmt;
use std::str::FromStr;

/// A pipe's bare name (`simple`, not `\pipe\simple`): usable as a file name and over SMB.
///
/// Names come from strangers too, and are never joined with a path before they have passed this type. A name
/// may have several parts, as those of SQL Server (`sql\query`, `MSSQL$NAME\sql\query`) and `LOCAL\x` have,
/// and colons. Where pipes are files, on Unix, the file has the same name: neither character means anything
/// there. On Windows pipes are no files, and no part leads out of their folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PipeName(String);

/// Why a name cannot be a pipe's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing in it.
    #[error("a pipe's name must not be empty")]
    Empty,
    /// It is longer than what Windows and file systems take.
    #[error("a pipe's name is at most {limit} bytes long, this one has {length}", limit = PipeName::MAX_BYTES)]
    TooLong {
        /// Its length in bytes of UTF-8.
        length: usize,
    },
    /// A character that separates paths, that Windows forbids, or that cannot be printed.
    #[error("the pipe name {name:?} contains {character:?}, which is not allowed there")]
    Character {
        /// The name.
        name: String,
        /// The first such character.
        character: char,
    },
    /// A backslash at the beginning or the end, or two in a row: a part of the name would be empty.
    #[error("the pipe name {0:?} has an empty part beside a backslash")]
    Part(String),
    /// A name with the folder that all pipes are in, which clients leave out.
    #[error("the pipe name {0:?} begins with the folder of pipes: leave `pipe\\` out")]
    Folder(String),
    /// `.` and `..` mean a directory, not a pipe, also as a part of a name.
    #[error("`{0}` means a directory and cannot name a pipe")]
    Directory(String),
}

impl PipeName {
    /// The longest name, in bytes of UTF-8: what file systems take for a file's name, and below the 256
    /// characters of Windows.
    pub const MAX_BYTES: usize = 255;

    /// Takes `name` if it keeps the rules.
    pub fn new(name: impl Into<String>) -> Result<Self, NameError> {
        let name = name.into();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(NameError::TooLong { length: name.len() });
        }
        let forbidden = |c: &char| c.is_control() || *c == '/';
        if let Some(character) = name.chars().find(forbidden) {
            return Err(NameError::Character { name, character });
        }
        if name.split('\\').any(|part| matches!(part, "." | "..")) {
            return Err(NameError::Directory(name));
        }
        if let Some((first, _)) = name.trim_start_matches('\\').split_once('\\')
            && first.eq_ignore_ascii_case("pipe")
        {
            return Err(NameError::Folder(name));
        }
        if name.split('\\').any(str::is_empty) {
            return Err(NameError::Part(name));
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for PipeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for PipeName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(unix)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_the_names_pipes_have() {
        for name in [
            "simple",
            "ServiceDemo.1",
            "MSSQL$SQLEXPRESS",
            "größe",
            "a b",
            ".hidden",
            "...",
            "x..y",
            r"sql\query",
            r"MSSQL$NAME\sql\query",
            r"LOCAL\x",
            "c:stream",
            "pipe",
        ] {
            assert_eq!(PipeName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_what_could_leave_the_directory() {
        assert_eq!(PipeName::new(""), Err(NameError::Empty));
        for name in [".", "..", r"..\x", r"sql\..\x", r"sql\."] {
            assert_eq!(PipeName::new(name), Err(NameError::Directory(name.to_owned())));
        }
        for name in [r"\x", r"x\", r"a\\b", r"\"] {
            assert_eq!(PipeName::new(name), Err(NameError::Part(name.to_owned())));
        }
        for name in [r"\pipe\simple", r"PIPE\simple"] {
            assert_eq!(PipeName::new(name), Err(NameError::Folder(name.to_owned())));
        }
        for name in ["a/b", "/etc", "a\0b", "line\nbreak", "../x"] {
            assert!(matches!(PipeName::new(name), Err(NameError::Character { .. })), "{name:?}");
        }
        assert_eq!(PipeName::new("x".repeat(256)), Err(NameError::TooLong { length: 256 }));
    }

    // Elsewhere pipes are no files.
    #[cfg(unix)]
    proptest! {
        #[test]
        fn a_name_taken_stays_one_path_component(text in any::<String>()) {
            if let Ok(name) = PipeName::new(text) {
                let joined = std::path::Path::new("/base").join(name.as_str());
                prop_assert_eq!(joined.parent(), Some(std::path::Path::new("/base")));
                prop_assert_eq!(joined.file_name().and_then(|n| n.to_str()), Some(name.as_str()));
            }
        }
    }
}
