#![doc = include_str!("../README.md")]

mod cli;
mod commands;
mod crypto;
mod failure;
mod log_on;
mod logging;
mod output;
mod password;
#[cfg(feature = "schema")]
pub mod schema;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::cli::Cli;
use crate::failure::Exit;
use crate::logging::{LogFormat, LogOptions, LogQueue};
use crate::output::Output;

/// How long the end of a command that serves waits for a reader of its log that takes nothing.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the command with the arguments of this process. The exit code says how it went; a panic is one too.
pub fn main() -> ExitCode {
    std::panic::set_hook(Box::new(failure::report_bug));
    let exit = std::panic::catch_unwind(AssertUnwindSafe(run)).unwrap_or(Exit::Bug);
    standpipe_process::end_process(exit.number())
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
    let serves = cli.command.serves();
    // Its environment may have passwords, and what it starts may be the same user's. A system that refuses is
    // no reason not to serve.
    let hidden = if serves {
        standpipe_system::hide_environment().and_then(|()| standpipe_system::conceal())
    } else {
        Ok(())
    };
    // A command that serves does not wait for ever for somebody who reads why it ends.
    let patience = serves.then_some(LAST_WORDS_TIMEOUT);
    let queue = match LogQueue::of_process() {
        Ok(queue) => queue,
        Err(error) => {
            failure::say_at_once(format_args!(
                "error: could not start the thread of the log\n  caused by: {error}"
            ));
            return Exit::Temporary;
        }
    };
    let mut output = Output::new(cli.color, queue.clone(), patience);
    let format = cli.command.log_format(cli.log_format);
    let kept = cli.command.log_file().map(|path| logging::keep_in(path, format == LogFormat::Json));
    let log = LogOptions { filter: cli.log, format: cli.log_format };
    logging::start(&log.filter, format, output.colours_errors(), queue.clone());
    if let Err(error) = hidden {
        tracing::warn!(%error, "other processes of this user can look into this one");
    }
    if let Some(Err(error)) = kept {
        tracing::warn!(%error, "the log is not kept");
    }
    let exit = commands::run(cli.command, &log, &mut output).unwrap_or_else(|failure| {
        if serves && log.format == LogFormat::Json {
            failure.log();
        } else {
            logging::keep_words(&failure.in_one_line());
            output.failure(&failure);
        }
        failure.exit()
    });
    logging::tell_rest();
    queue.flush(patience);
    logging::flush_file();
    exit
}
