//! The event log of Windows, where there is one.

use std::io;

use super::event::EventQuery;
use super::following::Following;
use super::sink::LogSink;

/// Follows records. `None`: there is no event log here, which is said.
#[cfg(not(windows))]
#[expect(clippy::unnecessary_wraps, reason = "Windows has a thread to start")]
pub(super) fn follow(events: Vec<EventQuery>, sink: LogSink) -> io::Result<Option<Following>> {
    let channels: Vec<String> = events.into_iter().map(|query| query.channel).collect();
    sink.note(&format!("this system has no event log, so there are no records of {}", channels.join(", ")));
    drop(sink);
    Ok(None)
}

/// Follows records. `None`: there is no event log here, which is said.
#[cfg(windows)]
pub(super) fn follow(events: Vec<EventQuery>, sink: LogSink) -> io::Result<Option<Following>> {
    use std::time::Instant;

    use super::following::{LAST_LOOK, Turn};

    if crate::platform::event_log::is_wine() {
        sink.note("Wine has no event log: what the service reports there cannot be shown");
        return Ok(None);
    }
    let mut channels: Vec<Channel> = events.into_iter().map(Channel::new).collect();
    // Before the service starts, so that its first record is not missed.
    for channel in &mut channels {
        channel.look(&sink);
    }
    let look = move |turn| {
        let began = Instant::now();
        for channel in &mut channels {
            while channel.look(&sink) && turn == Turn::Last && began.elapsed() < LAST_LOOK {}
        }
    };
    Following::begin(look).map(Some)
}

#[cfg(windows)]
use channel::Channel;

#[cfg(windows)]
mod channel {
    use std::time::{Duration, Instant};

    use super::{EventQuery, LogSink, io};
    use crate::logs::event::EventRecord;
    use crate::platform::event_log::{Subscription, message};

    /// How long after a failure a channel is asked for again.
    const AGAIN: Duration = Duration::from_secs(2);

    /// One channel, whether it is there yet or not.
    pub(super) struct Channel {
        query: EventQuery,
        subscription: Option<Subscription>,
        /// The record that was seen last: after a failure, those that follow it are wanted.
        last: Option<u64>,
        next_attempt: Option<Instant>,
        /// The failure that was reported last.
        reported: Option<u32>,
    }

    impl Channel {
        pub(super) fn new(query: EventQuery) -> Self {
            Self { query, subscription: None, last: None, next_attempt: None, reported: None }
        }

        /// Hands out the records that are there. Returns whether there may be more.
        pub(super) fn look(&mut self, sink: &LogSink) -> bool {
            if self.subscription.is_none() && !self.subscribe(sink) {
                return false;
            }
            let Some(subscription) = &self.subscription else { return false };
            match subscription.next() {
                Ok(events) => {
                    for event in &events {
                        let Ok(xml) = event.xml() else { continue };
                        let mut record = EventRecord::from_xml(&xml, None);
                        if let Some(text) = record.provider.as_deref().and_then(|own| message(event, own)) {
                            record = EventRecord::from_xml(&xml, Some(text));
                        }
                        self.last = record.record_id.or(self.last);
                        sink.record(&record);
                    }
                    !events.is_empty()
                }
                Err(code) => {
                    self.failed(code, sink);
                    false
                }
            }
        }

        fn subscribe(&mut self, sink: &LogSink) -> bool {
            if self.next_attempt.is_some_and(|at| Instant::now() < at) {
                return false;
            }
            match Subscription::begin(
                &self.query.channel,
                &self.query.expression(self.last),
                self.last.is_some(),
            ) {
                Ok(subscription) => {
                    if self.reported.take().is_some() {
                        sink.note(&format!("the event log {} is there now", self.query.channel));
                    }
                    self.subscription = Some(subscription);
                    true
                }
                Err(code) => {
                    self.failed(code, sink);
                    false
                }
            }
        }

        /// The event log may not be up yet (1722), the channel may be made by the service itself (15007): all
        /// is tried again, and said once.
        fn failed(&mut self, code: u32, sink: &LogSink) {
            self.subscription = None;
            self.next_attempt = Instant::now().checked_add(AGAIN);
            if self.reported.replace(code) != Some(code) {
                let channel = &self.query.channel;
                let code = io::Error::from_raw_os_error(code.cast_signed());
                sink.warn(&format!("the event log {channel} cannot be read yet: {code}"));
            }
        }
    }
}
