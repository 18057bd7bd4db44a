//! What can go wrong with an account file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use standpipe_security::{AccountName, AccountNameError};
use standpipe_system::private_file::{self, NotPrivate};
use standpipe_system::user::{ADMINISTRATOR, User};

/// Why an account file cannot be used, or an account cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountFileError {
    /// The operating system refused.
    #[error("cannot {action} the account file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried, as words that fit between *cannot* and *the account file*.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Another process keeps it locked.
    #[error("the account file {} is still locked by another process after {} s", path.display(), timeout.as_secs_f32())]
    Locked {
        /// The file.
        path: PathBuf,
        /// How long was waited.
        timeout: Duration,
    },
    /// Users other than its owner can read or write it.
    #[error("the account file {} is open to other users (mode {mode:04o}, expected 0600)", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Users other than its owner can read or write it, as its access list on Windows says.
    #[error("the account file {} is open to {who}, who can {right} it", path.display())]
    OpenTo {
        /// The file.
        path: PathBuf,
        /// The first user or group whom it is open to.
        who: String,
        /// What they can do: `read` or `change`.
        right: &'static str,
    },
    /// Somebody else owns it and could change it.
    #[error("the account file {} belongs to user {owner}, expected user {user} or {ADMINISTRATOR}", path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: User,
        /// The user that this process acts as.
        user: User,
    },
    /// It is longer than any account file.
    #[error("the account file {} has {length} bytes, at most {limit} are read", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        length: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// It does not say what an account file says.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The name is not one an account can have.
    #[error(transparent)]
    Name(#[from] AccountNameError),
    /// The name is longer than that of a local account on Windows.
    #[error("a local account's name has at most {limit} characters, this one has {length}")]
    NameTooLong {
        /// Its length in UTF-16 units.
        length: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The password is not one an account can have.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// There is an account of this name with another password.
    #[error("the account {name} exists in {} with another password", path.display())]
    OtherPassword {
        /// The file.
        path: PathBuf,
        /// The account.
        name: AccountName,
    },
    /// There is an account of this name in other groups.
    #[error("the account {name} exists in {} with other groups", path.display())]
    OtherGroups {
        /// The file.
        path: PathBuf,
        /// The account.
        name: AccountName,
    },
    /// There is no account of this name.
    #[error("there is no account {name} in {}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// Every SID the machine can give was given.
    #[error("the account file {} has no SID left for another account", path.display())]
    NoMoreSids {
        /// The file.
        path: PathBuf,
    },
    /// The operating system gave no randomness for the machine's SID.
    #[error("cannot get random numbers")]
    Random(#[source] io::Error),
}

/// Why a password cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Nobody logs on over the network without one.
    #[error("the password is empty")]
    Empty,
    /// Longer than Windows takes.
    #[error("the password has more than {limit} characters")]
    TooLong {
        /// The most there may be, in UTF-16 units.
        limit: usize,
    },
}

impl AccountFileError {
    pub(crate) fn not_private(path: &Path, why: NotPrivate) -> Self {
        let path = path.to_owned();
        match why {
            NotPrivate::NotAFile => {
                let source = io::Error::new(io::ErrorKind::InvalidInput, why);
                Self::Io { path, action: "read", source }
            }
            NotPrivate::ForeignOwner { owner, user } => Self::ForeignOwner { path, owner, user },
            NotPrivate::Exposed { mode } => Self::Exposed { path, mode },
            NotPrivate::OpenTo { who, right } => Self::OpenTo { path, who, right },
            other => {
                let source = io::Error::new(io::ErrorKind::Unsupported, other);
                Self::Io { path, action: "check who can read", source }
            }
        }
    }

    /// What a user can do about it, when there is something.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exposed { path, .. } | Self::OpenTo { path, .. } => {
                format!("run `{}`", private_file::command_to_make_private(path))
            }
            Self::ForeignOwner { path, user, .. } if cfg!(windows) => format!(
                "run `icacls \"{}\" /setowner *{user}` as an administrator, if the file is to be trusted",
                path.display()
            ),
            Self::ForeignOwner { path, user, .. } => {
                format!("run `chown {user} {}` as root, if the file is to be trusted", path.display())
            }
            Self::Locked { .. } => {
                "another command may be changing the accounts: try again, or look for one that hangs"
                    .to_owned()
            }
            Self::OtherPassword { name, .. } => {
                format!("to change its password, run `standpipe account passwd {name}`")
            }
            Self::OtherGroups { name, .. } => {
                format!("remove it first with `standpipe account remove {name}`")
            }
            Self::Unknown { .. } => "`standpipe account list` shows the accounts".to_owned(),
            _ => return None,
        })
    }
}
