mod instances;

use std::env::VarError;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::definition::PasswordSource;
use crate::file::PipeMode;
use crate::file::{Environment, Problems, Visibility};

/// The deployment of the story.
const STORY: &str = r#"name = "ServiceDemo"

[roles.ServiceWatcher]
instances = 2

[[roles.ServiceWatcher.startup]]
command = ["standpipe", "account", "add", "serviceUser", "--password-file", "secrets/serviceUser"]
elevated = true

[roles.ServiceWatcher.service]
name = "SimpleService"
command = ["./simple-service"]

[roles.ServiceWatcher.pipes.simple]
sddl = "D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)"

[roles.ServiceWatcher.endpoints.NamedPipes]
protocol = "smb"
port = 4445

[roles.Web.endpoints.HttpIn]
protocol = "http"
port = 8080

[roles.Web.calls.simple]
target = "ServiceWatcher/NamedPipes"
user = "serviceUser"
password-file = "secrets/serviceUser"
"#;

struct Variables;

impl Environment for Variables {
    fn get(&self, name: &str) -> Result<String, VarError> {
        match name {
            "PORT" => Ok("4447".to_owned()),
            "USERS" => Ok("AU".to_owned()),
            _ => Err(VarError::NotPresent),
        }
    }
}

pub(in crate::resolve) fn read_for(system: System, text: &str) -> Result<Deployment, Problems> {
    let source = Source::new("standpipe.toml", text);
    let (file, mut problems) = parsed::parse(&source, &Variables);
    let (deployment, more) = resolve(&source, file, &Machine { system, folder: "/demo".into() });
    problems.extend(more);
    Problems::check(&source, problems).map(|()| deployment)
}

fn read(text: &str) -> Result<Deployment, Problems> {
    read_for(System::Linux, text)
}

/// What a person sees when one thing of the story's file is changed.
fn shown(from: &str, to: &str) -> String {
    assert!(STORY.contains(from), "{from} is not in the story's file");
    read(&STORY.replacen(from, to, 1))
        .map_or_else(|problems| problems.render(false), |_| "no problem".to_owned())
}

#[track_caller]
fn assert_shown(from: &str, to: &str, expected: &str) {
    let shown = shown(from, to);
    let shown = shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(shown.trim(), expected.trim(), "\n{shown}");
}

#[test]
fn the_storys_file_is_read_with_its_defaults() {
    let deployment = read(STORY).unwrap();
    assert_eq!(deployment.name(), "ServiceDemo");
    let [watcher, web] = deployment.roles() else { panic!("two roles in the order of the file") };
    assert_eq!((watcher.name.as_str(), watcher.instances), ("ServiceWatcher", 2));
    let task = &watcher.startup[0];
    assert_eq!(task.command.program, Program::Name("standpipe".to_owned()));
    assert_eq!(task.command.arguments.len(), 5);
    assert_eq!((task.kind, task.elevated, task.timeout), (TaskKind::Simple, true, None));
    let service = &watcher.services[0];
    assert_eq!(service.name, "SimpleService");
    assert_eq!(service.command.as_ref().unwrap().program, Program::Path("/demo/./simple-service".into()));
    assert_eq!(service.check_interval, Duration::from_secs(10));
    assert_eq!(service.start_timeout, Duration::from_secs(10));
    assert_eq!(service.max_failures, 5);
    let pipe = &watcher.pipes[0];
    assert_eq!(
        (pipe.name.as_str(), pipe.mode, &pipe.backend),
        ("simple", Some(PipeMode::Message), &Backend::Instance)
    );
    assert!(pipe.descriptor.is_some());
    assert_eq!(watcher.endpoints[0].visibility, Visibility::Internal);
    assert_eq!(watcher.endpoints[0].encryption, Encryption::Offered);
    assert_eq!(watcher.endpoints[0].session_lifetime, None);
    assert!(watcher.endpoints[0].filter_administrators);
    assert_eq!((web.instances, web.endpoints[0].visibility), (1, Visibility::Input));
    let call = &web.calls[0];
    assert_eq!((call.pipe.as_str(), call.user.as_str()), ("simple", "serviceUser"));
    assert_eq!(call.password, PasswordSource::File("/demo/secrets/serviceUser".into()));
    assert_eq!(call.connect_timeout, Duration::from_secs(10));
    let targets = deployment.local_targets(&call.target);
    assert_eq!(
        targets.iter().map(|(n, at)| format!("{n} {at}")).collect::<Vec<_>>(),
        ["0 127.0.0.1:4445", "1 127.0.0.2:4445"]
    );
}

#[test]
fn everything_can_be_set() {
    let text = r#"
name = "All"
[roles.R]
instances = "${PORT}"
"#
    .replace("${PORT}", "3");
    assert!(read(&text).is_err(), "a number in quotes is no number unless it comes from the environment");
    let text = r#"
name = "All"
[roles.R]
instances = 3
user = "daemon"
accounts = "accounts.toml"
[[roles.R.startup]]
command = ["a"]
type = "background"
environment = { A = "1", B = "${PORT}" }
[[roles.R.startup]]
command = ["b"]
type = "simple"
timeout = "1m 30s"
[roles.R.service]
command = ["/bin/s", "-x"]
check-interval = "500ms"
start-timeout = "1m"
stop-timeout = "2s"
max-failures = 3
environment.C = "2"
[roles.R.pipes."odd name {1}"]
sddl = "D:(A;;GA;;;${USERS})"
mode = "byte"
backend = "unix:run/odd.sock"
max-instances = 7
encryption = "required"
[roles.R.endpoints.E]
protocol = "smb"
port = "${PORT}"
visibility = "input"
encryption = "required"
session-lifetime = "8h"
filter-administrators = false
"#;
    let deployment = read(text).unwrap();
    let role = deployment.role("R").unwrap();
    assert_eq!(role.user.as_deref(), Some("daemon"));
    assert_eq!(role.accounts.as_deref(), Some(Path::new("/demo/accounts.toml")));
    assert_eq!(role.startup[0].kind, TaskKind::Background);
    assert_eq!(role.startup[0].environment[1], ("B".to_owned(), "4447".to_owned()));
    assert_eq!(role.startup[1].timeout, Some(Duration::from_secs(90)));
    let service = &role.services[0];
    assert_eq!(service.name, "R", "a service without a name has the role's");
    assert_eq!(service.check_interval, Duration::from_millis(500));
    assert_eq!(service.stop_timeout, Duration::from_secs(2));
    assert_eq!(service.max_failures, 3);
    assert_eq!(service.environment, [("C".to_owned(), "2".to_owned())]);
    let pipe = &role.pipes[0];
    assert_eq!(pipe.name, "odd name {1}");
    assert_eq!(pipe.backend, Backend::UnixSocket("/demo/run/odd.sock".into()));
    assert_eq!((pipe.mode, pipe.max_instances), (Some(PipeMode::Byte), Some(7)));
    assert_eq!(pipe.encryption, PipeEncryption::Required);
    assert_eq!(
        (role.endpoints[0].ports, role.endpoints[0].visibility),
        (Ports::Fixed(4447), Visibility::Input)
    );
    assert_eq!(role.endpoints[0].encryption, Encryption::Required);
    assert_eq!(role.endpoints[0].session_lifetime, Some(Duration::from_hours(8)));
    assert!(!role.endpoints[0].filter_administrators);
}

#[test]
fn a_page_has_the_names_that_it_answers_to() {
    let with = |hosts: &str| {
        STORY.replace(
            "[roles.Web.endpoints.HttpIn]",
            &format!("[roles.Web.endpoints.HttpIn]\nhosts = [{hosts}]"),
        )
    };
    let deployment = read(&with(r#""Shop.Example.com.", "web_1""#)).unwrap();
    let page = &deployment.role("Web").unwrap().endpoints[0];
    assert_eq!(page.hosts, ["shop.example.com", "web_1"]);
    for (wrong, said) in [("shop.example.com:8080", "the port is left out"), ("", "each part has")] {
        let problems = read(&with(&format!("\"{wrong}\""))).unwrap_err().render(false);
        assert!(problems.contains(said), "{wrong}: {problems}");
    }
    let pipes = STORY.replace(
        "[roles.ServiceWatcher.endpoints.NamedPipes]",
        "[roles.ServiceWatcher.endpoints.NamedPipes]\nhosts = [\"a\"]",
    );
    let problems = read(&pipes).unwrap_err().render(false);
    assert!(problems.contains("is not for the page"), "{problems}");
}

#[test]
fn an_unknown_key_comes_with_the_one_that_was_meant() {
    assert_shown(
        "port = 4445",
        "prot = 4445",
        r"
error: endpoint `NamedPipes` has no `port`
  --> standpipe.toml:17:33
   |
17 | [roles.ServiceWatcher.endpoints.NamedPipes]
   |                                 ^^^^^^^^^^ here
   |
   = hint: add a TCP port, such as: port = 4445

error: unknown key `prot` in endpoint `NamedPipes`
  --> standpipe.toml:19:1
   |
19 | prot = 4445
   | ^^^^ did you mean `port`?
",
    );
}

#[test]
fn an_unknown_key_like_no_other_comes_with_the_known_ones() {
    assert_shown(
        "elevated = true",
        "elevated = true\ncolour = 1",
        r"
error: unknown key `colour` in startup task 1
 --> standpipe.toml:9:1
  |
9 | colour = 1
  | ^^^^^^ unknown key
  |
  = hint: the keys here are `command`, `elevated`, `environment`, `environment-from`, `once`, `timeout` and `type`
",
    );
}

#[test]
fn a_wrong_type_is_named() {
    assert_shown(
        "elevated = true",
        "elevated = \"yes\"",
        r#"
error: `elevated` must be true or false
 --> standpipe.toml:8:12
  |
8 | elevated = "yes"
  |            ^^^^^ expected true or false, found a string
"#,
    );
    assert!(shown("port = 4445", "port = 4445.5").contains("found a number with a fraction"));
    assert!(shown("port = 4445", "port = 65536").contains("must be a number from 1 to 65535"));
    assert!(shown("instances = 2", "instances = 0").contains("must be a whole number from 1 to 1000"));
    assert!(
        shown("[roles.Web.endpoints.HttpIn]", "[roles.Web]\nservice = 2\n[roles.Web.endpoints.HttpIn]")
            .contains("must be a table")
    );
    assert!(
        shown("[[roles.ServiceWatcher.startup]]", "[roles.ServiceWatcher.startup]").contains("two brackets")
    );
    assert!(shown("[\"./simple-service\"]", "\"./simple-service\"").contains("no shell takes part"));
    assert!(shown("[\"./simple-service\"]", "[]").contains("`command` is empty"));
    assert!(shown("[\"./simple-service\"]", "[\"\"]").contains("an empty program name"));
    assert!(shown("[\"./simple-service\"]", "[1]").contains("found a whole number"));
}

#[test]
fn a_length_of_time_needs_its_unit() {
    assert_shown(
        "name = \"SimpleService\"",
        "start-timeout = 10",
        r#"
error: `start-timeout` must be a length of time
  --> standpipe.toml:11:17
   |
11 | start-timeout = 10
   |                 ^^ expected a length of time, found a whole number
   |
   = hint: write a number with its unit in quotes, such as "500ms", "10s" or "2m"
"#,
    );
    assert!(shown("name = \"SimpleService\"", "start-timeout = \"10\"").contains("time unit needed"));
    assert!(shown("name = \"SimpleService\"", "start-timeout = \"0s\"").contains("longer than zero"));
}

#[test]
fn a_wrong_word_comes_with_the_right_ones() {
    let shown = shown("protocol = \"smb\"", "protocol = \"smd\"");
    assert!(shown.contains("`protocol` must be `smb`, `http`, `tcp` or `udp`"), "{shown}");
    assert!(shown.contains("did you mean `smb`?"), "{shown}");
}

#[test]
fn a_bad_descriptor_is_pointed_at_where_it_is_bad() {
    let bad = STORY.replacen("GRGWGX", "GRQQGX", 1);
    let problems = read(&bad).unwrap_err();
    let problem = problems.iter().next().unwrap();
    let span = problem.span().unwrap();
    assert_eq!(problem.message(), "`sddl` is not a security descriptor");
    assert!(bad[span.clone()].starts_with("QQ") || &bad[span.clone()] == "GRQQGX", "{}", &bad[span]);
}

#[test]
fn a_descriptor_that_lets_everybody_in_by_omission_is_refused() {
    let start = STORY.find("sddl = ").unwrap();
    let end = start + STORY[start..].find('\n').unwrap();
    assert!(shown(&STORY[start..end], "sddl = \"O:BA\"").contains("no DACL, which would let everybody in"));
    assert!(shown(&STORY[start..end], "").contains("pipe `simple` has no `sddl`"));
}

#[test]
fn encryption_is_for_pipes() {
    let shown = shown("protocol = \"http\"\n", "protocol = \"http\"\nencryption = \"required\"\n");
    assert!(shown.contains("is for the page, which `encryption` says nothing about"), "{shown}");
}

#[test]
fn limits_on_connections_are_for_pipes() {
    let limits = "max-connections = 20000\nmax-connections-per-address = 100\n";
    let text = STORY.replace("protocol = \"smb\"\n", &format!("protocol = \"smb\"\n{limits}"));
    let deployment = read(&text).unwrap();
    let endpoint = &deployment.roles()[0].endpoints[0];
    assert_eq!((endpoint.max_connections, endpoint.max_connections_per_address), (Some(20000), Some(100)));
    let shown = shown("protocol = \"http\"\n", &format!("protocol = \"http\"\n{limits}"));
    assert!(shown.contains("which `max-connections` says nothing about"), "{shown}");
    assert!(shown.contains("which `max-connections-per-address` says nothing about"), "{shown}");
}

#[test]
fn a_pipe_for_encrypted_requests_needs_an_endpoint_that_can() {
    let required = STORY.replace(
        "[roles.ServiceWatcher.pipes.simple]\n",
        "[roles.ServiceWatcher.pipes.simple]\nencryption = \"required\"\n",
    );
    assert!(read(&required).is_ok());
    let problems =
        read(&required.replace("protocol = \"smb\"\n", "protocol = \"smb\"\nencryption = \"off\"\n"));
    let shown = problems.unwrap_err().render(false);
    assert!(shown.contains("nobody could open pipe `simple` on endpoint `NamedPipes`"), "{shown}");
    let off = read(&required.replace("encryption = \"required\"", "encryption = \"off\""))
        .unwrap_err()
        .render(false);
    assert!(off.contains("`encryption` must be"), "that is for endpoints: {off}");
}

#[test]
fn a_session_lifetime_is_for_pipes_and_longer_than_zero() {
    let page = shown("protocol = \"http\"\n", "protocol = \"http\"\nsession-lifetime = \"8h\"\n");
    assert!(page.contains("which `session-lifetime` says nothing about"), "{page}");
    let zero = shown("protocol = \"smb\"\n", "protocol = \"smb\"\nsession-lifetime = \"0s\"\n");
    assert!(zero.contains("`session-lifetime` must be longer than zero"), "{zero}");
}

#[test]
fn a_password_in_the_file_is_refused_and_not_printed() {
    assert_shown(
        "password-file = \"secrets/serviceUser\"\n",
        "password = \"hunter2\"\n",
        r#"
error: `password` of call `simple` is a secret in the file
--> standpipe.toml:28:1
 = hint: take it out and change it, then say where it is: password-file = "secrets/…" (mode 0600) or password-env = "NAME"
"#,
    );
    let without = shown("password-file = \"secrets/serviceUser\"\n", "");
    assert!(without.contains("call `simple` has no `password-file`"), "{without}");
    let unfinished = shown("password-file = \"secrets/serviceUser\"\n", "password = \"hunter2\n");
    assert!(unfinished.contains("not valid TOML") && !unfinished.contains("hunter2"), "{unfinished}");
}

#[test]
fn a_call_needs_exactly_one_password() {
    let both = shown("user = \"serviceUser\"\n", "user = \"serviceUser\"\npassword-env = \"PW\"\n");
    assert!(both.contains("call `simple` has two passwords"), "{both}");
    assert!(both.contains("the other one"), "{both}");
    let wrong = shown("password-file = \"secrets/serviceUser\"\n", "password-env = \"$PW\"\n");
    assert!(wrong.contains("must be the name of an environment variable"), "{wrong}");
}

#[test]
fn targets_are_followed() {
    assert_shown(
        "ServiceWatcher/NamedPipes",
        "ServiceWatcher/NamedPipe",
        r#"
error: role `ServiceWatcher` has no endpoint `NamedPipe`
  --> standpipe.toml:26:26
   |
26 | target = "ServiceWatcher/NamedPipe"
   |                          ^^^^^^^^^ did you mean `NamedPipes`?
"#,
    );
    assert!(
        shown("ServiceWatcher/NamedPipes", "Servicewatcher/NamedPipes")
            .contains("did you mean `ServiceWatcher`?")
    );
    assert!(
        shown("ServiceWatcher/NamedPipes", "Zzz/NamedPipes")
            .contains("the roles are `ServiceWatcher` and `Web`")
    );
    assert!(shown("ServiceWatcher/NamedPipes", "NamedPipes").contains("must be `Role/Endpoint`"));
    assert!(shown("ServiceWatcher/NamedPipes", "Web/HttpIn").contains("this is an http endpoint"));
    assert!(shown("calls.simple]", "calls.sample]").contains("the call's own name is the pipe's"));
    let other = shown("user = \"serviceUser\"\n", "user = \"serviceUser\"\npipe = \"SIMPLE\"\n");
    assert_eq!(other, "no problem", "pipe names are compared without regard to case");
}

#[test]
fn a_part_that_leads_nowhere_is_a_mistake() {
    assert!(shown("protocol = \"smb\"", "protocol = \"http\"").contains("has a pipe but no endpoint"));
    assert!(shown("protocol = \"http\"", "protocol = \"smb\"").contains("has a call but no page"));
    assert!(
        shown("[roles.Web.endpoints.HttpIn]", "[roles.Idle]\n[roles.Web.endpoints.HttpIn]")
            .contains("does nothing")
    );
    assert!(read("").unwrap_err().render(false).contains("the deployment has no roles"));
}

#[test]
fn names_that_meet_are_refused() {
    assert!(shown("port = 8080", "port = 4445").contains("used by role `ServiceWatcher` first"));
    let pipe = "[roles.ServiceWatcher.pipes.Simple]\nsddl = \"D:(A;;GA;;;AU)\"\n[roles.Web.calls.simple]";
    assert!(shown("[roles.Web.calls.simple]", pipe).contains("two pipes have the same name but for case"));
}

#[test]
fn names_become_paths_and_are_checked() {
    for name in ["", "1a", "a/b", "..", "a b", "ä", &"x".repeat(64)] {
        let shown = shown("name = \"ServiceDemo\"", &format!("name = \"{name}\""));
        assert!(shown.contains("the deployment's name"), "{name}: {shown}");
    }
    for name in ["", "..", "a/b", "a\\\\", "pipe\\\\a", "a\\u0001", &"x".repeat(300)] {
        let shown = shown("pipes.simple]", &format!("pipes.\"{name}\"]"));
        assert!(shown.contains("a pipe's name"), "{name}: {shown}");
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_lines() {
    let text = STORY.replacen("instances = 2", "instances = two", 1).replacen("port = 8080", "port =", 1);
    let shown = read(&text).unwrap_err().render(false);
    assert_eq!(shown.matches("not valid TOML").count(), 2, "{shown}");
    let text = STORY
        .replacen("instances = 2", "instances = \"two\"", 1)
        .replacen("elevated", "elevatd", 1)
        .replacen("\"smb\"", "\"ftp\"", 1)
        .replacen("secrets/serviceUser\"\n", "${NOT_SET}\"\n", 1)
        .replacen("port = 8080", "port = -1", 1);
    let problems = read(&text).unwrap_err();
    let places: Vec<usize> = problems.iter().map(|problem| problem.span().unwrap().start).collect();
    assert_eq!(places.len(), 5, "{problems}");
    assert!(places.is_sorted());
}

#[test]
fn windows_knows_installed_services_and_the_pipes_own_descriptor() {
    let text = r#"
name = "W"
[roles.R.service]
name = "Spooler"
[roles.R.pipes.spoolss]
[roles.R.endpoints.E]
protocol = "smb"
port = 445
"#;
    let deployment = read_for(System::Windows, text).unwrap();
    let pipe = &deployment.roles()[0].pipes[0];
    assert!(pipe.descriptor.is_none() && pipe.mode.is_none());
    let problems = read_for(System::Linux, text).unwrap_err();
    assert_eq!(problems.count(), 2, "{problems}");
    let unix = text.replacen("spoolss]", "spoolss]\nbackend = \"unix:/x\"", 1);
    assert!(
        read_for(System::Windows, &unix)
            .unwrap_err()
            .render(false)
            .contains("only native pipes are a backend on Windows")
    );
}

#[test]
fn a_command_for_each_open_is_no_native_pipe_of_windows() {
    let text = |sddl: &str| {
        format!(
            "name = \"W\"\n[roles.R.pipes.each]\ncommand = ['C:\\a.exe']\n{sddl}\n\
             [roles.R.endpoints.E]\nprotocol = \"smb\"\nport = 445\n"
        )
    };
    let deployment = read_for(System::Windows, &text("sddl = \"D:(A;;GRGW;;;AU)\"")).unwrap();
    let pipe = &deployment.roles()[0].pipes[0];
    assert!(matches!(pipe.backend, Backend::Command(_)), "{:?}", pipe.backend);
    assert_eq!(pipe.mode, Some(PipeMode::Message));
    // Nothing but the file says who may open it.
    let problems = read_for(System::Windows, &text("")).unwrap_err();
    assert!(problems.render(false).contains("sddl"), "{problems}");
}

#[test]
fn colour_is_only_added_when_asked_for() {
    let problems = read("name = 1").unwrap_err();
    assert!(problems.render(true).contains('\u{1b}'));
    assert!(!problems.render(false).contains('\u{1b}'));
}

proptest! {
    /// Whatever is wrong with a file, it is shown and nothing breaks: the story's file with a part of it
    /// replaced.
    #[test]
    fn no_file_is_too_broken_to_show(start in 0..STORY.len(), length in 0..40_usize, put in BROKEN) {
        let start = STORY.floor_char_boundary(start);
        let end = STORY.floor_char_boundary(start + length);
        let text = format!("{}{put}{}", &STORY[..start], &STORY[end..]);
        if let Err(problems) = read(&text) {
            prop_assert!(problems.count() > 0);
            let shown = problems.render(true);
            prop_assert!(shown.contains("error"), "{shown}");
            for span in problems.iter().filter_map(Problem::span) {
                prop_assert!(text.get(span.clone()).is_some(), "{span:?} of {text:?}");
            }
        }
    }
}

/// What TOML and the values in it are made of.
const BROKEN: &str = "([\\[\\]{}=\"'#.,\\\\$!a0-9 \n\r\té\u{1F600}\u{0}-]|\"\"\"|'''|\\$\\{[A-Z}]{0,5}|D:\\(A;;|\\\\u00e9){0,12}";

/// The story's pipe with other keys.
fn pipe_with(keys: &str) -> Result<crate::definition::Pipe, String> {
    let text = STORY.replacen(
        "[roles.ServiceWatcher.pipes.simple]",
        &format!("[roles.ServiceWatcher.pipes.simple]\n{keys}"),
        1,
    );
    read(&text)
        .map(|deployment| deployment.roles()[0].pipes[0].clone())
        .map_err(|problems| problems.render(false))
}

#[test]
fn a_pipe_can_lead_to_ports_net_services_and_commands() {
    let tcp = pipe_with("backend = \"tcp://[::1]:9000\"\nconnect-timeout = \"2s\"\ncaller = true").unwrap();
    assert_eq!(tcp.backend, Backend::Tcp { host: "::1".to_owned(), port: 9000 });
    assert_eq!((tcp.mode, tcp.tells_caller), (Some(PipeMode::Byte), true), "a port carries bytes");
    assert_eq!(tcp.connect_timeout, Some(Duration::from_secs(2)));
    for (backend, name) in
        [("dotnet", "simple"), ("dotnet:Other.1", "Other.1"), ("dotnet:/run/x.sock", "/run/x.sock")]
    {
        let pipe = pipe_with(&format!("backend = \"{backend}\"")).unwrap();
        assert_eq!((pipe.backend, pipe.mode), (Backend::Dotnet(name.to_owned()), Some(PipeMode::Byte)));
    }
    let command = pipe_with("command = [\"./serve\", \"x\"]\nenvironment = { A = \"1\" }").unwrap();
    assert_eq!((command.mode, command.max_instances), (Some(PipeMode::Message), Some(64)));
    let Backend::Command(serving) = command.backend else { panic!("{:?}", command.backend) };
    assert_eq!(serving.command.program, Program::Path("/demo/./serve".into()));
    assert_eq!(serving.stop_timeout, Duration::from_secs(5));
    assert_eq!(serving.environment, [("A".to_owned(), "1".to_owned())]);
}

#[test]
fn a_backend_that_does_not_fit_is_named_with_what_to_do() {
    for (keys, message, hint) in [
        ("backend = \"tcp://127.0.0.1:9000\"\nmode = \"message\"", "has no messages", "mode = \"byte\""),
        ("backend = \"dotnet\"\nmode = \"message\"", "a .NET pipe has no messages", ".NET refuses"),
        ("backend = \"tcp://127.0.0.1\"", "is not a TCP port", "tcp://127.0.0.1:9000"),
        ("backend = \"tcp://127.0.0.1:0\"", "is not a TCP port", "tcp://127.0.0.1:9000"),
        ("backend = \"tcp://a b:1\"", "is not a TCP port", "tcp://127.0.0.1:9000"),
        ("backend = \"dotnet:\"", "names no .NET pipe", "\"dotnet:NAME\""),
        ("backend = \"dotnet:a/b\"", "names no .NET pipe", "\"dotnet:NAME\""),
        ("backend = \"udp:9\"", "must be `unix:PATH`", "command = [\"program\"]"),
        ("backend = \"dotnet\"\ncommand = [\"x\"]", "two backends", "keep either"),
        ("stop-timeout = \"1s\"", "has no `command`", "add command"),
        ("environment = { A = \"1\" }", "has no `command`", "add command"),
        ("command = [\"x\"]\ncaller = true", "told its caller anyway", "STANDPIPE_CALLER_NAME"),
        ("command = [\"x\"]\nconnect-timeout = \"1s\"", "not connected to", "take `connect-timeout` out"),
        ("command = []", "`command` is empty", "no shell takes part"),
    ] {
        let shown = pipe_with(keys).map(|pipe| format!("{pipe:?}")).unwrap_err();
        assert!(shown.contains(message) && shown.contains(hint), "{keys}\n{shown}");
        assert!(shown.contains("standpipe.toml:"), "{shown}");
    }
}
