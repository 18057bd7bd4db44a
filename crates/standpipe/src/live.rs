//! The live view: a few lines at the bottom of the terminal that are drawn anew, and log lines that scroll by
//! above them.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The lines at the bottom of a terminal. Everything that goes to the terminal while it is shown goes through
/// it; clones share it.
#[derive(Clone, Default)]
pub(crate) struct LiveView {
    shown: Arc<Mutex<Shown>>,
}

#[derive(Default)]
struct Shown {
    lines: Vec<String>,
    /// How many lines are on the terminal now.
    drawn: usize,
    /// A log line of which the end is still to come.
    unfinished: Vec<u8>,
}

impl LiveView {
    /// Shows these lines instead of those before. Each is cut to `width` columns, as a line that wraps could
    /// not be drawn over.
    pub(crate) fn show(&self, lines: &[String], width: usize, out: &mut impl Write) -> io::Result<()> {
        let lines: Vec<String> = lines.iter().map(|line| cut(line, width)).collect();
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if lines == shown.lines && shown.drawn == lines.len() {
            return Ok(());
        }
        shown.lines = lines;
        shown.redraw(b"", out)
    }

    /// Takes the lines away.
    pub(crate) fn clear(&self, out: &mut impl Write) -> io::Result<()> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.lines.clear();
        let unfinished = std::mem::take(&mut shown.unfinished);
        shown.redraw(&unfinished, out)
    }

    /// Writes log lines above the view.
    fn scroll(&self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.lines.is_empty() {
            return out.write_all(bytes);
        }
        shown.unfinished.extend_from_slice(bytes);
        let Some(end) = shown.unfinished.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
        let rest = shown.unfinished.split_off(end + 1);
        let complete = std::mem::replace(&mut shown.unfinished, rest);
        shown.redraw(&complete, out)
    }
}

impl Shown {
    /// Takes the view away, writes what is to stay, and draws the view below it: in one write, so that it
    /// does not flicker.
    fn redraw(&mut self, above: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut text = Vec::new();
        if self.drawn > 0 {
            // Up to the first line of the view, and clear from there to the end of the screen.
            text.extend_from_slice(format!("\r\u{1b}[{}A\u{1b}[J", self.drawn).as_bytes());
        }
        text.extend_from_slice(above);
        let mut view = String::new();
        for line in &self.lines {
            let _ = writeln!(view, "{line}");
        }
        text.extend_from_slice(view.as_bytes());
        self.drawn = self.lines.len();
        out.write_all(&text)?;
        out.flush()
    }
}

/// The writer for log lines: stderr, above the view when there is one.
impl tracing_subscriber::fmt::MakeWriter<'_> for LiveView {
    type Writer = LogWriter;

    fn make_writer(&self) -> LogWriter {
        LogWriter(self.clone())
    }
}

/// See [`LiveView`]'s `MakeWriter`.
pub(crate) struct LogWriter(LiveView);

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.scroll(bytes, &mut io::stderr().lock())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
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
        let view = LiveView::default();
        let mut out = Vec::new();
        view.show(&lines("one\ntwo"), 80, &mut out).unwrap();
        assert_eq!(out, b"one\ntwo\n");
        out.clear();
        view.show(&lines("one\ntwo"), 80, &mut out).unwrap();
        assert_eq!(out, b"", "nothing changed");
        view.show(&lines("three"), 80, &mut out).unwrap();
        assert_eq!(out, b"\r\x1b[2A\x1b[Jthree\n");
    }

    #[test]
    fn log_lines_scroll_above_the_view_when_they_are_complete() {
        let view = LiveView::default();
        let mut out = Vec::new();
        view.scroll(b"before\n", &mut out).unwrap();
        assert_eq!(out, b"before\n");
        view.show(&lines("view"), 80, &mut out).unwrap();
        out.clear();
        view.scroll(b"half a", &mut out).unwrap();
        assert_eq!(out, b"");
        view.scroll(b" line\nrest", &mut out).unwrap();
        assert_eq!(out, b"\r\x1b[1A\x1b[Jhalf a line\nview\n");
        out.clear();
        view.clear(&mut out).unwrap();
        assert_eq!(out, b"\r\x1b[1A\x1b[Jrest");
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(cut("äbcdef", 4), "äbc…");
        assert_eq!(cut("äbcd", 4), "äbcd");
    }
}
