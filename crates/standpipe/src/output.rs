//! The one place that writes to stdout and stderr: data to stdout, everything else to stderr.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use clap::ValueEnum;

use standpipe_system::foreign;

use crate::failure::Failure;
use crate::logging::{LiveView, LogQueue, Stream};

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// Where a command writes to, and whether colours are wanted there.
pub(crate) struct Output {
    colour_out: bool,
    colour_err: bool,
    queue: LogQueue,
    /// How long a reader of stderr that takes nothing is waited for; without it, for ever.
    patience: Option<Duration>,
}

impl Output {
    /// `queue` is the way to stderr. A reader of it that takes nothing is waited for as long as `patience`;
    /// without one, for ever.
    pub(crate) fn new(colour: Colour, queue: LogQueue, patience: Option<Duration>) -> Self {
        let auto = |is_terminal: bool| {
            let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            is_terminal && !no_color && !dumb
        };
        let wanted = |is_terminal: bool| match colour {
            Colour::Auto => auto(is_terminal),
            Colour::Always => true,
            Colour::Never => false,
        };
        Self {
            colour_out: wanted(io::stdout().is_terminal()),
            colour_err: wanted(io::stderr().is_terminal()),
            queue,
            patience,
        }
    }

    /// Whether log lines and errors are coloured.
    pub(crate) fn colours_errors(&self) -> bool {
        self.colour_err
    }

    /// The view that log lines must not write over.
    pub(crate) fn live_view(&self) -> LiveView {
        LiveView::new(self.queue.clone())
    }

    /// Writes a line of data, or several. Whatever others have put into it can only be read.
    pub(crate) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        self.line_after("", line)
    }

    /// Writes a line of data that begins with a word in bold, where colours are wanted on stdout.
    pub(crate) fn line_after(&mut self, bold: &str, rest: impl fmt::Display) -> Result<(), Failure> {
        let (bold, rest) = (foreign::in_one_line(bold), rest.to_string());
        let bold = match bold {
            bold if bold.is_empty() || !self.colour_out => bold.into_owned(),
            bold => format!("\u{1b}[1m{bold}\u{1b}[0m"),
        };
        writeln!(io::stdout().lock(), "{bold}{}", foreign::in_lines(&rest)).map_err(Failure::output)
    }

    /// Writes data as it is.
    #[expect(clippy::unused_self, reason = "all output goes through this type")]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(Failure::output)
    }

    /// Writes a line that somebody else made up. On a terminal it cannot do more than be read: what is
    /// neither text nor an end of a line or a tab is shown as its number. Elsewhere it is written as it is.
    pub(crate) fn foreign_text(&mut self, text: &[u8]) -> Result<(), Failure> {
        if io::stdout().is_terminal() {
            self.line(foreign::bytes_in_lines(text))
        } else {
            self.bytes(&[text, b"\n"].concat())
        }
    }

    /// Writes rows under a heading, in columns as wide as they need to be.
    pub(crate) fn table<const N: usize>(&mut self, rows: &[[String; N]]) -> Result<(), Failure> {
        for (index, line) in columns(rows).iter().enumerate() {
            if index == 0 {
                self.line_after(line, "")?;
            } else {
                self.line(line)?;
            }
        }
        Ok(())
    }

    /// Writes JSON, for people to read as well.
    #[expect(clippy::unused_self, reason = "all output goes through this type")]
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::output(error.into()))?;
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{}", foreign::in_json(&text)).map_err(Failure::output)
    }

    /// Says something that is not data.
    pub(crate) fn note(&mut self, note: impl fmt::Display) {
        self.say(&foreign::in_lines(&note.to_string()));
    }

    /// Says a text in which nothing harms.
    fn say(&mut self, note: &str) {
        self.queue.flush(self.patience);
        self.queue.push(Stream::Err, format!("{note}\n").into_bytes());
        // What is written next to stdout comes after it.
        self.queue.flush(self.patience);
    }

    /// Says why a command failed: `error:`, its causes, `hint:`.
    pub(crate) fn failure(&mut self, failure: &Failure) {
        let text = failure.render(self.colour_err);
        if !text.is_empty() {
            self.say(text.trim_end());
        }
    }
}

/// Rows as lines in which the cells of a column start at the same place.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let shown = |row: &[String; N]| row.each_ref().map(|cell| foreign::in_one_line(cell).into_owned());
    let rows: Vec<[String; N]> = rows.iter().map(shown).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_line_and_does_nothing_to_a_terminal() {
        let rows = [["NAME", "STATE"], ["a\u{1b}[2J\nb", "\u{202e}x"]].map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), ["NAME           STATE", "a\\u{1b}[2J\\nb  \\u{202e}x"]);
    }
}
