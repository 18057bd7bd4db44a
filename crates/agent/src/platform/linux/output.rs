//! What Wine and the programs in it write to their standard error.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tracing::{Instrument, debug, error, info, warn};

use crate::host::event_log::{Line, Severity, parse};

/// The target of log lines that a service wrote.
const TARGET: &str = "standpipe::output";

/// How many lines are kept for error messages.
const KEPT: usize = 10;

/// The longest line that is read as one.
const LONGEST: u64 = 64 * 1024;

/// The last lines that came and were no reports of services.
#[derive(Debug, Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    fn add(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }

    /// The last line that says what is wrong, or that nothing was said.
    pub(super) fn last(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let telling = lines.iter().rev().find(|line| line.contains("err:") || line.contains("wine: "));
        telling.or(lines.back()).cloned().unwrap_or_else(|| "Wine said nothing".to_owned())
    }
}

/// A pipe for the standard error of everything in a prefix, and its reader. Services keep it when the agent
/// that started them is gone, so it is not the agent's own.
pub(super) fn open(service: Option<String>) -> io::Result<(OwnedFd, LastLines)> {
    let (reader, writer) = io::pipe()?;
    let reader = pipe::Receiver::from_owned_fd(reader.into())?;
    let lines = LastLines::default();
    tokio::spawn(read(reader, lines.clone(), service).in_current_span());
    Ok((writer.into(), lines))
}

async fn read(reader: pipe::Receiver, lines: LastLines, service: Option<String>) {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST).read_until(b'\n', &mut line).await {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let text = String::from_utf8_lossy(&line);
        tell(text.trim_end(), &lines, service.as_deref());
    }
}

/// Puts a line where it belongs.
fn tell(line: &str, lines: &LastLines, service: Option<&str>) {
    match parse(line) {
        Line::Event { severity, text } => {
            let text = text.trim_end();
            // As the log lines of every service: where they are JSON, they go to the standard output.
            match severity {
                Severity::Information => info!(
                    target: TARGET, process = service, stream = "event-log", "{text}"
                ),
                Severity::Warning => warn!(
                    target: TARGET, process = service, stream = "event-log", "{text}"
                ),
                Severity::Error => error!(
                    target: TARGET, process = service, stream = "event-log", "{text}"
                ),
            }
        }
        Line::Other if line.is_empty() => {}
        Line::Other => {
            lines.add(line);
            debug!("Wine: {line}");
        }
    }
}
