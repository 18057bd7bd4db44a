//! Passwords from where they may be: a file that nobody else can read, or the environment.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use standpipe_system::Found;
use standpipe_system::private_file::{self, NotPrivate};
use standpipe_system::user::{ADMINISTRATOR, User};
use zeroize::Zeroizing;

use crate::definition::PasswordSource;

/// More bytes than any password has; a file that holds more is not a password file.
const LONGEST: usize = 1024;

/// What editors of Windows write before a text; no part of a password.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A password, wiped from memory when it goes, and shown by nothing.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password that came from a prompt or a test. Empty ones and those with a line end or a NUL are
    /// refused, as they are mistakes.
    pub fn new(text: Zeroizing<String>) -> Result<Self, PasswordError> {
        if text.is_empty() {
            return Err(PasswordError::Empty);
        }
        if text.contains(['\0', '\n', '\r']) {
            return Err(PasswordError::SeveralLines);
        }
        if text.len() > LONGEST {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(text))
    }

    /// The password of a file: its only line, the line's end not counted.
    pub fn from_file(path: &Path) -> Result<Self, PasswordError> {
        let read = |error| PasswordError::Read { path: path.to_owned(), error };
        let file = File::open(path).map_err(read)?;
        let found = Found::of(&file).map_err(read)?;
        if found.metadata().is_dir() {
            return Err(read(std::io::ErrorKind::IsADirectory.into()));
        }
        match private_file::check_access(&found) {
            Ok(()) => {}
            Err(NotPrivate::ForeignOwner { owner, user }) => {
                return Err(PasswordError::ForeignOwner { path: path.to_owned(), owner, user });
            }
            Err(_) => return Err(PasswordError::Exposed { path: path.to_owned() }),
        }
        // The room for everything that may be read is made first, so that no copy is left behind by growing.
        let mut text = Zeroizing::new(String::with_capacity(LONGEST + 3));
        match file.take(LONGEST as u64 + 3).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(PasswordError::NotText { path: path.to_owned() });
            }
            Err(error) => return Err(read(error)),
        }
        let line =
            text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
        let length = line.len();
        text.truncate(length);
        if text.starts_with(BYTE_ORDER_MARK) {
            text.drain(..BYTE_ORDER_MARK.len_utf8());
        }
        Self::new(text)
            .map_err(|error| PasswordError::InFile { path: path.to_owned(), error: Box::new(error) })
    }

    /// The password in an environment variable.
    pub fn from_environment(name: &str) -> Result<Self, PasswordError> {
        let text =
            std::env::var(name).map_err(|error| PasswordError::Variable { name: name.to_owned(), error })?;
        Self::new(Zeroizing::new(text))
            .map_err(|error| PasswordError::InVariable { name: name.to_owned(), error: Box::new(error) })
    }

    /// The password from where a deployment says that it is.
    pub fn from_source(source: &PasswordSource) -> Result<Self, PasswordError> {
        match source {
            PasswordSource::File(path) => Self::from_file(path),
            PasswordSource::Environment(name) => Self::from_environment(name),
        }
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The file cannot be read.
    #[error("could not read the password file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        error: std::io::Error,
    },
    /// Others than the owner can read or change the file.
    #[error("the password file `{}` can be read by others", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else owns the file and can read and change it.
    #[error("the password file `{}` belongs to user {owner}, expected user {user} or {ADMINISTRATOR}", path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: User,
        /// The user that this process acts as.
        user: User,
    },
    /// The file is not UTF-8 text.
    #[error("the password file `{}` is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no good password.
    #[error("the password file `{}` holds no password", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content.
        #[source]
        error: Box<Self>,
    },
    /// The variable is not there.
    #[error("could not read the password from the environment variable `{name}`")]
    Variable {
        /// The variable's name.
        name: String,
        /// What is wrong with it.
        #[source]
        error: std::env::VarError,
    },
    /// The variable holds no good password.
    #[error("the environment variable `{name}` holds no password")]
    InVariable {
        /// The variable's name.
        name: String,
        /// What is wrong with its content.
        #[source]
        error: Box<Self>,
    },
    /// Nothing was given.
    #[error("the password is empty")]
    Empty,
    /// More than one line, or a NUL.
    #[error("the password has more than one line or holds a NUL")]
    SeveralLines,
    /// Too long for any password.
    #[error("the password is longer than {LONGEST} bytes")]
    TooLong,
}

impl PasswordError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Exposed { path } if cfg!(unix) => format!(
                "make it yours alone: {}; or mount it as root's, with mode 0440 and a group of this process",
                private_file::command_to_make_private(path)
            ),
            Self::Exposed { path } => {
                format!("make it yours alone: {}", private_file::command_to_make_private(path))
            }
            Self::ForeignOwner { .. } | Self::Read { .. } if cfg!(windows) => {
                "write the password into a file of your own, on one line, that nobody else can read"
                    .to_owned()
            }
            Self::ForeignOwner { path, .. } => {
                format!("make it yours alone: chown and chmod 600 {}", path.display())
            }
            Self::Read { .. } => "write the password into that file, on one line, with mode 0600".to_owned(),
            Self::Variable { name, .. } => format!("set {name}, or use a password file"),
            Self::NotText { .. } | Self::InFile { .. } | Self::SeveralLines | Self::TooLong => {
                "a password file holds the password on its only line".to_owned()
            }
            Self::InVariable { .. } | Self::Empty => "give a password that is not empty".to_owned(),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_line_end_and_a_byte_order_mark_are_not_part_of_the_password() {
        for content in ["pä ss", "pä ss\n", "pä ss\r\n", "\u{feff}pä ss\n"] {
            let (_folder, path) = file(content.as_bytes(), 0o600);
            assert_eq!(Password::from_file(&path).unwrap().expose(), "pä ss");
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o710, 0o701] {
            let (_folder, path) = file(b"secret", mode);
            assert!(matches!(Password::from_file(&path), Err(PasswordError::Exposed { .. })), "{mode:o}");
        }
    }

    #[test]
    fn a_file_is_found_behind_the_links_of_a_mounted_secret() {
        let (folder, _) = file(b"unused", 0o600);
        let version = folder.path().join("..2026_11_28");
        std::fs::create_dir(&version).unwrap();
        std::fs::write(version.join("user"), "secret").unwrap();
        std::fs::set_permissions(version.join("user"), std::fs::Permissions::from_mode(0o400)).unwrap();
        std::os::unix::fs::symlink("..2026_11_28", folder.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/user", folder.path().join("user")).unwrap();
        assert_eq!(Password::from_file(&folder.path().join("user")).unwrap().expose(), "secret");
    }

    #[test]
    fn a_file_that_holds_no_password_is_refused() {
        let long = [b'x'; 5000];
        for content in [&b""[..], b"\n", b"a\nb\n", b"a\0", b"\xff", &long] {
            let (_folder, path) = file(content, 0o600);
            assert!(Password::from_file(&path).is_err());
        }
        assert!(matches!(Password::from_file(Path::new("/")), Err(PasswordError::Read { .. })));
    }

    #[test]
    fn debugging_shows_no_password() {
        let password = Password::new(Zeroizing::new("hunter2".to_owned())).unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}
