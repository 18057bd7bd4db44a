//! Who calls a pipe, and with what secret.

use std::path::PathBuf;

use clap::Args;
use standpipe_client::Credentials;
use standpipe_deployment::Password;
use standpipe_security::NtHash;

use crate::failure::{Caused, Exit, Failure};
use crate::password::{LOG_ON, PasswordArgs};

/// The variable that is looked at when there is no password and no option says where the hash is.
const VARIABLE: &str = "STANDPIPE_NT_HASH";

/// Who calls: a user with its password, or with the NT hash of it, which is all that the protocol needs.
#[derive(Debug, Args)]
pub(crate) struct LogOnArgs {
    /// The user that logs on: an account of the server, or DOMAIN\user
    #[arg(short, long, value_name = "NAME", help_heading = LOG_ON)]
    user: String,

    #[command(flatten)]
    password: PasswordArgs,

    /// Read the NT hash of the password, 32 hexadecimal digits, from the only line of a file that nobody else
    /// can read
    #[arg(long, value_name = "FILE", conflicts_with_all = ["password_file", "password_env", "nt_hash_env"], help_heading = LOG_ON)]
    nt_hash_file: Option<PathBuf>,

    /// Read the NT hash from this environment variable instead of STANDPIPE_NT_HASH
    #[arg(long, value_name = "NAME", conflicts_with_all = ["password_file", "password_env"], help_heading = LOG_ON)]
    nt_hash_env: Option<String>,
}

impl LogOnArgs {
    /// The credentials. Without an option that says where the secret is: the password of
    /// `STANDPIPE_PASSWORD`, or else the hash of `STANDPIPE_NT_HASH`, or else what a prompt is answered.
    pub(crate) fn read(&self) -> Result<Credentials, Failure> {
        let Self { user, .. } = self;
        let hash = if let Some(path) = &self.nt_hash_file {
            Some((Password::from_file(path)?, format!("the file `{}`", path.display())))
        } else if let Some(name) = &self.nt_hash_env {
            Some((Password::from_environment(name)?, format!("the environment variable `{name}`")))
        } else if !self.password.is_given() && std::env::var_os(VARIABLE).is_some() {
            Some((Password::from_environment(VARIABLE)?, format!("the environment variable `{VARIABLE}`")))
        } else {
            None
        };
        let Some((text, place)) = hash else {
            return Ok(Credentials::with_password(user, self.password.read(user)?.expose()));
        };
        let hash = NtHash::from_hex(text.expose()).map_err(|error| {
            Failure::new(
                Exit::Config,
                Caused { what: format!("{place} holds no NT hash").into(), source: error.into() },
            )
            .hint("for a password, use --password-file or STANDPIPE_PASSWORD")
        })?;
        Ok(Credentials::with_nt_hash(user, hash))
    }
}
