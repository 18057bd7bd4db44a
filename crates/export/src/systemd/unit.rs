//! The text of a unit.

use std::fmt::Write;

/// A unit that is being written.
pub(super) struct Unit {
    text: String,
}

impl Unit {
    /// A unit with a comment at its head.
    pub(super) fn new(heading: &str) -> Self {
        Self { text: heading.to_owned() }
    }

    pub(super) fn section(&mut self, name: &str) {
        let _ = writeln!(self.text, "\n[{name}]");
    }

    pub(super) fn set(&mut self, key: &str, value: &str) {
        let _ = writeln!(self.text, "{key}={value}");
    }

    /// A line for a person.
    pub(super) fn comment(&mut self, text: &str) {
        let _ = writeln!(self.text, "# {text}");
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn text(self) -> String {
        self.text
    }
}
