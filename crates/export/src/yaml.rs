//! YAML with comments: a maintained serializer writes the values, and the comments are put between its lines.

use serde::Serialize;
use serde_saphyr::ser_error::Error;

/// A comment for the line of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    /// The keys that lead there, with dots between; the place in a list is a number: `spec.ports.0.port`.
    path: String,
    /// The comment, in one or more lines without `#`.
    text: String,
}

impl Note {
    /// A comment above the key at `path`.
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// A value as one YAML document, without `---`.
pub(crate) fn document(value: &impl Serialize, notes: &[Note]) -> Result<String, Error> {
    Ok(annotated(&serde_saphyr::to_string(value)?, notes))
}

/// One part of the way to a key.
enum Step {
    Key(String),
    Item(usize),
}

/// Adds the comments to what the serializer has written in block style.
fn annotated(text: &str, notes: &[Note]) -> String {
    let mut path: Vec<(usize, Step)> = Vec::new();
    // The column of the key whose text of several lines goes on.
    let mut in_text: Option<usize> = None;
    let mut result = String::with_capacity(text.len());
    for line in text.lines() {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if in_text.is_some_and(|column| line.trim().is_empty() || indent > column) {
            push(&mut result, line);
            continue;
        }
        in_text = None;
        let (column, key) = enter(&mut path, line, indent);
        if let Some(key) = key {
            let here = joined(&path);
            let wanted = notes.iter().filter(|note| note.path == here).flat_map(|note| note.text.lines());
            for comment in wanted {
                push(&mut result, &format!("{:indent$}# {comment}", ""));
            }
            let value = key.trim_end();
            if ["|", "|-", "|+", ">", ">-", ">+"].iter().any(|mark| value.ends_with(mark)) {
                in_text = Some(column);
            }
        }
        push(&mut result, line);
    }
    result
}

fn push(result: &mut String, line: &str) {
    result.push_str(line);
    result.push('\n');
}

/// Follows a line: the column of its key and what stands from there on, when it has a key.
fn enter<'l>(path: &mut Vec<(usize, Step)>, line: &'l str, indent: usize) -> (usize, Option<&'l str>) {
    let mut column = indent;
    let mut rest = &line[indent..];
    while let Some(after) = rest.strip_prefix("- ") {
        while path.last().is_some_and(|(at, _)| *at > column) {
            path.pop();
        }
        // The items of a list stand in the column of its key.
        if let Some((at, Step::Item(number))) = path.last_mut()
            && *at == column
        {
            *number += 1;
        } else {
            path.push((column, Step::Item(0)));
        }
        column += 2;
        rest = after;
    }
    let Some((key, _)) = rest.split_once(':').filter(|(_, value)| value.is_empty() || value.starts_with(' '))
    else {
        return (column, None);
    };
    while path.last().is_some_and(|(at, _)| *at >= column) {
        path.pop();
    }
    path.push((column, Step::Key(key.trim_matches(['"', '\'']).to_owned())));
    (column, Some(rest))
}

fn joined(path: &[(usize, Step)]) -> String {
    let steps: Vec<String> = path
        .iter()
        .map(|(_, step)| match step {
            Step::Key(key) => key.clone(),
            Step::Item(number) => number.to_string(),
        })
        .collect();
    steps.join(".")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comments_stand_above_their_keys() {
        let value = json!({
            "a": {"list": [{"x": 1, "xt": "two\nlines: 1\n"}, {"x": 2}], "z": [["p", "q"]]},
            "b": "yes",
        });
        let notes = [
            Note::new("a.list.1.x", "the second"),
            Note::new("b", "last\nword"),
            Note::new("lines", "never: it is a text"),
        ];
        let expected = "\
a:
  list:
  - x: 1
    xt: |
      two
      lines: 1
  # the second
  - x: 2
  z:
  - - p
    - q
# last
# word
b: \"yes\"
";
        assert_eq!(document(&value, &notes).unwrap(), expected);
    }

    #[test]
    fn what_an_old_reader_takes_for_something_else_is_quoted() {
        for text in ["yes", "on", "0440", "1e3", "null", "~", "12:30:45", "1.0", "true", "", "a: b", "# x"] {
            let document = document(&json!({ "k": text }), &[]).unwrap();
            let value = document.trim_end().strip_prefix("k: ").unwrap();
            assert!(value.starts_with(['"', '\'']), "{text}: {document}");
        }
    }
}
