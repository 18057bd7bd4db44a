#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod failure;
mod live;
mod log_on;
mod logging;
mod output;
mod password;
#[cfg(feature = "schema")]
pub mod schema;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::failure::Exit;
use crate::logging::LogOptions;
use crate::output::Output;

/// Runs the command with the arguments of this process. The exit code says how it went; a panic is one too.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(failure::report_bug));
    let exit = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Bug);
    exit.into()
}

/// What may stand on the command line, for manual pages, completions and the reference.
pub fn command_line() -> clap::Command {
    Cli::command()
}

fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Clap's own exit code for a wrong argument is 2; help and the version are no errors.
            let is_help = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let printed = error.print();
            return if is_help && printed.is_ok() { Exit::Ok } else { Exit::Usage };
        }
    };
    let mut output = Output::new(cli.color);
    let log = LogOptions { filter: cli.log, format: cli.log_format };
    logging::start(
        &log.filter,
        cli.command.log_format(log.format),
        output.colours_errors(),
        output.live_view(),
    );
    match commands::run(cli.command, &log, &mut output) {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit()
        }
    }
}
