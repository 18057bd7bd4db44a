//! What is known from the answers to one question, and when to ask again. Pure: the time comes from the
//! caller.

use std::time::{Duration, Instant};

use standpipe_backoff::Backoff;

use crate::places::Place;

/// How long the last set is kept when the answer is that there is nothing: longer than all instances take to
/// start again.
pub const KEPT_WHEN_NOTHING_IS_THERE: Duration = Duration::from_secs(30);

/// How long the last set is kept when the question cannot be asked, or gets no answer.
pub const KEPT_WHEN_ASKING_FAILS: Duration = Duration::from_mins(10);

/// An answer is asked for again after its TTL, but not sooner than this…
const SHORTEST: Duration = Duration::from_secs(1);
/// … and not later than this.
const LONGEST: Duration = Duration::from_mins(5);
/// Where there is nothing, the question is asked again this soon at the latest: an instance that starts
/// should not have to wait for long.
const LONGEST_WITH_NOTHING: Duration = Duration::from_secs(5);
/// Pauses after failures.
const RETRY: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };

/// What a question was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// These, for so long.
    Places(Vec<Place>, Duration),
    /// That there is nothing, for so long where that is known.
    Nothing(Option<Duration>),
    /// There was no answer.
    Failure,
}

/// What an answer changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next {
    /// Whether what is known has changed.
    pub(crate) changed: bool,
    /// When to ask again.
    pub(crate) pause: Duration,
}

/// What is known from the answers to one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    places: Vec<Place>,
    /// When they were last heard of.
    heard: Option<Instant>,
    /// Answers that failed since one did not.
    failures: u32,
}

impl Known {
    /// The places, in order and each once.
    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether the last answer was a failure.
    pub(crate) fn fails(&self) -> bool {
        self.failures > 0
    }

    /// Takes an answer. `random` keeps processes that lost the same server from asking it all at once.
    pub(crate) fn take(&mut self, now: Instant, answer: Answer, random: u64) -> Next {
        match answer {
            Answer::Places(mut places, ttl) => {
                places.sort();
                places.dedup();
                self.failures = 0;
                self.heard = Some(now);
                let changed = self.places != places;
                self.places = places;
                Next { changed, pause: ttl.clamp(SHORTEST, LONGEST) }
            }
            Answer::Nothing(ttl) => {
                self.failures = 0;
                let pause = ttl.unwrap_or(LONGEST_WITH_NOTHING).clamp(SHORTEST, LONGEST_WITH_NOTHING);
                Next { changed: self.forget(now, KEPT_WHEN_NOTHING_IS_THERE), pause }
            }
            Answer::Failure => {
                self.failures = self.failures.saturating_add(1);
                let changed = self.forget(now, KEPT_WHEN_ASKING_FAILS);
                Next { changed, pause: RETRY.jittered(self.failures, random) }
            }
        }
    }

    /// Forgets what was not heard of for too long; whether there was something.
    fn forget(&mut self, now: Instant, kept: Duration) -> bool {
        let is_old = self.heard.is_some_and(|heard| now.saturating_duration_since(heard) >= kept);
        if is_old {
            self.heard = None;
        }
        is_old && !std::mem::take(&mut self.places).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str) -> Place {
        Place::of_server(standpipe_client::ServerAddress::new(host, 445).unwrap())
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn found(hosts: &[&str], ttl: u64) -> Answer {
        Answer::Places(hosts.iter().map(|host| place(host)).collect(), seconds(ttl))
    }

    #[test]
    fn an_answer_replaces_the_one_before_and_is_asked_for_again_after_its_ttl() {
        let (mut known, start) = (Known::default(), Instant::now());
        let next = known.take(start, found(&["10.0.0.2", "10.0.0.1", "10.0.0.2"], 5), 0);
        assert_eq!(next, Next { changed: true, pause: seconds(5) });
        assert_eq!(known.places(), [place("10.0.0.1"), place("10.0.0.2")]);
        // Servers turn the order round.
        assert!(!known.take(start, found(&["10.0.0.1", "10.0.0.2"], 5), 0).changed);
        assert!(known.take(start, found(&["10.0.0.2"], 5), 0).changed);
        assert_eq!(known.places(), [place("10.0.0.2")]);
    }

    #[test]
    fn no_ttl_makes_it_ask_all_the_time_or_never() {
        let (mut known, now) = (Known::default(), Instant::now());
        assert_eq!(known.take(now, found(&["10.0.0.1"], 0), 0).pause, seconds(1));
        assert_eq!(known.take(now, found(&["10.0.0.1"], 1_000_000), 0).pause, seconds(300));
        assert_eq!(known.take(now, Answer::Nothing(Some(Duration::ZERO)), 0).pause, seconds(1));
        assert_eq!(known.take(now, Answer::Nothing(Some(seconds(3600))), 0).pause, seconds(5));
    }

    #[test]
    fn the_last_set_is_kept_for_a_while_when_there_is_nothing() {
        let (mut known, start) = (Known::default(), Instant::now());
        known.take(start, found(&["10.0.0.1"], 5), 0);
        for second in [5, 10, 29] {
            assert!(!known.take(start + seconds(second), Answer::Nothing(None), 0).changed);
            assert_eq!(known.places(), [place("10.0.0.1")]);
        }
        assert!(known.take(start + seconds(30), Answer::Nothing(None), 0).changed);
        assert!(known.places().is_empty());
        assert!(!known.take(start + seconds(90), Answer::Nothing(None), 0).changed);
    }

    #[test]
    fn the_last_set_is_kept_for_longer_when_nobody_answers() {
        let (mut known, start) = (Known::default(), Instant::now());
        known.take(start, found(&["10.0.0.1"], 5), 0);
        let (mut now, mut asked) = (start + seconds(5), 0);
        while !known.places().is_empty() {
            let next = known.take(now, Answer::Failure, u64::MAX);
            assert!(next.pause >= Duration::from_millis(500) && next.pause <= seconds(30), "{next:?}");
            asked += 1;
            now += next.pause;
        }
        let kept = now.duration_since(start);
        assert!(kept >= KEPT_WHEN_ASKING_FAILS && kept <= KEPT_WHEN_ASKING_FAILS + seconds(60), "{kept:?}");
        assert!(asked < 60, "{asked} questions in ten minutes");
        assert!(known.take(now, found(&["10.0.0.1"], 5), 0).changed && !known.fails());
    }

    #[test]
    fn a_failure_between_answers_changes_nothing() {
        let (mut known, start) = (Known::default(), Instant::now());
        known.take(start, found(&["10.0.0.1"], 5), 0);
        assert!(!known.take(start + seconds(599), Answer::Failure, 0).changed && known.fails());
        // The ten minutes begin with the last answer that said something.
        assert!(!known.take(start + seconds(599), found(&["10.0.0.1"], 5), 0).changed);
        assert!(!known.take(start + seconds(1198), Answer::Failure, 0).changed);
        assert!(known.take(start + seconds(1199), Answer::Failure, 0).changed);
    }
}
