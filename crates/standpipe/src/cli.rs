//! What may stand on the command line. Parsing looks at nothing but the arguments.

use clap::Parser;

use crate::commands::Command;
use crate::failure::Exit;
use crate::logging::LogFormat;
use crate::output::Colour;

/// The heading of the options that every command has.
const LOGGING: &str = "Log and colours";

/// Runs a native service, watches it, and serves its secured named pipe to the network.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    disable_help_subcommand = true,
    after_help = exit_codes()
)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Which log lines to write to stderr: a level, or a filter such as `info,standpipe_server=debug`
    #[arg(long, env = "STANDPIPE_LOG", global = true, value_name = "FILTER", default_value = "info", help_heading = LOGGING)]
    pub(crate) log: String,

    /// How log lines are written
    #[arg(long, env = "STANDPIPE_LOG_FORMAT", global = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Human, help_heading = LOGGING)]
    pub(crate) log_format: LogFormat,

    /// When to use colours; `auto` means on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = Colour::Auto, help_heading = LOGGING)]
    pub(crate) color: Colour,
}

/// The exit codes of all commands.
fn exit_codes() -> String {
    let lines = Exit::ALL.map(|code| format!("  {:>2}  {}\n", code.number(), code.meaning()));
    format!("Exit codes:\n{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command) {
            let help = command.clone().render_long_help().to_string();
            // A hidden command is for another Standpipe, and not for people.
            for nested in command.get_subcommands().filter(|nested| !nested.is_hide_set()) {
                check(nested);
            }
            let is_leaf = command.get_subcommands().next().is_none();
            assert!(!is_leaf || help.contains("Example"), "{}", command.get_name());
        }
        check(&Cli::command());
    }

    #[test]
    fn no_argument_takes_a_password() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                assert!(!matches!(name, "password" | "pass" | "secret"), "{name} of {}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
