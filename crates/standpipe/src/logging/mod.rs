//! Log lines: on stderr, save that those of services go to stdout as JSON.

mod file;
mod filter;
mod flood;
mod queue;
mod view;

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::io;
use std::sync::OnceLock;
use std::time::SystemTime;

use clap::ValueEnum;
use standpipe_system::foreign::{in_json, in_one_line};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

pub(crate) use self::file::{flush as flush_file, keep_in, keep_words};
use self::flood::Flood;
pub(crate) use self::queue::{LogQueue, Stream};
pub(crate) use self::view::LiveView;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Human,
    /// One JSON object on each line.
    Json,
    /// As for people, but lines of processes are passed on as they are: for `up`, whose instances write such
    /// lines.
    #[value(skip)]
    Relay,
}

/// How this process logs, for the processes it starts to do the same.
#[derive(Debug)]
pub(crate) struct LogOptions {
    /// Which lines.
    pub(crate) filter: String,
    /// How they are written.
    pub(crate) format: LogFormat,
}

/// The target of events that are lines which a process wrote.
const OUTPUT_TARGET: &str = "standpipe::output";

/// What limits the log lines of this process.
static FLOOD: OnceLock<Flood> = OnceLock::new();

/// Writes what was left out of the log and not told yet.
pub(crate) fn tell_rest() {
    if let Some(flood) = FLOOD.get() {
        flood.tell();
    }
}

/// Starts writing log lines. An unreadable filter is reported and replaced by `info`: it is no reason not to
/// run.
pub(crate) fn start(filter: &str, format: LogFormat, colour: bool, queue: LogQueue) {
    let (filter, wrong) = match filter::read(filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(OneStream { queue: queue.clone(), relays: format == LogFormat::Relay })
        .with_ansi(colour)
        // When the reader of the log has gone, there is nobody to report that to either.
        .log_internal_errors(false);
    let flood = Flood::default();
    let started = match format {
        LogFormat::Human => {
            builder.event_format(Human { relays: false }).finish().with(flood.clone()).try_init()
        }
        LogFormat::Relay => {
            builder.event_format(Human { relays: true }).finish().with(flood.clone()).try_init()
        }
        LogFormat::Json => {
            let json = builder.with_writer(Apart(queue)).json().flatten_event(true).with_span_list(false);
            json.finish().with(flood.clone()).try_init()
        }
    };
    // Nor is another one set.
    let _ = FLOOD.set(flood);
    // Only a second start fails, and there is none.
    drop(started);
    if let Some(error) = wrong {
        tracing::warn!(%error, "the log filter cannot be read; using `info`");
    }
}

/// The writer for lines that people read: all go to standard error.
struct OneStream {
    queue: LogQueue,
    /// Whether lines of processes are those of instances, which keep them themselves.
    relays: bool,
}

impl MakeWriter<'_> for OneStream {
    type Writer = LineWriter;

    fn make_writer(&self) -> LineWriter {
        LineWriter { queue: self.queue.clone(), stream: Stream::Err, is_kept: true, is_json: false }
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> LineWriter {
        LineWriter { is_kept: !self.relays || metadata.target() != OUTPUT_TARGET, ..self.make_writer() }
    }
}

/// The writer for lines of JSON: those that a service wrote, or that come from its logs, go to standard
/// output, and those about it to standard error.
struct Apart(LogQueue);

impl MakeWriter<'_> for Apart {
    type Writer = LineWriter;

    fn make_writer(&self) -> LineWriter {
        LineWriter { queue: self.0.clone(), stream: Stream::Err, is_kept: true, is_json: true }
    }

    fn make_writer_for(&self, metadata: &Metadata<'_>) -> LineWriter {
        let stream = if metadata.target() == OUTPUT_TARGET { Stream::Out } else { Stream::Err };
        LineWriter { stream, ..self.make_writer() }
    }
}

/// Takes one line, which comes as a whole.
struct LineWriter {
    queue: LogQueue,
    stream: Stream,
    /// Whether the file of this process gets it, too.
    is_kept: bool,
    /// Whether its text is still as strangers wrote it, save what JSON itself does not allow.
    is_json: bool,
}

impl io::Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = match std::str::from_utf8(line) {
            Ok(json) if self.is_json => Cow::Owned(in_json(json).into_owned().into_bytes()),
            _ => Cow::Borrowed(line),
        };
        if self.is_kept {
            file::keep(&shown);
        }
        self.queue.push(self.stream, shown.into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines for people: `2026-01-02T03:04:05.678Z INFO the service is running pid=7`. A line of a process has
/// its name before it: `… INFO SimpleService | listening`.
struct Human {
    /// Whether lines of processes have their own time and level already: those of instances do.
    relays: bool,
}

impl<S, N> FormatEvent<S, N> for Human
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let is_output = event.metadata().target() == OUTPUT_TARGET;
        if !(self.relays && is_output) {
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            let level = *event.metadata().level();
            if out.has_ansi_escapes() {
                write!(out, "\u{1b}[2m{now}\u{1b}[0m \u{1b}[{}m{level:>5}\u{1b}[0m ", colour_of(level))?;
            } else {
                write!(out, "{now} {level:>5} ")?;
            }
        }
        if is_output {
            writeln!(out, "{} | {}", fields.process, fields.message)
        } else {
            writeln!(out, "{}{}", fields.message, fields.others)
        }
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        Level::TRACE => "35",
    }
}

/// The text of an event, with nothing in it that a terminal would obey: strangers write some of it.
#[derive(Default)]
struct Fields {
    message: String,
    process: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = printable(value),
            "process" => self.process = printable(value),
            // A line of a service is told from others by its name alone.
            "stream" => {}
            name => {
                // A value in which words could be taken for another field is quoted.
                let bare = !value.is_empty() && !value.contains([' ', '"', '=']);
                let value = if bare { value.to_owned() } else { format!("{value:?}") };
                let _ = write!(self.others, " {name}={}", printable(&value));
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = printable(&format!("{value:?}")),
            name => {
                let _ = write!(self.others, " {name}={}", printable(&format!("{value:?}")));
            }
        }
    }
}

/// In one line, in which tabs stay.
fn printable(text: &str) -> String {
    text.split('\t').map(in_one_line).collect::<Vec<_>>().join("\t")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(relays: bool, log: impl FnOnce()) -> Vec<String> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .event_format(Human { relays })
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        let text = String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_line_has_its_time_level_message_and_fields() {
        let lines = lines(false, || tracing::warn!(pid = 7, user = "a b", path = "/x", "it {}", "fell"));
        assert_eq!(&lines[0][24..], "  WARN it fell pid=7 user=\"a b\" path=/x");
        assert!(lines[0].starts_with("20") && lines[0][..24].ends_with('Z'), "{lines:?}");
    }

    #[test]
    fn a_line_of_a_process_has_its_name() {
        let log = || tracing::info!(target: OUTPUT_TARGET, process = "S", stream = "stderr", "up");
        assert_eq!(&lines(false, log)[0][24..], "  INFO S | up");
        assert_eq!(lines(true, log), ["S | up"]);
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        let lines = lines(true, || {
            tracing::info!(target: OUTPUT_TARGET, process = "S", "a\u{1b}[2Jb\r\nc");
            tracing::info!(user = "\u{1b}]0;x\u{7}", other = ?"\n", "hi\u{9b}");
            tracing::info!(user = "a\u{202e} \u{2028}b", name = %"\u{2066}\u{200b}", "hi\u{2029}");
        });
        assert_eq!(lines.len(), 3);
        let harmful = standpipe_system::foreign::is_harmful;
        assert!(lines.iter().all(|line| !line.chars().any(harmful)), "{lines:?}");
    }
}
