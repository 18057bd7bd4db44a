//! What a server counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a server has done since it was bound; see [`Snapshot`] for the meanings.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) connections: Counter,
    pub(crate) connections_refused: Counter,
    pub(crate) connections_displaced: Counter,
    pub(crate) connections_ended: Counter,
    pub(crate) log_ons: Counter,
    pub(crate) log_ons_refused: Counter,
    pub(crate) bad_signatures: Counter,
    pub(crate) opens: Counter,
    pub(crate) opens_refused: Counter,
    pub(crate) opens_ended: Counter,
    pub(crate) requests: Counter,
    pub(crate) replies: Counter,
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
