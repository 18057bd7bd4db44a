//! The tables of what Standpipe does: each of their rows names the tests that prove it, which have to exist.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{Failure, Result};

/// The tables, and how many columns each of their rows has.
const TABLES: &[(&str, usize)] = &[
    // What is sent, what Windows does, what Standpipe does, the source, the tests.
    ("docs/pipe-commands.md", 5),
    // The fault, what Standpipe does, the tests.
    ("docs/faults.md", 3),
];
/// Where tests are.
const FOLDERS: &[&str] = &["crates", "tests"];

/// Fails with every row that names no test, or one that does not exist.
pub(super) fn check(root: &Path) -> Result<()> {
    let mut files = HashMap::new();
    for folder in FOLDERS {
        read_sources(&root.join(folder), &mut files)
            .map_err(|error| Failure(format!("cannot read the tests in {folder}: {error}")))?;
    }
    let exists = |path: &str, name: &str| {
        files.iter().any(|(file, text): (&PathBuf, &String)| file.ends_with(path) && has_test(text, name))
    };
    let mut wrong = Vec::new();
    for &(table, columns) in TABLES {
        let path = root.join(table);
        let text =
            fs::read_to_string(&path).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        wrong.extend(problems(&text, columns, exists).into_iter().map(|what| format!("{table}, {what}")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Failure(wrong.join("\n"))) }
}

/// What is wrong with a table, line by line; `exists` says whether a file has a test of that name.
fn problems(table: &str, columns: usize, exists: impl Fn(&str, &str) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, line) in table.lines().enumerate() {
        let Some(row) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let is_head =
            cells.last() == Some(&"test") || cells.iter().all(|cell| cell.chars().all(|c| c == '-'));
        if is_head {
            continue;
        }
        let mut say = |what: String| wrong.push(format!("line {}: {what}", index + 1));
        if cells.len() != columns || cells.iter().any(|cell| cell.is_empty()) {
            say(format!("a row has {columns} columns, and none is empty"));
            continue;
        }
        for test in cells.last().into_iter().flat_map(|tests| tests.split(", ")) {
            let name = test.strip_prefix('`').and_then(|test| test.strip_suffix('`'));
            match name.and_then(|name| name.split_once("::")) {
                Some((file, name)) if exists(file, name) => {}
                Some(_) => say(format!("there is no test {test}")),
                None => say(format!("{test} is not of the form `file::name`")),
            }
        }
    }
    wrong
}

/// Whether a source has a function of this name that is a test: in Rust one with an attribute that says so,
/// in Python one whose name does.
fn has_test(source: &str, name: &str) -> bool {
    let python = format!("def {name}(");
    let rust = format!("fn {name}(");
    let mut attributes = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            attributes |= line.contains("test]") || line.contains("test(");
        } else if line.starts_with(&python) {
            return name.starts_with("test_");
        } else if line.trim_start_matches("async ").starts_with(&rust) {
            return attributes;
        } else if !line.starts_with("//") {
            attributes = false;
        }
    }
    false
}

fn read_sources(folder: &Path, files: &mut HashMap<PathBuf, String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            read_sources(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            files.insert(path.clone(), fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Workspace;

    #[test]
    fn every_test_of_the_table_exists() {
        check(Workspace::find().root()).unwrap();
    }

    #[test]
    fn a_row_without_a_test_that_exists_is_named() {
        let table = "| a | b | c | d | test |\n| --- | --- | --- | --- | --- |\n\
                     | x | y | z | s | `a.rs::there` |\n\
                     | x | y | z | s | `a.rs::there`, `a.rs::gone` |\n\
                     | x | y | z | s | soon |\n\
                     | x | y | z | s | |\n\
                     | x | y | z | `a.rs::there` |\n";
        let wrong = problems(table, 5, |file, name| (file, name) == ("a.rs", "there"));
        let lines: Vec<&str> = wrong.iter().map(|line| &line[..6]).collect();
        assert_eq!(lines, ["line 4", "line 5", "line 6", "line 7"], "{wrong:?}");
    }

    #[test]
    fn a_function_that_is_no_test_proves_nothing() {
        let source = "#[test]\n#[cfg(unix)]\nfn one() {\n}\nfn helper() {\n}\n\
                      #[tokio::test(start_paused = true)]\nasync fn two() {}\n";
        assert!(has_test(source, "one") && has_test(source, "two"));
        assert!(!has_test(source, "helper") && !has_test(source, "on") && !has_test(source, "three"));
        let source = "def test_it(client):\n    pass\n\ndef reversed_by(client):\n    pass\n";
        assert!(has_test(source, "test_it") && !has_test(source, "reversed_by"));
    }
}
