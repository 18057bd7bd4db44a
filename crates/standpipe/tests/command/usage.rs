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
    for arguments in
        [&["check", "--nope"][..], &[], &["account"], &["account", "add", "u"], &["sddl", "check", "D:"]]
    {
        assert!(Place::new().seen(arguments).starts_with("exit 64"), "{arguments:?}");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    let place = Place::new();
    assert!(place.seen(&["--version"]).starts_with("exit 0\n--- stdout\nstandpipe "));
    let help = place.seen(&["--help"]);
    assert!(help.starts_with("exit 0") && help.contains("Exit codes: 0 asked to stop"), "{help}");
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
