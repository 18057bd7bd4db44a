//! `standpipe import`, from the files of a Cloud Service to a deployment file.

use std::io::{Cursor, Write};
use std::path::Path;

use serde_json::Value;

use crate::support::{Place, assert_seen};

/// The files of the story, as Visual Studio lays them out, in a folder of the test's own.
fn story() -> Place {
    let place = Place::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../import/tests/definitions/story");
    let files = [
        "ServiceDefinition.csdef",
        "ServiceConfiguration.Cloud.cscfg",
        "ServiceConfiguration.Local.cscfg",
        "ServiceWatcher/Startup/Startup.cmd",
        "ASPXServerClient/Startup/Startup.cmd",
    ];
    for file in files {
        place.write(file, &std::fs::read_to_string(from.join(file)).unwrap());
    }
    place
}

const TO_LINUX: [&str; 11] = [
    "import",
    "ServiceDefinition.csdef",
    "ServiceConfiguration.Cloud.cscfg",
    "--platform",
    "linux",
    "--service",
    "ServiceWatcher=./simple-service",
    "--pipe",
    "ServiceWatcher=simple",
    "--sddl",
    "ServiceWatcher=D:(D;OICI;GA;;;BG)(D;OICI;GA;;;AN)(A;OICI;GRGWGX;;;AU)(A;OICI;GA;;;BA)",
];

#[test]
fn the_story_becomes_a_deployment_that_passes_the_check() {
    let place = story();
    let seen = place.seen(&[&TO_LINUX[..], &["-o", "standpipe.toml"]].concat());
    assert!(seen.starts_with("exit 0\n--- stderr\n"), "{seen}");
    assert!(seen.contains("0 unknown") && seen.ends_with("wrote standpipe.toml"), "{seen}");
    let text = std::fs::read_to_string(place.path("standpipe.toml")).unwrap();
    assert!(!text.contains("DECIDE:") && !text.contains("somePassword"), "{text}");
    assert!(text.contains(
        r#"["standpipe", "account", "add", "serviceUser", "--password-file", "secrets/serviceUser"]"#
    ));

    // What the file names has to be there.
    assert!(place.seen(&["check"]).starts_with("exit 78"));
    place.write("simple-service", "").write("secrets/serviceUser", "x");
    place.mode("simple-service", 0o700);
    let path = std::env::join_paths([Path::new(env!("CARGO_BIN_EXE_standpipe")).parent().unwrap()]).unwrap();
    let mut check = place.standpipe(&["check"]);
    check.env("PATH", path);
    assert_seen(
        &crate::support::seen(check, &place.path("")),
        "
exit 0
--- stdout
standpipe.toml: no mistakes: deployment `ServiceDemo` with 2 roles and 3 instances",
    );
}

#[test]
fn the_file_goes_to_standard_output_and_the_report_to_standard_error() {
    let place = story();
    let output = place.standpipe(&["import", "ServiceDefinition.csdef"]).output().unwrap();
    let (file, report) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(file.contains("[roles.ServiceWatcher]") && file.contains("DECIDE:"), "{file}");
    assert!(report.contains("ServiceDefinition.csdef:3: decide: WorkerRole[ServiceWatcher] → "), "{report}");
}

#[test]
fn json_has_every_element_and_the_file() {
    let place = story();
    let output = place.standpipe(&["import", "ServiceDefinition.csdef", "--json"]).output().unwrap();
    assert!(output.stderr.is_empty());
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(printed["deployment"].as_str().unwrap().contains("[roles.ServiceWatcher]"));
    let port = printed["entries"].as_array().unwrap().iter().find(|entry| {
        entry["what"] == "WorkerRole[ServiceWatcher]/Endpoints/InternalEndpoint[NamedPipes]/@port"
    });
    let port = port.unwrap();
    assert_eq!((&port["outcome"], &port["line"]), (&"mapped".into(), &12.into()));
    assert_eq!(port["to"], "roles.ServiceWatcher.endpoints.NamedPipes.port");
}

#[test]
fn another_configuration_can_be_chosen_and_any_order_of_the_files_does() {
    let place = story();
    let files =
        ["ServiceConfiguration.Local.cscfg", "ServiceDefinition.csdef", "ServiceConfiguration.Cloud.cscfg"];
    let cloud = place.seen(&[&["import"], &files[..], &["--configuration", "cloud"]].concat());
    assert!(cloud.contains("# In other configurations: Local: 1.\ninstances = 2"), "{cloud}");
    let first = place.seen(&[&["import"], &files[..]].concat());
    assert!(first.contains("# In other configurations: Cloud: 2.\ninstances = 1"), "{first}");
    assert_seen(
        &place.seen(&[&["import"], &files[..], &["--configuration", "Staging"]].concat()),
        "
exit 78
--- stderr
error: there is no configuration `Staging`
--> ServiceDefinition.csdef
 = hint: those given are Local, Cloud",
    );
}

#[test]
fn a_configuration_of_another_definition_is_refused_and_nothing_is_written() {
    let place = story();
    let text = std::fs::read_to_string(place.path("ServiceConfiguration.Cloud.cscfg")).unwrap();
    let text = text
        .replace(" osFamily=\"1\" osVersion=\"*\"", "")
        .replace("serviceName=\"ServiceDemo\"", "serviceName=\"Shop\"");
    place.write("Other.cscfg", &text.replace("Role name=\"ServiceWatcher\"", "Role name=\"Watcher\""));
    assert_seen(
        &place.seen(&["import", "ServiceDefinition.csdef", "Other.cscfg", "-o", "standpipe.toml"]),
        r#"
exit 78
--- stderr
error: the configuration lacks role `ServiceWatcher` of the definition
 --> Other.cscfg:2:1
  |
2 | <ServiceConfiguration serviceName="Shop" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  | ^^^^^^^^^^^^^^^^^^^^^
  |
  = hint: add <Role name="ServiceWatcher"><Instances count="1" /></Role>

error: this is a configuration of `Shop`, not of `ServiceDemo`
 --> Other.cscfg:2:36
  |
2 | <ServiceConfiguration serviceName="Shop" xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">
  |                                    ^^^^ the definition has another name
  |
  = hint: give the configuration that belongs to the definition, or correct the name

error: the definition has no role `Watcher`
 --> Other.cscfg:3:15
  |
3 |   <Role name="Watcher">
  |               ^^^^^^^ not there
  |
  = hint: its roles are ServiceWatcher, ASPXServerClient

error: 3 problems in Other.cscfg"#,
    );
    assert!(!place.path("standpipe.toml").exists());
}

#[test]
fn a_definition_whose_names_lead_nowhere_is_refused_with_all_of_them() {
    let place = story();
    let text = std::fs::read_to_string(place.path("ServiceDefinition.csdef")).unwrap();
    let text = text
        .replace("endpointName=\"HttpIn\"", "endpointName=\"HttpsIn\"")
        .replace("port=\"80\"", "port=\"80000\" loadBalancerProbe=\"Health\"")
        .replace("<WebRole name=\"ASPXServerClient\"", "<WebRole name=\"servicewatcher\"");
    place.write("ServiceDefinition.csdef", &text);
    let seen = place.seen(&["import", "ServiceDefinition.csdef"]);
    assert!(seen.starts_with("exit 78"), "{seen}");
    for wrong in [
        "ServiceDefinition.csdef:15:18",
        "two roles have one name",
        "the role has no endpoint `HttpsIn`",
        "port must be a number from 1 to 65535",
        "there is no load balancer probe `Health`",
        "error: 4 problems in ServiceDefinition.csdef",
    ] {
        assert!(seen.contains(wrong), "{wrong}\n{seen}");
    }
}

#[test]
fn hostile_xml_is_refused() {
    let place = Place::new();
    place.write("a.csdef", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>\n<a>&x;</a>");
    assert_seen(
        &place.seen(&["import", "a.csdef"]),
        r#"
exit 78
--- stderr
error: the file has a document type declaration
 --> a.csdef:1:1
  |
1 | <!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>
  | ^^^^^^^^^ entities could be declared here
  |
  = hint: remove the DOCTYPE: definitions and configurations need none"#,
    );
    place.write("b.csdef", &"<a>".repeat(1_000_000));
    assert!(place.seen(&["import", "b.csdef"]).starts_with("exit 78"));
    assert!(place.seen(&["import", "c.csdef"]).contains("there is no such file"));
}

#[test]
fn a_file_that_is_there_is_written_over_only_when_asked() {
    let place = story();
    place.write("standpipe.toml", "mine");
    let arguments = ["import", "ServiceDefinition.csdef", "-o", "standpipe.toml"];
    assert_seen(
        &place.seen(&arguments),
        "
exit 64
--- stderr
error: standpipe.toml is there already
hint: name another file, or say --force to write over it",
    );
    assert_eq!(std::fs::read_to_string(place.path("standpipe.toml")).unwrap(), "mine");
    assert!(place.seen(&[&arguments[..], &["--force"]].concat()).starts_with("exit 0"));
    assert!(std::fs::read_to_string(place.path("standpipe.toml")).unwrap().contains("ServiceDemo"));
    let seen = place.seen(&["import", "ServiceDefinition.csdef", "--pipe", "Watcher=simple"]);
    assert!(seen.starts_with("exit 78") && seen.contains("no role `Watcher`"), "{seen}");
    let seen = place.seen(&["import", "ServiceDefinition.csdef", "--pipe", "simple"]);
    assert!(seen.starts_with("exit 64") && seen.contains("expected ROLE=NAME"), "{seen}");
}

fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn the_files_of_a_package_end_up_beside_the_deployment_file() {
    let place = story();
    std::fs::remove_dir_all(place.path("ServiceWatcher")).unwrap();
    std::fs::remove_dir_all(place.path("ASPXServerClient")).unwrap();
    let worker = zipped(&[
        (
            "approot/Startup/startup.CMD",
            b"net user pipeUser Geheim1! /add\r\n\"%~dp0Service.exe\" -install\r\n",
        ),
        ("approot/Startup/Service.exe", b"MZ"),
    ]);
    let web = zipped(&[("approot/bin/Startup/Startup.cmd", b"net user pipeUser Geheim1! /add\r\n")]);
    let package = zipped(&[("ServiceWatcher_0f.cssx", &worker), ("ASPXServerClient_1f.cssx", &web)]);
    std::fs::write(place.path("ServiceDemo.cspkg"), package).unwrap();
    let arguments =
        ["import", "ServiceDefinition.csdef", "--package", "ServiceDemo.cspkg", "-o", "standpipe.toml"];
    let seen = place.seen(&arguments);
    assert!(
        seen.starts_with("exit 0") && seen.contains("ServiceWatcher: 2 files of role ServiceWatcher"),
        "{seen}"
    );
    let text = std::fs::read_to_string(place.path("standpipe.toml")).unwrap();
    assert!(text.contains("command = [\"ServiceWatcher/Startup/startup.CMD\"]"), "{text}");
    assert!(text.contains("user = \"pipeUser\"") && !text.contains("Geheim1!"), "{text}");
    assert_eq!(std::fs::read(place.path("ServiceWatcher/Startup/Service.exe")).unwrap(), b"MZ");

    // What is there already is left alone.
    let again = place.seen(&[&arguments[..], &["--force"]].concat());
    assert!(
        again.starts_with("exit 64") && again.contains("cannot make the folder ServiceWatcher"),
        "{again}"
    );
}

#[test]
fn a_hostile_package_leaves_nothing_behind() {
    let place = story();
    std::fs::remove_dir_all(place.path("ServiceWatcher")).unwrap();
    let hostile = zipped(&[("approot/good", b"1"), ("approot/../../evil", b"2")]);
    std::fs::write(place.path("evil.cspkg"), zipped(&[("ServiceWatcher_1.cssx", &hostile)])).unwrap();
    assert_seen(
        &place.seen(&[
            "import",
            "ServiceDefinition.csdef",
            "--package",
            "evil.cspkg",
            "-o",
            "standpipe.toml",
        ]),
        r#"
exit 78
--- stderr
error: cannot take the files from evil.cspkg
  caused by: the package has a file that may not be there: "../../evil"
hint: nothing was extracted from it; get the package from its source again"#,
    );
    assert!(!place.path("standpipe.toml").exists() && !place.path("ServiceWatcher").exists());
    std::fs::write(place.path("old.cspkg"), zipped(&[("ServiceWatcher_1.cssx", b"\x01\x02 encrypted")]))
        .unwrap();
    let seen =
        place.seen(&["import", "ServiceDefinition.csdef", "--package", "old.cspkg", "-o", "standpipe.toml"]);
    assert!(seen.starts_with("exit 78") && seen.contains("_CSPACK_FORCE_NOENCRYPT_"), "{seen}");
}
