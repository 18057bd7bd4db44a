//! A position in a text, and the errors that point at it.

use super::{SddlError, SddlProblem};

/// An error repeats at most this many characters of the text.
const SHOWN: usize = 24;

/// The position of the parser in the text.
#[derive(Clone)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The text that is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(|c| c.is_ascii_whitespace());
    }

    /// Reads the characters that `wanted` holds for; perhaps none.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Reads `count` ASCII characters that are known to stand here.
    pub(super) fn take_ascii(&mut self, count: usize) {
        self.at += count;
    }

    /// Reads `token`, of any case, if it stands here.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().get(..token.len()).is_some_and(|text| text.eq_ignore_ascii_case(token));
        if found {
            self.at += token.len();
        }
        found
    }

    /// Reads `token` behind any white space, or fails.
    pub(super) fn expect(&mut self, token: &str, expected: &'static str) -> Result<(), SddlError> {
        self.skip_space();
        if self.eat(token) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    /// The error that something else should stand here.
    pub(super) fn unexpected(&self, expected: &'static str) -> SddlError {
        let rest = self.rest();
        let token_ends = |c: char| c.is_ascii_whitespace() || matches!(c, ';' | '(' | ')');
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let length = rest.find(token_ends).unwrap_or(rest.len()).max(first);
        let found = rest.get(..length).unwrap_or_default().chars().take(SHOWN).collect();
        self.error(if rest.is_empty() {
            SddlProblem::End(expected)
        } else {
            SddlProblem::Unexpected { expected, found }
        })
    }

    /// An error that points here.
    pub(super) fn error(&self, problem: SddlProblem) -> SddlError {
        SddlError { offset: self.at, problem }
    }
}
