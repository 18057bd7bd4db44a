//! What a service writes elsewhere than to its standard output: files, and the event log of Windows. Each
//! line and each record becomes a log line of ours, as the lines of a process do.
//!
//! The fields of such a line are `process`, the service's name; `stream`, which is `file` or `event-log`
//! (`stdout` or `stderr` for what a process writes); and those that say where it is from. A log of ours that
//! is slow holds up the threads that follow, never the service.

mod event;
mod event_log;
mod files;
mod following;
mod sink;

use std::io;

pub use event::{EventLevel, EventQuery, EventRecord};
pub use files::FilePattern;
pub use sink::LogSink;

use following::Following;

/// The following of what a service logs. When it is dropped, it ends.
#[derive(Debug)]
pub struct ServiceLogs {
    following: Vec<Following>,
}

impl ServiceLogs {
    /// Begins to follow files and records of the event log. What is there already is skipped.
    ///
    /// # Errors
    /// When the system has no thread for it.
    pub fn follow(files: Vec<FilePattern>, events: Vec<EventQuery>, sink: &LogSink) -> io::Result<Self> {
        let mut following = Vec::new();
        if !files.is_empty() {
            following.push(files::follow(files, sink.clone())?);
        }
        if !events.is_empty() {
            following.extend(event_log::follow(events, sink.clone())?);
        }
        Ok(Self { following })
    }

    /// Reads what is left, for two seconds at most. To be called when the service has ended.
    pub async fn end(self) {
        for one in self.following {
            one.end().await;
        }
    }
}
