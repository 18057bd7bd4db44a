//! Strings of the file: their value with `${NAME}` put in, and where each byte of the value came from, so
//! that a mistake *inside* a string (an SDDL entry, say) can be pointed at.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env::VarError;
use std::ops::Range;

use super::problem::{Problem, Span};

/// Where `${NAME}` gets its value: the process environment, or a test's.
pub trait Environment {
    /// The value of one variable.
    fn get(&self, name: &str) -> Result<String, VarError>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn get(&self, name: &str) -> Result<String, VarError> {
        std::env::var(name)
    }
}

/// An environment without variables: for deployment files that come from programs, and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoVariables;

impl Environment for NoVariables {
    fn get(&self, _name: &str) -> Result<String, VarError> {
        Err(VarError::NotPresent)
    }
}

/// An environment that notes which of its variables are read.
pub(crate) struct Recorded<'a> {
    environment: &'a dyn Environment,
    names: RefCell<BTreeSet<String>>,
}

impl<'a> Recorded<'a> {
    pub(crate) fn new(environment: &'a dyn Environment) -> Self {
        Self { environment, names: RefCell::default() }
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.names.borrow_mut().clear();
    }

    /// The variables read since.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.names.borrow().clone()
    }
}

impl Environment for Recorded<'_> {
    fn get(&self, name: &str) -> Result<String, VarError> {
        self.names.borrow_mut().insert(name.to_owned());
        self.environment.get(name)
    }
}

/// A string value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    value: String,
    span: Span,
    /// For each byte of `value`, where it stands in the file; one more at the end.
    origins: Vec<usize>,
}

impl Text {
    /// The value.
    pub(crate) fn as_str(&self) -> &str {
        &self.value
    }

    /// The whole literal in the file, quotes included.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Where a part of the value stands in the file.
    pub(crate) fn part(&self, bytes: Range<usize>) -> Span {
        let at = |index: usize| self.origins.get(index).copied().unwrap_or(self.span.end);
        let start = at(bytes.start);
        start..at(bytes.end).max(start)
    }

    /// A value of the file's text `file` that stands at `span` and that the parser read as `decoded`, with
    /// `${NAME}` replaced from the environment and `$${` read as `${`.
    pub(super) fn expand(
        file: &str,
        span: Span,
        decoded: &str,
        environment: &dyn Environment,
    ) -> Result<Self, Problem> {
        let places = literal_places(file, &span, decoded);
        let place = |index: usize| places.get(index).copied().unwrap_or(span.end);
        let mut text = Self { value: String::new(), span: span.clone(), origins: Vec::new() };
        let mut at = 0;
        while let Some(rest) = decoded.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest.find('$').unwrap_or(rest.len());
            if plain > 0 {
                text.push(&rest[..plain], |index| place(at + index));
                at += plain;
            } else if rest.starts_with("$${") {
                text.push("${", |index| place(at + 1 + index));
                at += 3;
            } else if rest.starts_with("${") {
                let here = place(at)..place(at + 2).max(place(at) + 1);
                let Some(length) = rest.find('}') else {
                    return Err(Problem::at(here, "`${` is not closed").hint(
                        "write `${NAME}` for a variable of the environment, or `$${` for the two characters",
                    ));
                };
                let name = &rest[2..length];
                let value = variable(name, environment).map_err(|(message, hint)| {
                    Problem::at(place(at)..place(at + length + 1), message).hint(hint)
                })?;
                text.push(&value, |_| place(at));
                at += length + 1;
            } else {
                text.push("$", |_| place(at));
                at += 1;
            }
        }
        text.origins.push(place(decoded.len()));
        Ok(text)
    }

    fn push(&mut self, part: &str, place: impl Fn(usize) -> usize) {
        self.value.push_str(part);
        self.origins.extend((0..part.len()).map(place));
    }
}

/// The value of a variable, or what is wrong and what to do about it.
fn variable(name: &str, environment: &dyn Environment) -> Result<String, (String, String)> {
    if !is_variable_name(name) {
        return Err((
            format!("`{name}` is not the name of an environment variable"),
            "names are letters, digits and `_`, and start with no digit; `$${` stands for the two characters"
                .to_owned(),
        ));
    }
    environment.get(name).map_err(|error| match error {
        VarError::NotPresent => (
            format!("the environment variable `{name}` is not set"),
            format!(
                "set it before starting, for example `{name}=… standpipe check`, or write the value here"
            ),
        ),
        VarError::NotUnicode(_) => (
            format!("the environment variable `{name}` is not valid UTF-8"),
            "set it to plain text".to_owned(),
        ),
    })
}

/// Whether every shell accepts this as a variable's name.
pub(crate) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// For each byte of a decoded string, where it stands in the file; one more at the end for the closing quote.
///
/// The parser has read the literal already; this walks it a second time only to keep the places. Should the
/// two ever differ, every byte counts as standing at the start of the literal: a coarser caret, never a wrong
/// one.
fn literal_places(file: &str, span: &Span, decoded: &str) -> Vec<usize> {
    let raw = file.get(span.clone()).unwrap_or_default();
    let mut value = String::new();
    let mut places = Vec::new();
    walk_literal(raw, |c, at| {
        value.push(c);
        places.extend(std::iter::repeat_n(span.start + at, c.len_utf8()));
    });
    if value == decoded {
        // Each byte of a character that stands for itself has a place of its own; an escape is one place.
        let quote = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
        places.push(span.end.saturating_sub(quote).max(span.start));
        places
    } else {
        vec![span.start; decoded.len() + 1]
    }
}

/// Calls `each` with every character that a TOML string literal stands for and its byte offset in the
/// literal.
fn walk_literal(raw: &str, mut each: impl FnMut(char, usize)) {
    let multi = raw.starts_with("\"\"\"") || raw.starts_with("'''");
    let escapes = raw.starts_with('"');
    let quote = if multi { 3 } else { 1 };
    let Some(end) = raw.len().checked_sub(quote).filter(|end| *end >= quote) else { return };
    let mut at = quote;
    if multi {
        // A line end right after the opening quotes does not count.
        at += line_end(&raw[at..]);
    }
    while let Some(c) = raw.get(at..end).and_then(|rest| rest.chars().next()) {
        if c != '\\' || !escapes {
            // A CR LF in a multi-line string is read as it stands or as LF, depending on the parser; both are
            // tried by the comparison in the caller.
            each(c, at);
            at += c.len_utf8();
            continue;
        }
        let rest = &raw[at + 1..end];
        match rest.chars().next() {
            Some('u') => at += hex_escape(rest, 4, at, &mut each),
            Some('U') => at += hex_escape(rest, 8, at, &mut each),
            Some('x') => at += hex_escape(rest, 2, at, &mut each),
            Some(c) if c.is_whitespace() => {
                // A backslash at the end of a line swallows the white space up to the next character.
                at += 1 + (rest.len() - rest.trim_start().len());
            }
            Some(c) => {
                let value = match c {
                    'b' => '\u{8}',
                    't' => '\t',
                    'n' => '\n',
                    'f' => '\u{c}',
                    'r' => '\r',
                    'e' => '\u{1b}',
                    other => other,
                };
                each(value, at);
                at += 1 + c.len_utf8();
            }
            None => return,
        }
    }
}

/// The length of an escape with `digits` hexadecimal digits, after its backslash.
fn hex_escape(rest: &str, digits: usize, at: usize, each: &mut impl FnMut(char, usize)) -> usize {
    let code = rest.get(1..=digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    if let Some(c) = code.and_then(char::from_u32) {
        each(c, at);
    }
    2 + digits
}

/// The length of the line end that the text starts with, or 0.
fn line_end(text: &str) -> usize {
    if text.starts_with("\r\n") { 2 } else { usize::from(text.starts_with('\n')) }
}

#[cfg(test)]
mod tests;
