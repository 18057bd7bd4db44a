use crate::support::{Place, assert_seen, seen};

fn place() -> Place {
    let place = Place::new();
    place.write("secret", "Pässword 1\n");
    place
}

#[test]
fn accounts_are_added_shown_changed_and_removed() {
    let place = place();
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').chain(["--file", "accounts.toml"]).collect();
        place.seen(&arguments)
    };
    assert_seen(
        &run("account add serviceUser --password-file secret"),
        "exit 0\n--- stdout\nadded serviceUser",
    );
    assert_seen(
        &run("account add SERVICEUSER --password-file secret"),
        "exit 0\n--- stdout\nunchanged: SERVICEUSER is there with this password",
    );
    assert!(
        run("account add root --password-file secret --groups Administrators,Users").starts_with("exit 0")
    );
    assert!(run("account disable serviceUser").starts_with("exit 0"));
    let list = run("account list");
    let lines: Vec<Vec<&str>> = list.lines().skip(2).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["NAME", "ENABLED", "GROUPS", "SID"]);
    assert_eq!(lines[1][..3], ["root", "yes", "Administrators,Users"]);
    assert_eq!(lines[2][..3], ["serviceUser", "no", "Users"]);
    place.write("secret", "another");
    assert_seen(
        &run("account add serviceUser --password-file secret"),
        "
exit 78
--- stderr
error: the account serviceUser exists in accounts.toml with another password
hint: to change its password, run `standpipe account passwd serviceUser`",
    );
    assert!(run("account passwd serviceUser --password-file secret").starts_with("exit 0"));
    assert!(run("account add serviceUser --password-file secret").contains("unchanged"));
    assert!(run("account remove serviceUser").starts_with("exit 0"));
    assert!(run("account remove serviceUser").starts_with("exit 78"));
    let json = run("account list --json");
    let json: serde_json::Value = serde_json::from_str(json.split_once("stdout\n").unwrap().1).unwrap();
    assert_eq!(json[0]["name"], "root");
    assert!(json.to_string().to_lowercase().find("hash").is_none(), "{json}");
}

#[cfg(unix)]
#[test]
fn secrets_that_others_can_read_are_refused() {
    let place = place();
    let add = ["account", "add", "u", "--password-file", "secret", "--file", "accounts.toml"];
    place.mode("secret", 0o644);
    assert_seen(
        &place.seen(&add),
        "
exit 77
--- stderr
error: the password file `secret` can be read by others
hint: make it yours alone: chmod 600 secret; or mount it as root's, with mode 0440 and a group of this process",
    );
    place.mode("secret", 0o600);
    assert!(place.seen(&add).starts_with("exit 0"));
    place.mode("accounts.toml", 0o640);
    let seen = place.seen(&["account", "list", "--file", "accounts.toml"]);
    assert!(seen.starts_with("exit 77") && seen.contains("chmod 600"), "{seen}");
}

#[test]
fn the_environment_says_where_accounts_and_passwords_are() {
    let place = place();
    let mut command = place.standpipe(&["account", "add", "u"]);
    command.env("STANDPIPE_ACCOUNTS", "a.toml").env("STANDPIPE_PASSWORD", "one");
    assert_seen(&seen(command, &place.path("")), "exit 0\n--- stdout\nadded u");
    let mut command =
        place.standpipe(&["account", "add", "u", "--password-env", "OTHER", "--file", "a.toml"]);
    command.env("OTHER", "one");
    assert!(seen(command, &place.path("")).contains("unchanged"));
    assert_seen(
        &place.seen(&["account", "add", "u", "--password-env", "NOT_SET", "--file", "a.toml"]),
        "
exit 78
--- stderr
error: could not read the password from the environment variable `NOT_SET`
  caused by: environment variable not found
hint: set NOT_SET, or use a password file",
    );
}
