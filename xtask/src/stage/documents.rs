//! The documents name files that exist: paths in backticks, and the targets of links.

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
