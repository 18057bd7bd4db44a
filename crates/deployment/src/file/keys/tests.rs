use super::Absent::WrongWithout;
use super::*;

fn all() -> Vec<&'static Keys> {
    let mut found: Vec<&'static Keys> = vec![&DEPLOYMENT];
    let mut next = 0;
    while let Some(keys) = found.get(next).copied() {
        next += 1;
        for key in keys.keys {
            if let Table(keys) | Named(keys) | List(keys) = key.holds
                && !found.iter().any(|known| known.name == keys.name)
            {
                found.push(keys);
            }
        }
    }
    found
}

#[test]
fn every_table_and_every_key_in_it_has_a_name_of_its_own() {
    let mut tables: Vec<_> = all().iter().map(|keys| keys.name).collect();
    tables.sort_unstable();
    assert_eq!(
        tables,
        [
            "call",
            "deployment",
            "endpoint",
            "health",
            "limits",
            "local-storage",
            "logs",
            "pipe",
            "probe",
            "role",
            "service",
            "startup",
            "wine"
        ]
    );
    for keys in all() {
        let mut names = keys.names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), keys.keys.len(), "{}", keys.name);
    }
}

#[test]
fn a_key_that_may_stand_instead_of_another_one_says_so_on_both_sides() {
    for keys in all() {
        for key in keys.keys {
            let WrongWithout(other) = key.absent else { continue };
            let other = keys.get(other).unwrap();
            assert_eq!(other.absent, WrongWithout(key.name), "{}", key.name);
        }
    }
}

/// A value that the table promises when the key is not there, as the text of the deployment file.
fn promised(table: &str, key: &str) -> &'static str {
    let keys = all().into_iter().find(|keys| keys.name == table).unwrap();
    let Means(default) = keys.get(key).unwrap().absent else { panic!("{key} has no default") };
    default.trim_matches('`').trim_matches('"')
}

#[test]
fn the_defaults_are_those_that_the_table_promises() {
    use crate::{Backend, Deployment, Machine, ProcessEnvironment, Source, System};
    let text = r#"
        name = "Demo"
        [roles.R.local-storage.cache]
        [roles.R.wine]
        [roles.R.service]
        command = ["true"]
        [roles.R.pipes.each]
        sddl = "D:(A;;GRGW;;;AU)"
        command = ["true"]
        [roles.R.endpoints.E]
        protocol = "smb"
        port = 4445
        [roles.R.calls.each]
        target = "R/E"
        user = "u"
        password-env = "P"
        [roles.R.endpoints.W]
        protocol = "http"
        port = 8080
    "#;
    let source = Source::new("standpipe.toml", text);
    let linux = Machine { system: System::Linux, folder: "/".into() };
    let deployment = Deployment::from_source_for(&source, &linux, &ProcessEnvironment);
    let deployment = deployment.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let role = &deployment.roles()[0];
    let service = &role.services[0];
    let Backend::Command(command) = &role.pipes[0].backend else { panic!("no command") };
    let durations = [
        ("service", "check-interval", service.check_interval),
        ("service", "start-timeout", service.start_timeout),
        ("service", "start-timeout-limit", service.start_timeout_limit),
        ("service", "stop-timeout", service.stop_timeout),
        ("wine", "startup-timeout", role.wine.as_ref().unwrap().startup_timeout),
        ("pipe", "stop-timeout", command.stop_timeout),
        ("call", "connect-timeout", role.calls[0].connect_timeout),
    ];
    for (table, key, used) in durations {
        assert_eq!(humantime::parse_duration(promised(table, key)).unwrap(), used, "{table}: {key}");
    }
    assert_eq!(promised("deployment", "update-domains"), deployment.update_domains().to_string());
    assert_eq!(promised("role", "drain-timeout"), humantime::format_duration(role.drain_timeout).to_string());
    assert_eq!(promised("role", "on-settings-change"), "ignore");
    assert_eq!(role.on_settings_change, crate::OnSettingsChange::Ignore);
    assert_eq!(promised("local-storage", "size"), "100MiB");
    assert_eq!(role.local_storage[0].size, 100 * 1024 * 1024);
    assert_eq!(
        promised("local-storage", "clean-on-recycle"),
        role.local_storage[0].clean_on_recycle.to_string()
    );
    assert_eq!(promised("role", "instances"), role.instances.to_string());
    assert_eq!(promised("service", "max-failures"), service.max_failures.to_string());
    assert_eq!((role.pipes[0].max_instances, role.pipes[0].tells_caller), (Some(64), false));
}
