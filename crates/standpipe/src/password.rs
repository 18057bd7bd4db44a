//! Where a password comes from: a file, the environment or a prompt. Never an argument, which everybody on
//! the machine could read.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use standpipe_deployment::{Password, PasswordError};
use zeroize::Zeroizing;

use crate::failure::{Caused, Exit, Failure};

/// The variable that is looked at when no option says where the password is.
const VARIABLE: &str = "STANDPIPE_PASSWORD";

/// The variable that names a file with the password, as platforms mount secrets.
const FILE_VARIABLE: &str = "STANDPIPE_PASSWORD_FILE";

/// The heading of options that say who logs on.
pub(crate) const LOG_ON: &str = "Log-on";

/// Where the password is. Without either option: in `STANDPIPE_PASSWORD` when that is set, or in the file
/// that
/// `STANDPIPE_PASSWORD_FILE` names; otherwise a prompt asks.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct PasswordArgs {
    /// Read the password from the only line of a file that nobody else can read; without it, from the one
    /// that STANDPIPE_PASSWORD_FILE names, if that is set
    #[arg(long, value_name = "FILE", help_heading = LOG_ON)]
    password_file: Option<PathBuf>,

    /// Read the password from this environment variable instead of STANDPIPE_PASSWORD
    #[arg(long, value_name = "NAME", help_heading = LOG_ON)]
    password_env: Option<String>,
}

impl PasswordArgs {
    /// The password of an account that exists.
    pub(crate) fn read(&self, user: &str) -> Result<Password, Failure> {
        self.given().unwrap_or_else(|| ask(&format!("Password of {user}: ")))
    }

    /// A password that is being set: a prompt asks twice.
    pub(crate) fn read_new(&self, user: &str) -> Result<Password, Failure> {
        self.given().unwrap_or_else(|| {
            let first = ask(&format!("New password of {user}: "))?;
            let second = ask("The same again: ")?;
            if first.expose() == second.expose() {
                Ok(first)
            } else {
                Err(Failure::new(Exit::Usage, "the two passwords are not the same"))
            }
        })
    }

    /// Whether an option or the environment says what the password is.
    pub(crate) fn is_given(&self) -> bool {
        self.password_file.is_some()
            || self.password_env.is_some()
            || [VARIABLE, FILE_VARIABLE].iter().any(|name| std::env::var_os(name).is_some())
    }

    fn given(&self) -> Option<Result<Password, Failure>> {
        let read = if let Some(path) = &self.password_file {
            Password::from_file(path)
        } else if let Some(name) = &self.password_env {
            Password::from_environment(name)
        } else if std::env::var_os(VARIABLE).is_some() {
            Password::from_environment(VARIABLE)
        } else if let Some(path) = std::env::var_os(FILE_VARIABLE) {
            Password::from_file(Path::new(&path))
        } else {
            return None;
        };
        Some(read.map_err(Failure::from))
    }
}

fn ask(prompt: &str) -> Result<Password, Failure> {
    let text = rpassword::prompt_password(prompt).map_err(|error: io::Error| {
        let error =
            Caused { what: "there is no terminal to ask for the password on".into(), source: error.into() };
        Failure::new(Exit::Usage, error)
            .hint(format!("give --password-file FILE or --password-env NAME, or set {VARIABLE}"))
    })?;
    Password::new(Zeroizing::new(text)).map_err(|error: PasswordError| Failure::new(Exit::Usage, error))
}
