use crate::support::{Place, assert_seen, seen};

const GOOD: &str = r#"name = "Demo"

[roles.Watcher]
instances = 2

[roles.Watcher.service]
command = ["./service"]

[roles.Watcher.pipes.simple]
sddl = "D:(A;;GRGW;;;AU)"

[roles.Watcher.endpoints.Pipes]
protocol = "smb"
port = 24445
"#;

fn place(text: &str) -> Place {
    let place = Place::new();
    place.write("standpipe.toml", text).write("service", "");
    place.mode("service", 0o700);
    place
}

#[test]
fn a_good_file_is_said_to_be_good() {
    assert_seen(
        &place(GOOD).seen(&["check"]),
        "
exit 0
--- stdout
standpipe.toml: no mistakes: deployment `Demo` with 1 role and 2 instances",
    );
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    assert_seen(
        &Place::new().seen(&["check", "-f", "other.toml"]),
        "
exit 78
--- stderr
error: there is no such deployment file
--> other.toml
 = hint: give its path with `-f PATH`",
    );
}

#[test]
fn all_mistakes_come_at_once_each_with_its_line() {
    let bad = GOOD
        .replace("instances = 2", "instances = \"two\"")
        .replace("./service", "./servise")
        .replace("GRGW", "GRGX!")
        .replace("protocol", "protocoll");
    assert_seen(
        &place(&bad).seen(&["check"]),
        r#"
exit 78
--- stderr
error: `instances` must be a whole number from 1 to 1000
 --> standpipe.toml:4:13
  |
4 | instances = "two"
  |             ^^^^^ expected a whole number from 1 to 1000, found a string

error: the program `FOLDER/./servise` is not there
 --> standpipe.toml:7:12
  |
7 | command = ["./servise"]
  |            ^^^^^^^^^^^ No such file or directory (os error 2)
  |
  = hint: paths start from the folder of the deployment file; build or copy the program first

error: `sddl` is not a security descriptor
  --> standpipe.toml:10:19
   |
10 | sddl = "D:(A;;GRGX!;;;AU)"
   |                   ^ expected rights such as GRGW, FA or RC, or a number such as 0x12019f, found `!`
   |
   = hint: `standpipe sddl explain` says what a descriptor means

error: endpoint `Pipes` has no `protocol`
  --> standpipe.toml:12:26
   |
12 | [roles.Watcher.endpoints.Pipes]
   |                          ^^^^^ here
   |
   = hint: add protocol = "smb" for pipes or protocol = "http" for the page

error: unknown key `protocoll` in endpoint `Pipes`
  --> standpipe.toml:13:1
   |
13 | protocoll = "smb"
   | ^^^^^^^^^ did you mean `protocol`?

error: 5 problems in standpipe.toml"#,
    );
}

#[test]
fn values_come_from_the_environment() {
    let place = place(&GOOD.replace("24445", "\"${SMB_PORT}\""));
    assert_seen(
        &place.seen(&["check"]),
        r#"
exit 78
--- stderr
error: the environment variable `SMB_PORT` is not set
  --> standpipe.toml:14:9
   |
14 | port = "${SMB_PORT}"
   |         ^^^^^^^^^^^
   |
   = hint: set it before starting, for example `SMB_PORT=… standpipe check`, or write the value here"#,
    );
    let mut command = place.standpipe(&["check"]);
    command.env("SMB_PORT", "24446");
    assert!(seen(command, &place.path("")).starts_with("exit 0"));
}

#[test]
fn a_port_in_use_is_found_with_here() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let place = place(&GOOD.replace("24445", &port.to_string()));
    assert!(place.seen(&["check"]).starts_with("exit 0"));
    let seen = place.seen(&["check", "--here"]);
    assert!(
        seen.starts_with("exit 75") && seen.contains(&format!("cannot listen on 127.0.0.1:{port}")),
        "{seen}"
    );
    assert!(seen.contains("choose another port"), "{seen}");
}
