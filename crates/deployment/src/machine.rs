//! The machine that a deployment is for, which need not be the one that reads the file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The system of the machine that a deployment is for: a few rules differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Linux: processes and Unix sockets.
    Linux,
    /// Another Unix, such as macOS: the same, with shorter paths of sockets.
    OtherUnix,
    /// Windows: the service control manager and native pipes.
    Windows,
}

impl System {
    /// The system that this program was built for.
    pub const HERE: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(any(target_os = "linux", target_os = "android")) {
        Self::Linux
    } else {
        Self::OtherUnix
    };

    /// The longest path of a Unix socket, in bytes: what `sun_path` holds before its final NUL.
    pub const fn longest_socket_path(self) -> usize {
        match self {
            Self::Linux | Self::Windows => 107,
            Self::OtherUnix => 103,
        }
    }

    /// Whether `word` is a path and not a bare name.
    pub(crate) fn is_path(self, word: &str) -> bool {
        word.contains('/') || (self == Self::Windows && word.contains('\\'))
    }

    /// What `path` means in `folder` on a machine with this system. [`Path::join`] knows the rules of this
    /// machine only.
    pub(crate) fn join(self, folder: &Path, path: &str) -> PathBuf {
        let is_separator = |c: char| c == '/' || (self == Self::Windows && c == '\\');
        if self != Self::Windows {
            return if path.starts_with('/') { path.into() } else { append(folder, "/", path, is_separator) };
        }
        if path.starts_with(r"\\") || path.starts_with("//") || drive(path).is_some() {
            return path.into();
        }
        if path.starts_with(is_separator) {
            // From the root of the drive that the folder is on.
            let folder = folder.to_string_lossy();
            return format!("{}{path}", drive(&folder).unwrap_or_default()).into();
        }
        append(folder, r"\", path, is_separator)
    }
}

fn append(folder: &Path, separator: &str, path: &str, is_separator: impl Fn(char) -> bool) -> PathBuf {
    let mut joined: OsString = folder.as_os_str().to_owned();
    let last = joined.as_encoded_bytes().last().copied();
    if last.is_some_and(|last| !is_separator(char::from(last))) {
        joined.push(separator);
    }
    joined.push(path);
    joined.into()
}

/// The drive that a path of Windows begins with, such as `C:`.
fn drive(path: &str) -> Option<&str> {
    let begins_with_letter = path.starts_with(|c: char| c.is_ascii_alphabetic());
    path.get(..2).filter(|start| begins_with_letter && start.ends_with(':'))
}

/// The machine that a deployment is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its system.
    pub system: System,
    /// The folder that the deployment has there, absolute by the rules of that system: where relative paths
    /// in the file start, and where tasks and services run.
    pub folder: PathBuf,
}

impl Machine {
    /// This machine, with the deployment in `folder`, which is absolute.
    pub fn here(folder: impl Into<PathBuf>) -> Self {
        Self { system: System::HERE, folder: folder.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(system: System, folder: &str, path: &str) -> String {
        system.join(Path::new(folder), path).into_os_string().into_string().unwrap()
    }

    #[test]
    fn a_path_of_unix_begins_at_the_root_or_in_the_folder() {
        let cases = [("/etc/x", "/etc/x"), ("x", "/demo/x"), ("./x", "/demo/./x"), (r"C:\x", r"/demo/C:\x")];
        for (path, expected) in cases {
            assert_eq!(joined(System::Linux, "/demo", path), expected);
        }
        assert_eq!(joined(System::Linux, "/", "x"), "/x");
    }

    #[test]
    fn a_path_of_windows_begins_at_a_drive_a_share_a_root_or_in_the_folder() {
        let cases = [
            (r"D:\x", r"D:\x"),
            ("D:/x", "D:/x"),
            (r"\\server\share\x", r"\\server\share\x"),
            (r"\x", r"C:\x"),
            ("/x", "C:/x"),
            ("x", r"C:\demo\x"),
            (r"secrets\x", r"C:\demo\secrets\x"),
        ];
        for (path, expected) in cases {
            assert_eq!(joined(System::Windows, r"C:\demo", path), expected);
        }
        assert_eq!(joined(System::Windows, r"C:\", "x"), r"C:\x");
    }

    #[test]
    fn the_longest_socket_path_here_is_what_this_system_takes() {
        assert_eq!(System::HERE.longest_socket_path(), standpipe_system::machine::MAX_SOCKET_PATH);
    }

    #[test]
    fn paths_on_this_machine_mean_what_the_standard_library_says() {
        let folder = std::env::current_dir().unwrap();
        for path in ["x", "a/b", "../x", "./x", "/x"] {
            assert_eq!(System::HERE.join(&folder, path), folder.join(path));
        }
    }
}
