//! The commands, one file each.

mod account;
mod check;
mod sddl;

use clap::Subcommand;

use crate::failure::{Exit, Failure};
use crate::output::Output;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Manage the accounts that may log in
    #[command(subcommand)]
    Account(account::Account),
    /// Say what an access-control list means, and whom it lets in
    #[command(subcommand)]
    Sddl(sddl::Sddl),
    /// Check a deployment file: every mistake, with its line
    Check(check::Check),
}

/// Runs a command.
pub(crate) fn run(command: Command, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        Command::Account(account) => account::run(account, output),
        Command::Sddl(sddl) => sddl::run(sddl, output),
        Command::Check(check) => check::run(&check, output),
    }
}
