use crate::support::{Place, assert_seen, seen};

#[test]
fn a_wrong_argument_is_a_usage_error() {
    assert_seen(
        &Place::new().seen(&["chekc"]),
        "
exit 64
--- stderr
error: unrecognized subcommand 'chekc'

  tip: a similar subcommand exists: 'check'

Usage: standpipe [OPTIONS] <COMMAND>

For more information, try '--help'.",
    );
    assert_seen(
        &Place::new().seen(&["check", "--nope"]),
        "
exit 64
--- stderr
error: unexpected argument '--nope' found

Usage: standpipe check [OPTIONS]

For more information, try '--help'.",
    );
}

#[test]
fn a_missing_argument_is_named() {
    assert_seen(
        &Place::new().seen(&["account", "add", "u"]),
        "
exit 64
--- stderr
error: the following required arguments were not provided:
  --file <PATH>

Usage: standpipe account add --file <PATH> <NAME>

For more information, try '--help'.",
    );
    assert_seen(
        &Place::new().seen(&["sddl", "check", "D:"]),
        "
exit 64
--- stderr
error: the following required arguments were not provided:
  --user <NAME>

Usage: standpipe sddl check --user <NAME> <SDDL>

For more information, try '--help'.",
    );
}

#[test]
fn a_missing_command_is_answered_with_the_commands() {
    let seen = Place::new().seen(&["account"]);
    let (commands, _) = seen.split_once("\n\nOptions:").unwrap();
    assert_seen(
        commands,
        "
exit 64
--- stderr
Manage the accounts that may log on

Usage: standpipe account [OPTIONS] <COMMAND>

Commands:
  add      Add an account
  remove   Remove an account; its SID is not given to another
  list     Show the accounts
  passwd   Change an account's password
  enable   Let an account log on again
  disable  Keep an account from logging on",
    );
    let seen = Place::new().seen(&[]);
    let (usage, _) = seen.split_once("\n\nCommands:").unwrap();
    assert_seen(
        usage,
        "
exit 64
--- stderr
Runs a native service, watches it, and serves its secured named pipe to the network

Usage: standpipe [OPTIONS] <COMMAND>",
    );
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    assert!(place.seen(&["--version"]).starts_with("exit 0\n--- stdout\nstandpipe "));
    let help = place.seen(&["--help"]);
    assert!(help.starts_with("exit 0") && help.contains("  75  worth trying again"), "{help}");
}

#[test]
fn colours_are_for_terminals() {
    let place = Place::new();
    assert!(!place.seen(&["check"]).contains('\u{1b}'));
    let mut command = place.standpipe(&["check", "--color", "always"]);
    command.env("NO_COLOR", "1");
    assert!(seen(command, &place.path("")).contains('\u{1b}'), "asked for by name");
}

#[test]
fn a_reader_that_goes_early_is_no_failure() {
    use std::process::Stdio;
    let place = Place::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.standpipe(&["sddl", "explain", "D:"]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn options_and_secrets_come_from_the_environment() {
    let place = Place::new();
    place.write("deploy.toml", "name = \"Demo\"\n[roles.A.service]\ncommand = [\"true\"]\n");
    let mut command = place.standpipe(&["run"]);
    command.env("STANDPIPE_FILE", "deploy.toml").env("STANDPIPE_ROLE", "B");
    let shown = seen(command, &place.path(""));
    assert!(shown.contains("the deployment has no role `B`"), "{shown}");

    place.write("password", "secret");
    let mut command = place.standpipe(&["account", "add", "anna", "--file", "accounts.toml"]);
    command.env("STANDPIPE_PASSWORD_FILE", "password");
    let shown = seen(command, &place.path(""));
    assert!(shown.starts_with("exit 0"), "{shown}");
}

#[test]
fn the_help_of_run_groups_its_options() {
    let help = Place::new().seen(&["run", "--help"]);
    let places: Vec<Option<usize>> =
        ["Which instance:", "Network:", "Platform and state:", "Log and colours:"]
            .map(|heading| help.find(heading))
            .into();
    assert!(places.iter().all(Option::is_some), "{help}");
    let inside = |option: &str, heading: usize| {
        let place = help.find(option).unwrap();
        Some(place) > places[heading] && places.get(heading + 1).is_none_or(|next| Some(place) < *next)
    };
    assert!(inside("--role", 0) && inside("--address", 1) && inside("--state-dir", 2), "{help}");
}
