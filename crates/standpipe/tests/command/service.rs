use crate::support::Place;

#[cfg(not(windows))]
#[test]
fn a_system_without_a_service_control_manager_says_so_and_what_to_do() {
    for arguments in [
        &["install", "a", "--", "a.exe"][..],
        &["remove", "a"],
        &["start", "a"],
        &["stop", "a"],
        &["status", "a"],
    ] {
        let arguments = [&["service"], arguments].concat();
        crate::support::assert_seen(
            &Place::new().seen(&arguments),
            "
exit 64
--- stderr
error: this system has no service control manager
hint: this command is for Windows; inside Wine, run the program for Windows: `wine standpipe.exe service …`, or `command = [\"./standpipe.exe\", \"service\", …]` in a startup task of a role with `wine`",
        );
    }
}

#[test]
fn a_service_is_not_installed_without_a_program_or_with_a_password_on_the_command_line() {
    let seen = Place::new().seen(&["service", "install", "a"]);
    assert!(seen.contains("exit 64") && seen.contains("-- <PROGRAM>..."), "{seen}");
    let seen = Place::new().seen(&["service", "install", "a", "--password", "x", "--", "a.exe"]);
    assert!(seen.contains("exit 64") && seen.contains("unexpected argument '--password'"), "{seen}");
    let seen = Place::new().seen(&["service", "install", "a", "--start", "later", "--", "a.exe"]);
    assert!(seen.contains("[possible values: auto, manual, disabled]"), "{seen}");
}
