//! The documents name what exists: paths in backticks, tests, and the targets of links.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::Workspace;

/// Paths in backticks are checked in these, which lead a newcomer through the code.
const GUIDES: &[&str] = &["CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/RELEASE.md"];

/// A word in backticks is a path when it starts with one of these.
const FOLDERS: &[&str] = &[
    ".ci/",
    ".config/",
    ".github/",
    "bench/",
    "crates/",
    "docs/",
    "examples/",
    "fuzz/",
    "packaging/",
    "tests/",
    "xtask/",
];

/// The words in backticks that are paths from the root of the workspace.
fn paths(text: &str) -> Vec<&str> {
    let words = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |word: &&str| {
        !word.contains(char::is_whitespace) && FOLDERS.iter().any(|folder| word.starts_with(folder))
    };
    words.filter(is_path).collect()
}

/// Whether a path exists. Where a component is in capitals, such as `COMMAND.rs`, the folder before it
/// counts.
fn exists(root: &Path, path: &str) -> bool {
    let is_placeholder = |component: &&str| {
        let name = component.split('.').next().unwrap_or_default();
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_uppercase())
            && Path::new(component).extension().is_none_or(|extension| extension != "md")
    };
    let known: PathBuf = path.split('/').take_while(|component| !is_placeholder(component)).collect();
    root.join(known).exists()
}

/// Claims in these name the tests that show them.
const CLAIMS: &[&str] = &["docs/SECURITY.md", "docs/pipe-commands.md"];

/// A test's name is a sentence: without its file before it, it is told by having at least so many words.
const WORDS: usize = 5;

/// The words in backticks that are names of tests, such as `a_test_of_something` or `file.rs::a_test_of_it`.
fn tests_named(text: &str) -> Vec<&str> {
    let words = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_name = |name: &str, least: usize| {
        name.split('_').count() >= least
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let names = words.filter_map(|word| match word.rsplit_once("::") {
        Some((_, name)) => is_name(name, 2).then_some(name),
        None => is_name(word, WORDS).then_some(word),
    });
    names.collect()
}

/// All functions in Rust and Python below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let extension = entry.extension().and_then(|extension| extension.to_str());
        if entry.is_dir() {
            functions(&entry, found);
        } else if extension == Some("rs") || extension == Some("py") {
            let text = fs::read_to_string(&entry).unwrap();
            let names = text.split(['\n', ' ']).zip(text.split(['\n', ' ']).skip(1));
            let names = names.filter(|(word, _)| matches!(*word, "fn" | "def"));
            found.extend(names.filter_map(|(_, name)| Some(name.split(['(', '<']).next()?.to_owned())));
        }
    }
}

/// The relative targets of a document's links, without anchors.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter(|target| !target.contains("://") && !target.contains(char::is_whitespace));
    targets
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty() && target.contains(['.', '/']))
        .collect()
}

/// The documents at the root, in `docs` and in the folders of the crates.
fn documents(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_path_buf(), root.join("docs")];
    folders.extend(fs::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path()));
    let files =
        folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn every_path_in_the_guides_exists() {
    let workspace = Workspace::find();
    let mut missing = Vec::new();
    for guide in GUIDES {
        let text = fs::read_to_string(workspace.root().join(guide)).unwrap();
        let wrong = paths(&text).into_iter().filter(|path| !exists(workspace.root(), path));
        missing.extend(wrong.map(|path| format!("{guide}: {path}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_test_that_a_claim_names_exists() {
    let workspace = Workspace::find();
    let mut known = BTreeSet::new();
    for folder in ["crates", "tests", "fuzz", "xtask"] {
        functions(&workspace.root().join(folder), &mut known);
    }
    let mut missing = Vec::new();
    for document in CLAIMS {
        let text = fs::read_to_string(workspace.root().join(document)).unwrap();
        let wrong = tests_named(&text).into_iter().filter(|name| !known.contains(*name));
        missing.extend(wrong.map(|name| format!("{document}: {name}")));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn a_name_of_a_test_is_told_from_other_words() {
    let text =
        "`tests/a.rs::it_is_so`, `this_is_a_test_too`, `net.ipv4.ip_port_start`, `per_account_and_address`";
    assert_eq!(tests_named(text), ["it_is_so", "this_is_a_test_too"]);
}

#[test]
fn every_relative_link_leads_somewhere() {
    let workspace = Workspace::find();
    let mut broken = Vec::new();
    for document in documents(workspace.root()) {
        let text = fs::read_to_string(&document).unwrap();
        let folder = document.parent().unwrap();
        let wrong = links(&text).into_iter().filter(|link| !folder.join(link).exists());
        broken.extend(wrong.map(|link| format!("{}: {link}", document.display())));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn only_paths_from_the_root_are_checked() {
    assert_eq!(
        paths("see `crates/smb/src`, `cargo xtask test`, `/tmp` and `wire/header.rs`"),
        ["crates/smb/src"]
    );
    assert_eq!(links("[a](docs/A.md#top) [b](https://example.com) [c](#here)"), ["docs/A.md"]);
}

#[test]
fn a_placeholder_stands_for_a_file_that_is_still_to_be_written() {
    let workspace = Workspace::find();
    assert!(exists(workspace.root(), "xtask/src/stage/STAGE.rs"));
    assert!(!exists(workspace.root(), "xtask/src/scene/STAGE.rs"));
    assert!(!exists(workspace.root(), "docs/NOWHERE.md"));
}
