//! The live view: a few lines at the bottom of the terminal that are drawn anew, and log lines that scroll by
//! above them.

use std::fmt::Write as _;
use std::time::Duration;

use standpipe_system::foreign::in_one_line;

use super::queue::LogQueue;

/// How long a terminal that takes nothing is waited for when the view is taken away.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lines at the bottom of a terminal. Clones share it.
#[derive(Clone)]
pub(crate) struct LiveView(LogQueue);

impl LiveView {
    /// A view among the log lines of this queue.
    pub(crate) fn new(queue: LogQueue) -> Self {
        Self(queue)
    }

    /// Shows these lines instead of those before. Each is cut to `width` columns, as a line that wraps could
    /// not be drawn over. Does not wait for the terminal.
    pub(crate) fn show(&self, lines: &[String], width: usize) {
        self.0.show(lines.iter().map(|line| cut(&in_one_line(line), width)).collect(), width);
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self) {
        self.0.show(Vec::new(), usize::MAX);
        self.0.flush(Some(PATIENCE));
    }
}

/// What is on the terminal.
#[derive(Default)]
pub(super) struct Shown {
    lines: Vec<String>,
    /// How many lines are on the terminal now.
    drawn: usize,
}

impl Shown {
    /// The bytes that draw these lines over those before, on a terminal of `width` columns.
    pub(super) fn show(&mut self, lines: Vec<String>, width: usize) -> Vec<u8> {
        if lines == self.lines && self.drawn == lines.len() {
            return Vec::new();
        }
        self.wrap(width);
        self.lines = lines;
        self.redraw(b"")
    }

    /// The bytes that write whole log lines above the view, on a terminal that has `width` columns now.
    pub(super) fn scroll(&mut self, log: &[u8], width: impl FnOnce() -> usize) -> Vec<u8> {
        if self.lines.is_empty() || log.is_empty() {
            return log.to_vec();
        }
        self.wrap(width());
        self.redraw(log)
    }

    /// A terminal that became narrower has wrapped what is on it.
    fn wrap(&mut self, width: usize) {
        let rows = |line: &String| line.chars().count().div_ceil(width.max(1)).max(1);
        if self.drawn > 0 {
            self.drawn = self.lines.iter().map(rows).sum();
        }
    }

    /// Takes the view away, writes what is to stay, and draws the view below it: in one piece, so that it
    /// does not flicker.
    fn redraw(&mut self, above: &[u8]) -> Vec<u8> {
        let mut text = String::new();
        if self.drawn > 0 {
            // Up to the first line of the view, and clear from there to the end of the screen.
            let _ = write!(text, "\r\u{1b}[{}A\u{1b}[J", self.drawn);
        }
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(above);
        let view: String = self.lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        bytes.extend_from_slice(view.as_bytes());
        self.drawn = self.lines.len();
        bytes
    }
}

/// A line without colours, cut to a number of columns.
fn cut(line: &str, width: usize) -> String {
    // A character is taken for one column: names, addresses and states are.
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_view_is_drawn_over_itself() {
        let mut shown = Shown::default();
        assert_eq!(shown.show(lines("one\ntwo"), 80), b"one\ntwo\n");
        assert_eq!(shown.show(lines("one\ntwo"), 80), b"", "nothing changed");
        assert_eq!(shown.show(lines("three"), 80), b"\r\x1b[2A\x1b[Jthree\n");
        assert_eq!(shown.show(Vec::new(), 80), b"\r\x1b[1A\x1b[J");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_drawn_over_as_well() {
        let mut shown = Shown::default();
        shown.show(lines("\n123456789\n1234"), 80);
        assert_eq!(shown.show(lines("1"), 4), b"\r\x1b[5A\x1b[J1\n");
    }

    #[test]
    fn log_lines_scroll_above_the_view() {
        let mut shown = Shown::default();
        assert_eq!(shown.scroll(b"before\n", || 80), b"before\n");
        shown.show(lines("view"), 80);
        assert_eq!(shown.scroll(b"a line\n", || 80), b"\r\x1b[1A\x1b[Ja line\nview\n");
        assert_eq!(shown.scroll(b"", || 80), b"");
        // The terminal became narrower before the view was drawn anew.
        assert_eq!(shown.scroll(b"next\n", || 2), b"\r\x1b[2A\x1b[Jnext\nview\n");
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(cut("äbcdef", 4), "äbc…");
        assert_eq!(cut("äbcd", 4), "äbcd");
    }
}
