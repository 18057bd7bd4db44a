use std::fmt::Display;
use std::fs;
use std::net::TcpListener;

use crate::file::{NoVariables, Source};
use crate::{Deployment, Look};

use super::*;

/// A program on every search path.
const PROGRAM: &str = if cfg!(windows) { "cmd" } else { "cargo" };

fn deployment(folder: &Path, port: impl Display, program: &str, look: Look<'_>) -> Result<(), String> {
    let text = format!(
        r#"
name = "Demo"
[roles.Watcher]
instances = 2
[roles.Watcher.service]
command = ["{program}"]
[roles.Watcher.pipes.simple]
sddl = "D:(A;;GA;;;AU)"
[roles.Watcher.endpoints.Pipes]
protocol = "smb"
port = {port}
[roles.Web.endpoints.Http]
protocol = "http"
port = 1
[roles.Web.calls.simple]
target = "Watcher/Pipes"
user = "u"
password-file = "secret"
"#
    );
    let source = Source::new("standpipe.toml", text);
    Deployment::from_source(&source, folder, &NoVariables, look)
        .map(drop)
        .map_err(|problems| problems.render(false))
}

fn watcher(address: &str) -> Look<'static> {
    Look::Instance { role: Some("Watcher"), number: 0, address: address.parse().unwrap() }
}

#[test]
fn files_that_are_not_there_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let shown = deployment(folder.path(), 1, "./gone", Look::Files).unwrap_err();
    assert!(shown.contains("gone` is not there"), "{shown}");
    assert!(shown.contains("could not read the password file"), "{shown}");
    assert!(!shown.contains("cannot listen"), "only files are looked at: {shown}");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_no_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text"), "x").unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let shown = deployment(folder.path(), 1, "./text", Look::Files).unwrap_err();
    assert!(shown.contains("cannot be executed") && shown.contains("chmod +x"), "{shown}");
    let shown = deployment(folder.path(), 1, "/tmp", Look::Files).unwrap_err();
    assert!(shown.contains("is a folder"), "{shown}");
    let shown = deployment(folder.path(), 1, "surely-no-such-program", watcher("127.0.0.1")).unwrap_err();
    assert!(shown.contains("no program `surely-no-such-program` on the search path"), "{shown}");
}

#[test]
fn a_port_in_use_is_found_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let shown = deployment(folder.path(), port, PROGRAM, watcher("127.0.0.1")).unwrap_err();
    assert!(shown.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{shown}");
    assert!(shown.contains("choose another port"), "{shown}");
    drop(taken);
    deployment(folder.path(), port, PROGRAM, watcher("127.0.0.1")).unwrap();
}

#[test]
fn an_address_of_another_machine_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let shown = deployment(folder.path(), 4445, PROGRAM, watcher("192.0.2.1")).unwrap_err();
    assert!(shown.contains("this machine has no such address"), "{shown}");
}

#[test]
fn an_instance_looks_only_at_its_own_role() {
    let folder = tempfile::tempdir().unwrap();
    let web = Look::Instance { role: Some("Web"), number: 0, address: "192.0.2.1".parse().unwrap() };
    let shown = deployment(folder.path(), 4445, "./gone", web).unwrap_err();
    assert!(!shown.contains("gone"), "{shown}");
    assert!(shown.contains("password file"), "{shown}");
}

/// What a check says to a role with these instances, keys of its service and keys of its pipe.
#[cfg(unix)]
fn shared(instances: u32, service: &str, pipe: &str) -> Result<(), String> {
    let service = if service.is_empty() { String::new() } else { format!("[roles.R.service]\n{service}\n") };
    let text = format!(
        "name = \"Demo\"\n[roles.R]\ninstances = {instances}\n{service}\
         [roles.R.pipes.simple]\nsddl = \"D:(A;;GA;;;AU)\"\n{pipe}\n\
         [roles.R.endpoints.E]\nprotocol = \"smb\"\nport = 4445\n"
    );
    let source = Source::new("standpipe.toml", text);
    Deployment::from_source(&source, Path::new("/"), &NoVariables, Look::Files)
        .map(drop)
        .map_err(|problems| problems.render(false))
}

#[cfg(unix)]
#[test]
fn an_address_that_several_instances_would_share_is_found() {
    const SERVICE: &str = "command = [\"cargo\"]";
    for (backend, fix) in [
        ("backend = \"unix:run/x\"", "STANDPIPE_PIPES"),
        ("backend = \"tcp://127.0.0.1:9000\"", "STANDPIPE_PIPES"),
        ("backend = \"tcp://localhost:9000\"", "STANDPIPE_PIPES"),
        ("backend = \"dotnet:/tmp/x\"", "dotnet:NAME"),
    ] {
        let shown = shared(2, SERVICE, backend).unwrap_err();
        assert!(shown.contains("the 2 instances of role `R` would share one service"), "{shown}");
        assert!(shown.contains(fix) && shown.contains("instances = 1"), "{shown}");
        shared(1, SERVICE, backend).unwrap();
        shared(2, "", backend).unwrap();
    }
    for backend in ["", "backend = \"dotnet\"", "backend = \"tcp://192.0.2.1:9000\"", "command = [\"cargo\"]"]
    {
        shared(2, SERVICE, backend).unwrap();
    }
    let fixed = format!("{SERVICE}\nenvironment = {{ TMPDIR = \"/run/x\" }}");
    let shown = shared(2, &fixed, "backend = \"dotnet:N\"").unwrap_err();
    assert!(shown.contains("/run/x") && shown.contains("take TMPDIR out"), "{shown}");
}

#[test]
fn one_free_port_of_a_range_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    // Two neighbours, so that the first can be taken.
    let (taken, port) = loop {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        if port < u16::MAX && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            break (taken, port);
        }
    };
    let range = format!("\"{port}-{}\"", port + 1);
    deployment(folder.path(), &range, PROGRAM, watcher("127.0.0.1")).unwrap();
    deployment(folder.path(), "\"dynamic\"", PROGRAM, watcher("127.0.0.1")).unwrap();
    let by_number = format!("{range}\nport-choice = \"instance\"");
    let shown = deployment(folder.path(), &by_number, PROGRAM, watcher("127.0.0.1")).unwrap_err();
    assert!(shown.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{shown}");
    drop(taken);
}

#[test]
fn an_address_for_all_instances_of_one_machine_is_found() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let port = "0\naddress = \"127.0.0.1\"";
    let shown = deployment(folder.path(), port, PROGRAM, Look::Machine).unwrap_err();
    assert!(!shown.contains("would listen"), "{shown}");
    let port = "45677\naddress = \"127.0.0.1\"";
    let shown = deployment(folder.path(), port, PROGRAM, Look::Machine).unwrap_err();
    assert!(shown.contains("would listen on one address and port"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_script_whose_interpreter_is_missing_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let script = folder.path().join("service.sh");
    for (line, told) in [("#!/no/such/python", "`/no/such/python`"), ("#!/bin/sh\r", "`/bin/sh\\r`")] {
        fs::write(&script, format!("{line}\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let shown = deployment(folder.path(), 1, "./service.sh", Look::Files).unwrap_err();
        assert!(shown.contains(told) && shown.contains("interpreter"), "{shown}");
    }
}

#[cfg(unix)]
#[test]
fn an_accounts_file_that_lets_nobody_in_is_found_before_anything_starts() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.toml");
    let check = |startup: &str| {
        let text = format!(
            "name = \"Demo\"\n[roles.R]\naccounts = \"accounts.toml\"\n{startup}[roles.R.service]\ncommand = [\"cargo\"]\n"
        );
        let source = Source::new("standpipe.toml", text);
        let found = Deployment::from_source(&source, folder.path(), &NoVariables, Look::Machine);
        found.map(drop).map_err(|problems| problems.render(false))
    };
    let shown = check("").unwrap_err();
    assert!(shown.contains("there is no accounts file") && shown.contains(":3:"), "{shown}");
    assert_eq!(check("[[roles.R.startup]]\ncommand = [\"cargo\"]\n"), Ok(()), "the task may make it");
    fs::write(&file, "garbage [[").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let shown = check("").unwrap_err();
    assert!(shown.contains("accounts.toml"), "{shown}");
    fs::write(&file, "").unwrap();
    assert_eq!(check(""), Ok(()));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = check("").unwrap_err();
    assert!(shown.contains("accounts.toml"), "{shown}");
}

#[cfg(unix)]
#[test]
fn a_user_a_secret_and_an_argument_that_no_instance_could_have_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let check = |role: &str, argument: &str| {
        let text = format!(
            "name = \"Demo\"\n[roles.R]\n{role}\n[roles.R.service]\ncommand = [\"cargo\", \"{argument}\"]\n"
        );
        let source = Source::new("standpipe.toml", text);
        let found = Deployment::from_source(&source, folder.path(), &NoVariables, Look::Machine);
        found.map(drop).map_err(|problems| problems.render(false))
    };
    assert_eq!(check("", "x"), Ok(()));
    let shown = check("user = \"surely-nobody\"", "x").unwrap_err();
    assert!(
        shown.contains("role `R` cannot run as the user `surely-nobody`") && shown.contains(":3:"),
        "{shown}"
    );
    let secret = "secrets = { Key = \"key\" }";
    let shown = check(secret, "x").unwrap_err();
    assert!(shown.contains("the secret `Key` is not there") && shown.contains("mount it there"), "{shown}");
    fs::write(folder.path().join("key"), "x").unwrap();
    assert_eq!(check(secret, "x"), Ok(()));
    let shown = check("", &"x".repeat(LONGEST_ARGUMENT)).unwrap_err();
    assert!(shown.contains("an argument of 131072 bytes is too long"), "{shown}");
    assert_eq!(check("", &"x".repeat(LONGEST_ARGUMENT - 1)), Ok(()));
}

#[cfg(unix)]
#[test]
fn a_port_in_use_may_pass_and_a_mistake_does_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "x").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let check = |rest: &str| {
        let text = format!(
            "name = \"Demo\"\n[roles.R.endpoints.E]\nprotocol = \"http\"\nport = {port}\n\
             [roles.R.calls.c]\ntarget = \"S/E\"\nuser = \"u\"\npassword-file = \"secret\"\n\
             [roles.S.pipes.c]\nsddl = \"D:(A;;GA;;;AU)\"\n[roles.S.endpoints.E]\nprotocol = \"smb\"\nport = 1\n{rest}"
        );
        let source = Source::new("standpipe.toml", text);
        let look = Look::Instance { role: Some("R"), number: 0, address: "127.0.0.1".parse().unwrap() };
        Deployment::from_source(&source, folder.path(), &NoVariables, look).unwrap_err()
    };
    fs::set_permissions(folder.path().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let problems = check("");
    assert!(problems.are_temporary(), "{}", problems.render(false));
    assert!(!check("nonsense = 1\n").are_temporary());
}

#[cfg(unix)]
#[test]
fn a_startup_task_that_is_said_to_be_limited_and_would_run_as_root_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let check = |elevated: &str, user: &str| {
        let text = format!(
            "name = \"Demo\"\n[roles.R]\n{user}\n[roles.R.service]\ncommand = [\"{PROGRAM}\"]\n\
             [[roles.R.startup]]\ncommand = [\"{PROGRAM}\"]\n{elevated}\n"
        );
        let source = Source::new("standpipe.toml", text);
        Deployment::from_source(&source, folder.path(), &NoVariables, Look::Machine)
            .map(drop)
            .map_err(|problems| problems.render(false))
    };
    let limited = check("elevated = false", "");
    if User::own().is_administrator() {
        let shown = limited.unwrap_err();
        assert!(shown.contains("this startup task would have the rights of root"), "{shown}");
        assert!(shown.contains("user = \"NAME\" in [roles.R]"), "{shown}");
        check("elevated = false", "user = \"nobody\"").unwrap();
    } else {
        limited.unwrap();
    }
    check("elevated = true", "").unwrap();
    check("", "").unwrap();
}

#[test]
fn a_folder_to_run_in_is_looked_for_and_its_other_names_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let program = if cfg!(windows) { "cmd" } else { "sh" };
    let check = |key: &str| {
        let text =
            format!("name = \"Demo\"\n[roles.R.service]\ncommand = [\"{program}\"]\n{key} = \"data\"\n");
        let source = Source::new("standpipe.toml", text);
        let found = Deployment::from_source(&source, folder.path(), &NoVariables, Look::Machine);
        found.map_err(|problems| problems.render(false))
    };
    let shown = check("folder").unwrap_err();
    assert!(shown.contains("data is not there") && shown.contains(":4:"), "{shown}");
    fs::create_dir(folder.path().join("data")).unwrap();
    let deployment = check("folder").unwrap();
    assert_eq!(deployment.roles()[0].services[0].folder.as_deref(), Some(&*folder.path().join("data")));
    for other in ["cwd", "workdir", "working-directory"] {
        let shown = check(other).unwrap_err();
        assert!(shown.contains("did you mean `folder`?"), "{shown}");
    }
}
