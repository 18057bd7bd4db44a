//! Realistic definitions, and the files that come of them. `STANDPIPE_WRITE_EXPECTED=1` writes the expected
//! files anew, to be read before they are kept.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use standpipe_import::{Content, Import, InputFile, Options, Outcome, Platform, import};

fn definitions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/definitions")
}

/// The files of a folder, under their names alone.
fn files(folder: &Path) -> Vec<InputFile> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_input = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "csdef" || kind == "cscfg");
    let mut paths: Vec<PathBuf> = paths.filter(is_input).collect();
    paths.sort();
    let read =
        |path: &PathBuf| InputFile { path: path.file_name().unwrap().into(), bytes: fs::read(path).unwrap() };
    paths.iter().map(read).collect()
}

/// The batch files beside a definition.
struct Folder<'a>(&'a Path);

impl Content for Folder<'_> {
    fn find(&self, role: &str, path: &str) -> Option<(String, Vec<u8>)> {
        Some((path.to_owned(), fs::read(self.0.join(role).join(path)).ok()?))
    }
}

fn imported(name: &str, platform: Platform) -> Import {
    let folder = definitions().join(name);
    let none = BTreeMap::new();
    let options = Options {
        configuration: None,
        platform,
        services: &none,
        pipes: &none,
        descriptors: &none,
        content: &Folder(&folder),
        output: Path::new("standpipe.toml"),
    };
    import(&files(&folder), &options).unwrap_or_else(|problems| panic!("{problems}"))
}

fn compare(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("STANDPIPE_WRITE_EXPECTED").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected == text { Ok(()) } else { Err(format!("{} is not\n{text}", path.display())) }
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(definitions())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 9, "{names:?}");
    names
}

#[test]
fn every_definition_becomes_the_files_that_are_expected() {
    let mut wrong = Vec::new();
    for name in names() {
        for (platform, word) in [(Platform::Windows, "windows"), (Platform::Linux, "linux")] {
            let imported = imported(&name, platform);
            let folder = definitions().join(&name).join("expected");
            wrong.extend(compare(&folder.join(format!("{word}.toml")), &imported.deployment).err());
            wrong.extend(compare(&folder.join(format!("{word}.txt")), &imported.report.to_string()).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_file_for_linux_passes_the_check_of_deployment_files() {
    for name in names() {
        let imported = imported(&name, Platform::Linux);
        assert_eq!(imported.report.problems, [""; 0], "{name}");
    }
}

#[test]
fn every_element_and_attribute_of_the_schemas_is_known() {
    for name in names().iter().filter(|name| *name != "unknown") {
        for platform in [Platform::Windows, Platform::Linux] {
            let report = imported(name, platform).report;
            let unknown: Vec<_> =
                report.entries.iter().filter(|entry| entry.outcome == Outcome::Unknown).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:#?}");
        }
    }
}

#[test]
fn what_no_schema_has_is_listed_once_with_its_line() {
    let report = imported("unknown", Platform::Linux).report;
    let listed = report.notable().filter(|entry| entry.outcome == Outcome::Unknown);
    let listed: Vec<(usize, &str)> = listed.map(|entry| (entry.line, entry.what.as_str())).collect();
    let expected = [
        (2, "ServiceDefinition/@{urn:extra}generator"),
        (2, "ServiceDefinition/@colour"),
        (2, "ServiceDefinition/text()"),
        (4, "WorkerRole[Worker]/@flavour"),
        (5, "WorkerRole[Worker]/Quota"),
        (8, "WorkerRole[Worker]/Note"),
        (11, "WorkerRole[Worker]/Runtime/Environment/Variable[A]/@encrypted"),
    ];
    assert_eq!(listed, expected);
    let whole = report.entries.iter().filter(|entry| entry.outcome == Outcome::Unknown).count();
    assert_eq!(whole, expected.len() + 5, "what is in Quota and Note counts too");
}

#[test]
fn no_secret_gets_into_a_file_or_a_report() {
    for name in names() {
        for platform in [Platform::Windows, Platform::Linux] {
            let imported = imported(&name, platform);
            let all = format!("{}{}{:?}", imported.deployment, imported.report, imported.report);
            for secret in ["somePassword", "hunter2", "P@ssw0rd", "AccountKey=", "0a1b2c3d"] {
                assert!(!all.contains(secret), "{name}: {secret}");
            }
        }
    }
}
