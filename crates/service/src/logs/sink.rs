//! Where the lines go: the log of this process.

use std::path::Path;

use tracing::{Dispatch, Span, error, info, warn};

use super::event::{EventLevel, EventRecord};

/// The target of log lines that a service wrote.
macro_rules! target {
    () => {
        "standpipe::output"
    };
}

/// Makes log lines under a service's name, with the span and for the subscriber that were current when it was
/// made: the lines come from other threads.
#[derive(Debug, Clone)]
pub struct LogSink {
    service: String,
    span: Span,
    dispatch: Dispatch,
}

impl LogSink {
    /// A sink for the lines of `service`.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            span: Span::current(),
            dispatch: tracing::dispatcher::get_default(Clone::clone),
        }
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// A line of a file. `partial`: the line goes on in the next one, as it is too long to be kept whole.
    pub fn line(&self, file: &Path, text: &str, partial: bool) {
        let (process, file) = (self.service.as_str(), file.display());
        let partial = partial.then_some(true);
        self.within(|| info!(target: target!(), process, stream = "file", %file, partial, "{text}"));
    }

    /// A record of the event log.
    pub fn record(&self, record: &EventRecord) {
        let process = self.service.as_str();
        let EventRecord { channel, provider, event_id, record_id, created, message, .. } = record;
        let (channel, created) = (channel.as_deref(), created.as_deref());
        macro_rules! say {
            ($level:ident) => {
                $level!(
                    target: target!(), process, stream = "event-log", channel, provider, event_id, record_id,
                    created, "{message}"
                )
            };
        }
        self.within(|| match record.level {
            EventLevel::Error => say!(error),
            EventLevel::Warning => say!(warn),
            EventLevel::Information => say!(info),
        });
    }

    /// A line of ours about the logs.
    pub(super) fn warn(&self, about: &str) {
        let service = self.service.as_str();
        self.within(|| warn!(service, "{about}"));
    }

    /// A line of ours about the logs that is no reason to worry.
    pub(super) fn note(&self, about: &str) {
        let service = self.service.as_str();
        self.within(|| info!(service, "{about}"));
    }

    fn within(&self, log: impl FnOnce()) {
        tracing::dispatcher::with_default(&self.dispatch, || self.span.in_scope(log));
    }
}
