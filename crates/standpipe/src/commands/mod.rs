//! The commands, one file each.

mod account;
mod call;
mod check;
mod instances;
mod ps;
mod run;
mod sddl;

use clap::Subcommand;
use tokio::runtime::Runtime;

use crate::failure::{Caused, Exit, Failure};
use crate::output::Output;

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one instance of a role: its startup tasks, its service, its endpoints
    Run(run::Run),
    /// Show the instances of a deployment that runs on this machine
    Ps(ps::Ps),
    /// Send one request to a pipe and print its reply
    Call(call::Call),
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
        Command::Run(run) => run::run(&run, output),
        Command::Ps(ps) => ps::run(&ps, output),
        Command::Call(call) => call::run(&call, output),
        Command::Account(account) => account::run(account, output),
        Command::Sddl(sddl) => sddl::run(sddl, output),
        Command::Check(check) => check::run(&check, output),
    }
}

/// What runs the commands that wait for something.
fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(Exit::Temporary, Caused { what: "could not start threads", source: error.into() })
    })
}
