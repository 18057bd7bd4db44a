//! Habits that no lint knows: the order of derives, the width of comments, the length of files, and log lines
//! without Rust.

use std::fs;
use std::path::Path;

use super::Site;
use crate::shell::{Failure, Result};

/// Where our sources are.
const FOLDERS: &[&str] = &["bench", "crates", "examples", "fuzz/src", "fuzz/tests", "tests", "xtask"];
/// The standard traits in the order in which they are derived; others follow.
const ORDER: [&str; 9] =
    ["Debug", "Clone", "Copy", "PartialEq", "Eq", "PartialOrd", "Ord", "Hash", "Default"];
/// The most columns of a line with a comment.
const COLUMNS: usize = 110;
/// The most lines of a file; a longer one wants to be split by its ideas.
const LINES: usize = 600;

/// The macros of log lines that people read every day.
const LOG_LINES: [&str; 3] = ["info!(", "warn!(", "error!("];

/// Fails with every line of our sources that breaks a habit.
pub(crate) fn run(site: &Site<'_>) -> Result<()> {
    let root = site.workspace.root();
    let mut found = Vec::new();
    for folder in FOLDERS {
        let cannot = |error| Failure(format!("cannot read {folder}: {error}"));
        look_in(&root.join(folder), root, &mut found).map_err(cannot)?;
    }
    if found.is_empty() {
        return Ok(());
    }
    for line in &found {
        println!("{line}");
    }
    Err(Failure(format!("{} lines break a habit; CONTRIBUTING.md has them", found.len())))
}

/// What is wrong with a line, if anything is.
fn wrong_with(line: &str) -> Option<String> {
    if has_other_order(line) {
        return Some(format!("derives stand in the order {}, then others", ORDER.join(", ")));
    }
    is_wide_comment(line).then(|| format!("a line with a comment has {COLUMNS} columns at most"))
}

fn look_in(folder: &Path, root: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                look_in(&path, root, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            let shown = path.strip_prefix(root).unwrap_or(&path).display();
            let lines = text.lines().count();
            if lines > LINES {
                found.push(format!("{shown}: a file has {LINES} lines at most, this one has {lines}"));
            }
            if shown.to_string().contains("/src/") && !shown.to_string().contains("test") {
                let lines = rust_in_log_lines(&text).into_iter();
                found.extend(
                    lines.map(|line| format!("{shown}:{line}: a log line shows a value as Rust writes it")),
                );
            }
            for (index, line) in text.lines().enumerate() {
                found.extend(wrong_with(line).map(|why| format!("{shown}:{}: {why}", index + 1)));
            }
        }
    }
    Ok(())
}

/// The numbers of the lines on which a log line begins that shows a value by `Debug`: `Some("anna")` says
/// nothing to a person.
fn rust_in_log_lines(text: &str) -> Vec<usize> {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    // Not the names of the macros in a text.
    let is_call = |place: usize| !text[..place].ends_with('"');
    let begins = LOG_LINES.iter().flat_map(|name| {
        text.match_indices(name).filter(|(place, _)| is_call(*place)).map(|(place, _)| place + name.len())
    });
    let mut lines: Vec<usize> = begins
        .filter(|begin| text.get(*begin..).is_some_and(|rest| shows_debug(call_of(rest))))
        .map(|begin| text[..begin].matches('\n').count() + 1)
        .collect();
    lines.sort_unstable();
    lines
}

/// The arguments of a macro, up to the parenthesis that ends them.
fn call_of(rest: &str) -> &str {
    let mut depth = 1_u32;
    let end = rest.find(|c: char| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    &rest[..end.unwrap_or(rest.len())]
}

/// Whether one of the arguments is written with `?`.
fn shows_debug(call: &str) -> bool {
    let marks = call.match_indices('?').any(|(place, _)| {
        let before = call[..place].trim_end().chars().next_back();
        let after = call[place + 1..].chars().next();
        matches!(before, None | Some(',' | '='))
            && after.is_some_and(|c| c.is_alphabetic() || "*&\"_".contains(c))
    });
    marks || call.contains("?}")
}

/// Whether a line derives standard traits in another order, or after others.
fn has_other_order(line: &str) -> bool {
    let derives = line.trim_start().strip_prefix("#[derive(").and_then(|rest| rest.strip_suffix(")]"));
    let Some(derives) = derives else { return false };
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    !derives.split(',').map(|name| place(name.trim())).is_sorted()
}

fn is_wide_comment(line: &str) -> bool {
    // A row of a table cannot be broken, nor can an address.
    let can_be_broken = !line.contains("://") && !line.contains("//! |") && !line.contains("/// |");
    line.trim_start().starts_with("//") && line.chars().count() > COLUMNS && can_be_broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_traits_are_derived_in_one_order_and_before_others() {
        assert!(!has_other_order("#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]"));
        assert!(!has_other_order("    #[derive(Debug, thiserror::Error)]"));
        assert!(has_other_order("#[derive(Clone, Debug)]"));
        assert!(has_other_order("#[derive(Args, Debug)]"));
        assert!(!has_other_order("let text = \"#[derive(Clone, Debug)]\";"));
    }

    #[test]
    fn a_log_line_shows_no_value_as_rust_writes_it() {
        let bad = [
            "warn!(?user, \"x\");",
            "tracing::info!(%a,\n    took = ?b(), \"x\");",
            "error!(\"x {why:?}\");",
        ];
        for line in bad {
            assert_eq!(rust_in_log_lines(line), [1], "{line}");
        }
        let good = [
            "warn!(%user, \"is it? {why}\");",
            "debug!(?user);",
            "info!(\"{}\", a()?);",
            "is_ok()?;\ninfo!(\"x\");",
        ];
        for line in good {
            assert!(rust_in_log_lines(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_comment_is_no_wider_than_the_code() {
        assert!(!is_wide_comment(&format!("// {}", "x".repeat(COLUMNS - 3))));
        assert!(is_wide_comment(&format!("    /// {}", "x".repeat(COLUMNS))));
        assert!(!is_wide_comment(&format!("// https://{}", "x".repeat(COLUMNS))));
        assert!(!is_wide_comment(&format!("let long = {};", "x".repeat(COLUMNS))));
    }
}
