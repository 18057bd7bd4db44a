//! What a server counts.

use std::sync::Arc;
use std::time::Instant;

use standpipe_metrics::{Counter, Histogram};
use standpipe_smb::server::LogOnRefusal;

/// What a server has done since it was bound; see [`Snapshot`] for the meanings.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) connections: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) connections_displaced: Counter,
    pub(crate) connections_ended: Counter,
    pub(crate) log_ons: Counter,
    pub(crate) log_ons_refused: Counter,
    pub(crate) log_ons_refused_for: [Counter; LogOnRefusal::ALL.len()],
    pub(crate) bad_signatures: Counter,
    pub(crate) opens: Counter,
    pub(crate) opens_refused: Counter,
    pub(crate) opens_ended: Counter,
    pub(crate) open_durations: Histogram,
    pub(crate) requests: Counter,
    pub(crate) replies: Counter,
}

/// An open that is counted for as long as this lives.
pub(crate) struct CountedOpen {
    counters: Arc<Counters>,
    since: Instant,
}

impl CountedOpen {
    pub(crate) fn begin(counters: &Arc<Counters>) -> Self {
        counters.opens.add();
        Self { counters: Arc::clone(counters), since: Instant::now() }
    }
}

impl Drop for CountedOpen {
    fn drop(&mut self) {
        self.counters.opens_ended.add();
        self.counters.open_durations.observe(self.since.elapsed());
    }
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Connections accepted, refused ones included.
    pub connections: u64,
    /// Connections closed when somebody logged on, because there were too many.
    pub connections_refused: u64,
    /// Connections closed because nobody had logged on yet and another one needed the place.
    pub connections_displaced: u64,
    /// Connections there are now.
    pub connections_now: u64,
    /// Log-ons that succeeded.
    pub log_ons: u64,
    /// Log-ons that were refused.
    pub log_ons_refused: u64,
    /// Requests whose signature was missing or wrong.
    pub bad_signatures: u64,
    /// Opens that reached their service.
    pub opens: u64,
    /// Opens that were refused.
    pub opens_refused: u64,
    /// Opens there are now.
    pub opens_now: u64,
    /// Writes handed to services: in message mode one for each request.
    pub requests: u64,
    /// Messages, or pieces in byte mode, that services wrote.
    pub replies: u64,
}

impl Counters {
    pub(crate) fn log_on_refused(&self, kind: LogOnRefusal) {
        self.log_ons_refused.add();
        if let Some(counter) = self.log_ons_refused_for.get(kind as usize) {
            counter.add();
        }
    }

    /// How many log-ons were refused for each kind of reason, by the name of the kind.
    pub fn log_ons_refused_by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        LogOnRefusal::ALL
            .map(LogOnRefusal::name)
            .into_iter()
            .zip(self.log_ons_refused_for.iter().map(Counter::get))
    }

    /// How long opens were there, from when their service took them: those that have ended.
    pub fn open_durations(&self) -> &Histogram {
        &self.open_durations
    }

    /// The counters now. Each is right by itself; together they may be some events apart.
    pub fn snapshot(&self) -> Snapshot {
        let (connections, refused) = (self.connections.get(), self.connections_refused.get());
        let opens = self.opens.get();
        Snapshot {
            connections,
            connections_refused: refused,
            connections_displaced: self.connections_displaced.get(),
            connections_now: connections.saturating_sub(refused).saturating_sub(self.connections_ended.get()),
            log_ons: self.log_ons.get(),
            log_ons_refused: self.log_ons_refused.get(),
            bad_signatures: self.bad_signatures.get(),
            opens,
            opens_refused: self.opens_refused.get(),
            opens_now: opens.saturating_sub(self.opens_ended.get()),
            requests: self.requests.get(),
            replies: self.replies.get(),
        }
    }
}
