use std::path::Path;
use std::time::Duration;

use crate::definition::{Backend, Deployment, EventSource, ExpectedReply, Program, Question};
use crate::file::{Recovery, WhenPaused};
use crate::machine::System;
use crate::resolve::tests::read_for;

/// A role with these tables and keys in it.
fn role(text: &str) -> String {
    format!("name = \"D\"\n[roles.R]\n{text}\n")
}

fn read(system: System, text: &str) -> Result<Deployment, String> {
    read_for(system, &role(text)).map_err(|problems| problems.render(false))
}

fn good(system: System, text: &str) -> Deployment {
    read(system, text).unwrap_or_else(|shown| panic!("{shown}"))
}

fn wrong(text: &str) -> String {
    read(System::Linux, text).map(|deployment| format!("{deployment:?}")).unwrap_err()
}

const COMMAND: &str = "command = [\"true\"]\n";

fn services(keys: &[(&str, &str)]) -> String {
    let service = |(name, more): &(&str, &str)| format!("[roles.R.services.{name}]\n{COMMAND}{more}\n");
    keys.iter().map(service).collect::<Vec<_>>().concat()
}

#[test]
fn services_come_after_those_that_they_depend_on_and_otherwise_as_in_the_file() {
    let text = services(&[
        ("web", "depends-on = [\"queue\", \"store\"]"),
        ("store", "name = \"Store\""),
        ("mail", "essential = false"),
        ("queue", "depends-on = [\"store\"]"),
    ]);
    let deployment = good(System::Linux, &text);
    let services = &deployment.roles()[0].services;
    let names: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["Store", "mail", "queue", "web"]);
    let needs: Vec<&[usize]> = services.iter().map(|service| service.depends_on.as_slice()).collect();
    assert_eq!(needs, [&[][..], &[], &[0], &[0, 2]]);
    assert_eq!(
        services.iter().map(|service| service.essential).collect::<Vec<_>>(),
        [true, false, true, true]
    );
}

#[test]
fn a_circle_is_shown_with_its_way() {
    let text = services(&[
        ("a", "depends-on = [\"b\"]"),
        ("b", "depends-on = [\"c\"]"),
        ("c", "depends-on = [\"b\"]"),
    ]);
    let shown = wrong(&text);
    assert!(shown.contains("services wait for each other: `b` depends on `c` depends on `b`"), "{shown}");
    assert!(shown.contains("depends-on = [\"c\"]") && shown.contains("and is closed here"), "{shown}");
    assert!(!shown.contains("`a` depends"), "the circle alone: {shown}");
}

#[test]
fn a_dependency_that_cannot_be_is_pointed_at() {
    for (depends_on, message) in [
        ("[\"a\"]", "service `a` depends on itself"),
        ("[\"stor\"]", "did you mean `store`?"),
        ("[\"zzz\"]", "the others are `store`"),
        ("[\"store\", \"store\"]", "`depends-on` names `store` twice"),
        ("\"store\"", "must be an array of strings"),
        ("[1]", "found a whole number"),
    ] {
        let more = format!("depends-on = {depends_on}");
        let shown = wrong(&services(&[("a", more.as_str()), ("store", "")]));
        assert!(shown.contains(message) && shown.contains("standpipe.toml:"), "{shown}");
    }
}

#[test]
fn an_essential_service_depends_on_essential_ones() {
    let text = services(&[("a", "depends-on = [\"b\"]"), ("b", "essential = false")]);
    assert!(wrong(&text).contains("an essential service depends on `b`, which is not essential"));
    let both = services(&[("a", "depends-on = [\"b\"]\nessential = false"), ("b", "essential = false")]);
    assert!(read(System::Linux, &both).is_ok());
}

#[test]
fn a_pipe_is_that_of_one_service() {
    let pipe = |keys: &str| {
        format!(
            "[roles.R.pipes.p]\nsddl = \"D:(A;;GA;;;AU)\"\n{keys}\n\
             [roles.R.endpoints.E]\nprotocol = \"smb\"\nport = 4445\n"
        )
    };
    let two = services(&[("late", "depends-on = [\"early\"]"), ("early", "")]);
    let of = |text: &str| good(System::Linux, text).roles()[0].pipes[0].service;
    assert_eq!(of(&format!("{two}{}", pipe("service = \"late\""))), Some(1), "its place is that in the list");
    assert_eq!(of(&format!("{two}{}", pipe(COMMAND))), None, "a command makes its own");
    assert_eq!(of(&format!("[roles.R.service]\n{COMMAND}{}", pipe(""))), Some(0));
    assert_eq!(of(&pipe("")), None);
    let unsaid = wrong(&format!("{two}{}", pipe("")));
    assert!(unsaid.contains("pipe `p` does not say which service makes it"), "{unsaid}");
    assert!(unsaid.contains("the services are `early` and `late`"), "{unsaid}");
    assert!(wrong(&format!("{two}{}", pipe("service = \"lat\""))).contains("did you mean `late`?"));
    let only = wrong(&format!("[roles.R.service]\n{COMMAND}{}", pipe("service = \"R\"")));
    assert!(only.contains("take `service` out"), "{only}");
}

#[test]
fn services_have_names_of_their_own() {
    let shown = wrong(&services(&[("a", ""), ("b", "name = \"A\"")]));
    assert!(shown.contains("two services of the role have the same name but for case"), "{shown}");
}

#[test]
fn one_service_and_several_do_not_go_together() {
    let both = format!("[roles.R.service]\n{COMMAND}{}", services(&[("a", "")]));
    assert!(wrong(&both).contains("has both `service` and `services`"));
    for key in ["depends-on = [\"a\"]", "essential = false"] {
        let shown = wrong(&format!("[roles.R.service]\n{COMMAND}{key}"));
        assert!(shown.contains("is for a role with several services"), "{shown}");
    }
}

const INSTALLED: &str = "[roles.R.services.Spooler]\n[roles.R.pipes.spoolss]\n\
                         [roles.R.endpoints.E]\nprotocol = \"smb\"\nport = 4445\n";

#[test]
fn an_installed_service_needs_windows_or_wine() {
    let windows = good(System::Windows, INSTALLED);
    let role = &windows.roles()[0];
    assert_eq!((role.services[0].name.as_str(), &role.services[0].command), ("Spooler", &None));
    assert_eq!(role.pipes[0].backend, Backend::Instance);
    let shown = wrong(INSTALLED);
    assert!(shown.contains("service `Spooler` has no `command`"), "{shown}");
    assert!(shown.contains("add one, such as") && shown.contains("[roles.….wine] with prefix"), "{shown}");
}

#[test]
fn wine_stands_in_for_windows_on_another_system_only() {
    let text = format!(
        "[[roles.R.startup]]\ncommand = ['C:\\setup\\Install.EXE', \"-install\"]\n\
         [[roles.R.startup]]\ncommand = [\"true\"]\n\
         [roles.R.wine]\nprefix = \"prefix\"\nprogram = \"wine64\"\nstartup-timeout = \"1m\"\n{INSTALLED}\
         [roles.R.pipes.own]\nbackend = \"unix:own.sock\"\nsddl = \"D:(A;;GA;;;AU)\"\n"
    );
    let linux = good(System::Linux, &text);
    let role = &linux.roles()[0];
    let wine = role.wine.as_ref().unwrap();
    assert_eq!(wine.prefix.as_deref(), Some(Path::new("/demo/prefix")));
    assert_eq!(wine.program, Some(Program::Name("wine64".to_owned())));
    assert_eq!(wine.startup_timeout, Duration::from_mins(1));
    let [native, own] = &role.pipes[..] else { panic!("two pipes") };
    assert_eq!(native.backend, Backend::Wine);
    assert!(native.mode.is_none() && native.descriptor.is_none(), "the pipe itself has both");
    assert!(own.mode.is_some() && own.backend == Backend::UnixSocket("/demo/own.sock".into()));
    assert_eq!(role.startup.iter().map(|task| task.in_wine).collect::<Vec<_>>(), [true, false]);
    assert_eq!(role.startup[0].command.program, Program::Name(r"C:\setup\Install.EXE".to_owned()));

    let windows = good(System::Windows, &text.replace("backend = \"unix:own.sock\"\n", ""));
    let role = &windows.roles()[0];
    assert!(role.wine.is_none() && !role.startup[0].in_wine);
    assert_eq!(role.pipes[0].backend, Backend::Instance);
}

#[test]
fn what_a_service_logs_beside_its_output_can_be_said() {
    let text = "[roles.R.wine]\n[roles.R.service]\nname = \"S\"\nlogs = { event-log = [\"Application\", \
                \"System:Service Control Manager\"], files = [\"logs/*.log\", 'C:\\logs\\s?.txt'] }\n";
    let deployment = good(System::Linux, text);
    let logs = &deployment.roles()[0].services[0].logs;
    let source = |channel: &str, provider: Option<&str>| EventSource {
        channel: channel.to_owned(),
        provider: provider.map(str::to_owned),
    };
    assert_eq!(
        logs.event_log,
        [source("Application", None), source("System", Some("Service Control Manager"))]
    );
    assert_eq!(logs.files, [Path::new("/demo/logs/*.log"), Path::new(r"C:\logs\s?.txt")]);

    let installed = good(System::Windows, "[roles.R.service]\nname = \"S\"\n");
    assert_eq!(installed.roles()[0].services[0].logs.event_log, [source("Application", None)]);
    let process = good(System::Windows, &format!("[roles.R.service]\n{COMMAND}"));
    assert_eq!(process.roles()[0].services[0].logs.event_log, []);

    for (logs, message) in [
        ("event-log = [\"\"]", "`event-log` names no channel"),
        ("event-log = [\"System:\"]", "`event-log` names no channel"),
        ("event-log = [\"Sys'tem\"]", "`event-log` names no channel"),
        ("files = [\"logs/\"]", "`files` names no file"),
        ("files = [\"*/x.log\"]", "`*` and `?` can stand in the last part of a path only"),
        ("colour = 1", "unknown key `colour` in the logs of the service"),
    ] {
        let shown = wrong(&format!("[roles.R.service]\n{COMMAND}logs = {{ {logs} }}"));
        assert!(shown.contains(message), "{shown}");
    }
}

#[test]
fn the_rules_of_a_service_can_be_said() {
    let text = format!(
        "[roles.R.service]\n{COMMAND}environment-allow = [\"APP_*\"]\nenvironment-deny = [\"APP_KEY\"]\n\
         when-paused = \"continue\"\nrecovery = \"refuse\"\nstart-timeout = \"20s\"\nstart-timeout-limit = \"1m\"\n\
         stop-timeout-limit = \"2m\"\n"
    );
    let deployment = good(System::Linux, &text);
    let service = &deployment.roles()[0].services[0];
    assert!(service.passed_on.reaches_installed("APP_X") && !service.passed_on.reaches_installed("APP_KEY"));
    assert_eq!((service.when_paused, service.recovery), (WhenPaused::Continue, Recovery::Refuse));
    assert_eq!(service.start_timeout_limit, Duration::from_mins(1));
    assert_eq!(
        (service.stop_timeout, service.stop_timeout_limit),
        (Duration::from_secs(10), Duration::from_mins(2))
    );
    assert_eq!(deployment.roles()[0].stop_limit(), Duration::from_secs(120 + 5 + 5));
    assert!(wrong(&text.replace("1m", "1s")).contains("is shorter than `start-timeout`"));
    assert!(wrong(&text.replace("2m", "2s")).contains("is shorter than `stop-timeout`"));
    assert!(wrong(&text.replace("APP_*", "A=B")).contains("`A=B` is not a pattern of a variable's name"));
}

/// A role whose service has this probe and makes these pipes.
fn probed(probe: &str, pipes: &[&str]) -> String {
    let pipe = |name: &&str| format!("[roles.R.pipes.{name}]\nsddl = \"D:(A;;GA;;;AU)\"\n");
    let pipes: String = pipes.iter().map(pipe).collect();
    format!(
        "[roles.R.service]\n{COMMAND}{probe}\n{pipes}[roles.R.endpoints.P]\nprotocol = \"smb\"\nport = 1\n"
    )
}

#[test]
fn a_probe_asks_what_its_keys_say() {
    let question = |probe: &str| {
        let deployment = good(System::Linux, &probed(probe, &["p"]));
        let service = &deployment.roles()[0].services[0];
        (service.probe.question.clone(), service.probe.misses, service.check_interval.as_secs())
    };
    assert_eq!(question(""), (Question::Listening, 3, 10));
    assert_eq!(question("probe.type = \"none\"\nprobe.misses = 1"), (Question::Nothing, 1, 10));
    let (pipe, timeout) = ("p".to_owned(), Duration::from_secs(1));
    let open = Question::Open { pipe: pipe.clone(), timeout };
    assert_eq!(question("probe = { type = \"open\", timeout = \"1s\", interval = \"4s\" }"), (open, 3, 4));
    let replies = [
        ("", ExpectedReply::Any),
        ("expect = \"ok\"", ExpectedReply::Exact(b"ok".to_vec())),
        ("expect-hex = \"0a ff\"", ExpectedReply::Exact(vec![10, 255])),
        ("expect = \"ok\"\nmatch = \"prefix\"", ExpectedReply::Prefix(b"ok".to_vec())),
        ("expect = \"ok *\"\nmatch = \"pattern\"", ExpectedReply::Pattern("ok *".to_owned())),
    ];
    for (keys, reply) in replies {
        let probe = format!("[roles.R.service.probe]\nsend = \"ping\"\ntimeout = \"1s\"\n{keys}");
        let request = Question::Request { pipe: pipe.clone(), timeout, request: b"ping".to_vec(), reply };
        assert_eq!(question(&probe).0, request, "{keys}");
    }
}

#[test]
fn a_probe_that_cannot_be_is_pointed_at() {
    for (probe, pipes, message) in [
        ("type = \"open\"", &[][..], "the probe has no pipe to open"),
        ("type = \"open\"", &["p", "q"], "add pipe = \"NAME\"; the pipes of the service are `p` and `q`"),
        ("send = \"x\", pipe = \"r\"", &["p"], "the service makes no pipe `r`"),
        ("type = \"request\"", &["p"], "the probe has no `send`"),
        ("type = \"open\", send = \"x\"", &["p"], "the probe has `send`, and sends no request"),
        ("expect = \"x\"", &["p"], "the probe has `expect`, and sends no request"),
        ("send = \"x\", send-hex = \"00\"", &["p"], "both `send` and `send-hex`"),
        ("send-hex = \"0\"", &["p"], "`send-hex` is not hexadecimal"),
        ("send = \"x\", expect-hex = \"00\", match = \"pattern\"", &["p"], "a pattern of the probe is text"),
        ("send = \"x\", timeout = \"11s\"", &["p"], "`timeout` is longer than its `interval`"),
    ] {
        let shown = wrong(&probed(&format!("probe = {{ {probe} }}"), pipes));
        assert!(shown.contains(message), "{probe}: {shown}");
    }
}

#[test]
fn only_a_service_with_a_command_can_notify() {
    let shown = read(System::Windows, "[roles.R.service]\nname = \"S\"\nnotify = true").unwrap_err();
    assert!(shown.contains("only a service with a `command` can notify"), "{shown}");
    assert!(good(System::Linux, &probed("notify = true", &["p"])).roles()[0].services[0].notifies);
}
