//! The one limit on log lines: nobody who can make this process write lines can make it write any number.
//!
//! It stands before everything that writes, so that no line gets around it, whichever part of the program it
//! comes from. Each place in the program has its own number of lines in a period; what is beyond is counted,
//! and told as one line when the period is over. The lines of processes are not counted: whoever writes them
//! is held back instead.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::OUTPUT_TARGET;

/// How long lines are counted together.
const PERIOD: Duration = Duration::from_secs(10);

/// Lines of one place in a period that has a client's name, address or call in them.
const LINES_OF_CLIENTS: u32 = 100;

/// Lines of any other place in a period: more than this program has instances to speak of.
const LINES: u32 = 2000;

/// The fields that tell of a client.
const CLIENTS_FIELDS: [&str; 4] = ["peer", "caller", "call", "local"];

/// The target of the lines that tell how many were left out.
const TARGET: &str = "standpipe::flood";

/// How much of a message is repeated to tell what was left out, in characters.
const REPEATED: usize = 100;

/// The limit. Clones share their counts.
#[derive(Clone, Default)]
pub(super) struct Flood(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    places: HashMap<Identifier, Lines>,
    /// Whether a thread waits for the end of the period, to tell what was left out.
    has_teller: bool,
}

struct Lines {
    since: Instant,
    written: u32,
    left_out: u64,
    /// The message of the first that was left out, to name the others by.
    message: String,
}

impl Flood {
    /// Whether this line may be written now.
    fn admits(&self, event: &Event<'_>, now: Instant) -> bool {
        let metadata = event.metadata();
        if metadata.target() == OUTPUT_TARGET
            || metadata.target() == TARGET
            || *metadata.level() > Level::INFO
        {
            return true;
        }
        let is_of_clients = CLIENTS_FIELDS.iter().any(|field| metadata.fields().field(field).is_some());
        let most = if is_of_clients { LINES_OF_CLIENTS } else { LINES };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = counts.places.entry(metadata.callsite()).or_insert_with(|| Lines {
            since: now,
            written: 0,
            left_out: 0,
            message: String::new(),
        });
        if now.duration_since(lines.since) >= PERIOD {
            (lines.since, lines.written) = (now, 0);
        }
        if lines.written < most {
            lines.written += 1;
            return true;
        }
        if lines.left_out == 0 {
            lines.message.clear();
            event.record(&mut Message(&mut lines.message));
        }
        lines.left_out += 1;
        if !std::mem::replace(&mut counts.has_teller, true) {
            drop(counts);
            self.tell_later();
        }
        false
    }

    /// Tells what was left out when a period is over, until there is nothing more to tell.
    fn tell_later(&self) {
        let flood = self.clone();
        let teller = std::thread::Builder::new().name("log-flood".to_owned()).spawn(move || {
            loop {
                std::thread::sleep(PERIOD);
                if !flood.tell() {
                    return;
                }
            }
        });
        if teller.is_err() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).has_teller = false;
        }
    }

    /// Writes a line for each place of which lines were left out, and says whether there was any. If not,
    /// there is no teller any more.
    pub(super) fn tell(&self) -> bool {
        let left_out: Vec<(u64, String)> = {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let places = counts.places.values_mut().filter(|lines| lines.left_out > 0);
            let left_out: Vec<_> = places
                .map(|lines| (std::mem::take(&mut lines.left_out), std::mem::take(&mut lines.message)))
                .collect();
            counts.has_teller &= !left_out.is_empty();
            left_out
        };
        // Without the lock, as these lines come by here, too.
        for (more, message) in &left_out {
            tracing::warn!(target: TARGET, "{more} more like it: {message}");
        }
        !left_out.is_empty()
    }
}

impl<S: Subscriber> Layer<S> for Flood {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        self.admits(event, Instant::now())
    }
}

/// Keeps the beginning of an event's message.
struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.extend(format!("{value:?}").chars().take(REPEATED));
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// Keeps the messages that come by.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut message = String::new();
            event.record(&mut Message(&mut message));
            self.0.lock().unwrap().push(message);
        }
    }

    fn kept(flood: &Flood, log: impl FnOnce()) -> Vec<String> {
        let kept = Kept::default();
        let subscriber = tracing_subscriber::registry().with(kept.clone()).with(flood.clone());
        tracing::subscriber::with_default(subscriber, log);
        std::mem::take(&mut *kept.0.lock().unwrap())
    }

    #[test]
    fn a_flood_from_one_place_becomes_a_number_and_others_are_heard() {
        let flood = Flood::default();
        let said = kept(&flood, || {
            for number in 0..1000 {
                tracing::warn!(peer = "192.0.2.1", number, "refused");
            }
            tracing::error!(caller = "somebody", "another place");
            flood.tell();
            flood.tell();
        });
        let refused = said.iter().filter(|message| *message == "refused").count();
        assert_eq!(refused, LINES_OF_CLIENTS as usize);
        assert_eq!(said[refused..], ["another place", "900 more like it: refused"], "told once");
    }

    #[test]
    fn no_place_writes_without_end_whatever_its_fields() {
        let flood = Flood::default();
        let said = kept(&flood, || (0..5000).for_each(|number| tracing::info!("line {number}")));
        assert_eq!(said.len(), LINES as usize);
    }

    #[test]
    fn lines_of_processes_are_not_counted_here() {
        let flood = Flood::default();
        let said = kept(&flood, || {
            for _ in 0..5000 {
                tracing::info!(target: OUTPUT_TARGET, process = "S", "a line");
            }
        });
        assert_eq!(said.len(), 5000);
    }

    #[test]
    fn a_period_later_lines_are_written_again() {
        let flood = Flood::default();
        let line = || tracing::warn!(peer = "192.0.2.1", "refused");
        assert_eq!(kept(&flood, || (0..200).for_each(|_| line())).len(), LINES_OF_CLIENTS as usize);
        for lines in flood.0.lock().unwrap().places.values_mut() {
            // As if the period had begun that much earlier.
            lines.since -= PERIOD;
        }
        assert_eq!(kept(&flood, line), ["refused"]);
    }
}
