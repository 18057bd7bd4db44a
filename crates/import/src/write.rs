//! The text of a deployment file.

use std::fmt::Write;

use standpipe_system::foreign::{in_one_line, is_harmful};

use crate::outline::{Comment, Table, Value};

/// The widest line of a comment.
const WIDTH: usize = 110;

/// Writes tables, with `heading` at the top. Characters that could not stand in a comment are shown as their
/// numbers.
pub(crate) fn write(heading: &[Comment], tables: &[Table]) -> String {
    let mut text = String::new();
    comments(&mut text, heading);
    for table in tables {
        if !text.is_empty() {
            text.push('\n');
        }
        comments(&mut text, &table.comments);
        if !table.path.is_empty() {
            let path = table.path.iter().map(|part| name(part)).collect::<Vec<_>>().join(".");
            let (open, close) = if table.is_item { ("[[", "]]") } else { ("[", "]") };
            let _ = writeln!(text, "{open}{path}{close}");
        }
        for key in &table.keys {
            comments(&mut text, &key.comments);
            let _ = writeln!(text, "{} = {}", name(&key.name), value(&key.value));
        }
    }
    text
}

fn comments(text: &mut String, list: &[Comment]) {
    for comment in list {
        let words = match comment {
            Comment::Note(note) => note.clone(),
            Comment::Decide(question) => format!("DECIDE: {question}"),
        };
        for line in words.split('\n') {
            wrap(text, &in_one_line(line));
        }
    }
}

/// Adds a comment in lines that are not too wide; a line that begins with a blank stays whole.
fn wrap(text: &mut String, comment: &str) {
    if comment.starts_with(' ') || comment.is_empty() {
        let _ = writeln!(text, "{}", format!("# {comment}").trim_end());
        return;
    }
    let mut line = String::from("#");
    for word in comment.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 1 {
            let _ = writeln!(text, "{line}");
            line.truncate(1);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

/// A key, in quotes where it needs them.
fn name(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_bare { key.to_owned() } else { quoted(key) }
}

fn value(value: &Value) -> String {
    match value {
        Value::Text(value) => text(value),
        Value::Number(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::Texts(texts) => {
            format!("[{}]", texts.iter().map(|word| text(word)).collect::<Vec<_>>().join(", "))
        }
        Value::Variables(variables) => {
            let pairs = variables.iter().map(|(key, value)| format!("{} = {}", name(key), text(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A text that the deployment file takes as it is: `${` would name a variable there.
fn text(text: &str) -> String {
    let text = text.replace("${", "$${");
    let is_literal = text.contains('\\') && !text.chars().any(|c| c == '\'' || is_harmful(c));
    if is_literal { format!("'{text}'") } else { quoted(&text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_harmful(c) => {
                let _ = match u32::from(c) {
                    number @ ..=0xFFFF => write!(quoted, "\\u{number:04X}"),
                    number => write!(quoted, "\\U{number:08X}"),
                };
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_keys_and_comments_are_written() {
        let mut table = Table::new(&["roles", "a.b"]);
        table.note("to know");
        table.text("name", r"C:\x").decide("right?");
        table.set("list", Value::Texts(vec!["a\"b".to_owned(), "${X}\u{1}".to_owned()]));
        table.set("variables", Value::Variables(vec![("A B".to_owned(), "c\\'".to_owned())]));
        let written = write(&[Comment::Note("top\n  as it is".to_owned())], &[table]);
        let expected = r#"# top
#   as it is

# to know
[roles."a.b"]
# DECIDE: right?
name = 'C:\x'
list = ["a\"b", "$${X}\u0001"]
variables = { "A B" = "c\\'" }
"#;
        assert_eq!(written, expected);
    }

    #[test]
    fn a_comment_cannot_leave_its_lines() {
        let evil = Comment::Note(format!("a\rb = 1\u{0}{}", " word".repeat(50)));
        let written = write(&[evil, Comment::Decide("x\n[roles.y]".to_owned())], &[]);
        assert!(written.lines().all(|line| line.starts_with('#') && line.len() <= WIDTH), "{written}");
        assert!(written.contains(r"a\rb = 1\u{0}"));
    }
}
