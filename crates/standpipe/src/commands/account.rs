//! `standpipe account …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use standpipe_accounts::{AccountFile, Added, group_name, parse_group};
use standpipe_security::Sid;

use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::password::PasswordArgs;

const ADD_EXAMPLES: &str = "Examples:\n  \
    standpipe account add serviceUser --password-file secrets/serviceUser\n  \
    standpipe account add admin --groups Administrators --file accounts.toml   # asks for the password\n\n\
    Adding an account again with the same password changes nothing and is no error.";
const REMOVE_EXAMPLES: &str = "Example:\n  standpipe account remove serviceUser --file accounts.toml";
const LIST_EXAMPLES: &str = "Example:\n  standpipe account list --file accounts.toml";
const PASSWD_EXAMPLES: &str =
    "Example:\n  standpipe account passwd serviceUser --file accounts.toml   # asks for the password";
const ENABLE_EXAMPLES: &str = "Example:\n  standpipe account enable serviceUser --file accounts.toml";
const DISABLE_EXAMPLES: &str = "Example:\n  standpipe account disable serviceUser --file accounts.toml";

/// Manage the accounts that may log on
#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Add an account
    #[command(after_help = ADD_EXAMPLES)]
    Add(Add),
    /// Remove an account; its SID is not given to another
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Named),
    /// Show the accounts
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Change an account's password
    #[command(after_help = PASSWD_EXAMPLES)]
    Passwd(Passwd),
    /// Let an account log on again
    #[command(after_help = ENABLE_EXAMPLES)]
    Enable(Named),
    /// Keep an account from logging on
    #[command(after_help = DISABLE_EXAMPLES)]
    Disable(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    named: Named,

    /// The groups it is a member of: Users, Administrators, Guests, or SIDs
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',', value_parser = parse_group)]
    groups: Vec<Sid>,

    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Passwd {
    #[command(flatten)]
    named: Named,

    #[command(flatten)]
    password: PasswordArgs,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    file: FileArg,

    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The account's name
    name: String,

    #[command(flatten)]
    file: FileArg,
}

#[derive(Debug, Args)]
pub(crate) struct FileArg {
    /// The account file; a startup task of an instance need not say it
    #[arg(long = "file", env = "STANDPIPE_ACCOUNTS", value_name = "PATH", hide_env_values = true)]
    path: PathBuf,
}

/// An account as `standpipe account list --json` shows it.
#[derive(serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub(crate) struct Shown {
    /// The account's name.
    name: String,
    /// Its SID.
    sid: String,
    /// The groups it is a member of, by name, or by SID where a group has no name.
    groups: Vec<String>,
    /// Whether it can log on.
    enabled: bool,
}

pub(super) fn run(account: Account, output: &mut Output) -> Result<Exit, Failure> {
    match account {
        Account::Add(add) => {
            let file = AccountFile::open(&add.named.file.path)?;
            let name = &add.named.name;
            let password = add.password.read_new(name)?;
            let groups = (!add.groups.is_empty()).then_some(add.groups.as_slice());
            match file.add(name, password.expose(), groups)? {
                Added::Created => output.line(format_args!("added {name}"))?,
                Added::Unchanged => {
                    output.line(format_args!("unchanged: {name} is there with this password"))?;
                }
            }
        }
        Account::Remove(named) => {
            AccountFile::new(&named.file.path).remove(&named.name)?;
            output.line(format_args!("removed {}", named.name))?;
        }
        Account::Passwd(passwd) => {
            let file = AccountFile::open(&passwd.named.file.path)?;
            let name = &passwd.named.name;
            let password = passwd.password.read_new(name)?;
            file.set_password(name, password.expose())?;
            output.line(format_args!("changed the password of {name}"))?;
        }
        Account::Enable(named) => {
            AccountFile::new(&named.file.path).set_enabled(&named.name, true)?;
            output.line(format_args!("{} can log on", named.name))?;
        }
        Account::Disable(named) => {
            AccountFile::new(&named.file.path).set_enabled(&named.name, false)?;
            output.line(format_args!("{} can no longer log on", named.name))?;
        }
        Account::List(list) => show(&list, output)?,
    }
    Ok(Exit::Ok)
}

fn show(list: &List, output: &mut Output) -> Result<(), Failure> {
    let accounts = AccountFile::new(&list.file.path).list()?;
    let shown: Vec<Shown> = accounts
        .iter()
        .map(|account| Shown {
            name: account.name.to_string(),
            sid: account.sid.to_string(),
            groups: account.groups.iter().map(group_name).collect(),
            enabled: account.enabled,
        })
        .collect();
    if list.json {
        return output.json(&shown);
    }
    if shown.is_empty() {
        output.note(format_args!("there are no accounts in {}", list.file.path.display()));
        return Ok(());
    }
    let mut rows = vec![["NAME", "ENABLED", "GROUPS", "SID"].map(str::to_owned)];
    rows.extend(shown.into_iter().map(|account| {
        let enabled = if account.enabled { "yes" } else { "no" };
        [account.name, enabled.to_owned(), account.groups.join(","), account.sid]
    }));
    output.table(&rows)
}
